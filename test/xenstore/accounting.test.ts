/** Whatever guests ask, dom0's nodes stay as they are, and what is counted is what there is. */
import fc from "fast-check";
import { expect, test } from "vitest";
import { XS } from "../../src/abi/io/xs-wire.ts";
import { connectLocal } from "../../src/xenstore/client/client.ts";
import { newConnection } from "../../src/xenstore/connection.ts";
import { Outbox } from "../../src/xenstore/outbox.ts";
import { DEFAULT_QUOTA } from "../../src/xenstore/quota.ts";
import { recordSize, walk } from "../../src/xenstore/tree.ts";
import { outcomeOf } from "../../src/xenstore/wire.ts";
import { Xenstored } from "../../src/xenstore/xenstored.ts";
import { FakeMachine } from "../support/fake-gate.ts";

const GUESTS = [1, 2, 3];
const QUOTA = {
  ...DEFAULT_QUOTA,
  nodes: 3,
  watches: 4,
  transactions: 2,
  transactionNodes: 20,
  memory: 4000,
};

const path = fc.constantFrom(
  "data",
  "data/a",
  "data/a/b",
  "data/a/b/c",
  "data/d",
  "name",
  "/secret",
  "/secret/deep",
  "/local/domain/1/data/a",
  "/local/domain/2/shared",
  "/local/domain/2/shared/x",
  "/",
  "@releaseDomain",
);
const word = fc.constantFrom("", "1", "T", "F", "n1", "n2", "b0", "r3", "n9", "t", "0", "x".repeat(700));
const payload = fc
  .tuple(path, fc.array(word, { maxLength: 3 }), fc.boolean())
  .map(([first, rest, ends]) => [first, ...rest].join("\0") + (ends ? "\0" : ""));
const step = fc.record({
  who: fc.constantFrom(0, ...GUESTS),
  type: fc.constantFrom(
    ...[XS.WRITE, XS.WRITE, XS.MKDIR, XS.RM, XS.SET_PERMS, XS.READ, XS.DIRECTORY],
    ...[XS.TRANSACTION_START, XS.TRANSACTION_END, XS.WATCH, XS.UNWATCH, XS.RESET_WATCHES],
    ...[XS.INTRODUCE, XS.RELEASE, XS.SET_TARGET, XS.CONTROL],
  ),
  txId: fc.nat(3),
  payload: fc.oneof(payload, fc.constantFrom("T\0", "F\0")),
  dies: fc.integer({ min: 0, max: 60 }).map((n) => n === 0),
});

test("any requests of any guests", () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 120 }), (steps) => {
      const machine = new FakeMachine();
      for (const domid of [...GUESTS, 4, 5]) machine.addDomain(domid);
      const xs = new Xenstored(machine.gate, QUOTA);
      const dom0 = connectLocal(xs, machine.clock);
      for (const domid of GUESTS) {
        dom0.write(`/local/domain/${domid}/name`, `guest ${domid}`);
        dom0.setPerms(`/local/domain/${domid}`, [
          { domid: 0, access: "n" },
          { domid, access: "r" },
        ]);
        dom0.write(`/local/domain/${domid}/data`, "");
        dom0.setPerms(`/local/domain/${domid}/data`, [{ domid, access: "n" }]);
      }
      dom0.write("/local/domain/2/shared", "");
      dom0.setPerms("/local/domain/2/shared", [
        { domid: 2, access: "b" },
        { domid: 3, access: "n" },
      ]);
      dom0.write("/secret/deep", "kept");
      const peers = new Map(GUESTS.map((domid) => [domid, xs.connect(domid, new Outbox(), () => {})]));
      const insider = newConnection(0, new Outbox(), () => {});
      const alive = new Set(GUESTS);

      for (const { who, type, txId, payload: said, dies } of steps) {
        if (who === 0) {
          // dom0 only writes among what guests own: what it does is not what is tried here.
          xs.request(insider, { type: XS.WRITE, reqId: 0, txId: 0, payload: "/local/domain/2/shared/x\0" });
          continue;
        }
        const peer = peers.get(who);
        if (peer === undefined || !alive.has(who)) continue;
        if (dies) {
          machine.reap(who);
          machine.settle();
          xs.disconnect(peer);
          alive.delete(who);
          continue;
        }
        xs.request(peer, { type, reqId: 1, txId, payload: said });
        for (let packet = peer.outbox.take(); packet !== undefined; packet = peer.outbox.take()) {
          if (type === XS.READ && said.startsWith("/secret") && packet.type !== XS.WATCH_EVENT) {
            expect(outcomeOf(packet).ok).toBe(false);
          }
        }
        expect(peer.watches.length).toBeLessThanOrEqual(QUOTA.watches + 1);
        expect(peer.transactions.size).toBeLessThanOrEqual(QUOTA.transactions + 1);
      }

      expect(dom0.read("/secret/deep")).toBe("kept");
      expect(dom0.directory("/secret")).toEqual(["deep"]);
      const counted = new Map<number, { nodes: number; bytes: number }>();
      for (const { path: at, node } of walk("/", xs.tree.root)) {
        expect(node.childBytes).toBe(
          [...node.children.keys()].reduce((sum, name) => sum + name.length + 1, 0),
        );
        const owned = counted.get(node.perms[0].domid) ?? { nodes: 0, bytes: 0 };
        owned.nodes++;
        owned.bytes += recordSize(node, node.childBytes) + at.length;
        counted.set(node.perms[0].domid, owned);
      }
      for (const domid of [0, ...GUESTS]) {
        const { nodes, bytes } = counted.get(domid) ?? { nodes: 0, bytes: 0 };
        expect([xs.tree.ownedBy(domid), xs.tree.bytesOf(domid)]).toEqual([nodes, bytes]);
        if (domid !== 0) expect(nodes).toBeLessThanOrEqual(QUOTA.nodes + 1); // one that dom0 made
      }
      for (const domid of GUESTS) {
        if (!alive.has(domid)) expect(xs.tree.ownedBy(domid)).toBe(0);
      }
    }),
    { numRuns: 200 },
  );
});
