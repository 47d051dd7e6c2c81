/**
 * xenstored: the store, who is connected to it, and what happens to a request.
 *
 *   const xs = new Xenstored(gate, clock);
 *   const conn = xs.connect(domid, outbox, wake);     a transport (ring, in-process client, socket) does this
 *   xs.request(conn, packet);                         the answer and events go to the outboxes, then wake() is called
 *
 * Modelled on C xenstored of Xen 4.17: what it answers, in which order events are said, its quotas.
 */
import type { Gate } from "../abi/hypercall.ts";
import { CALLS } from "./calls/index.ts";
import { type Connection, forgetWatches, newConnection } from "./connection.ts";
import { Domains } from "./domains.ts";
import type { Outbox } from "./outbox.ts";
import { no, type XsResult } from "./outcome.ts";
import { isSpecial, parentOf } from "./path.ts";
import { isPrivileged, PERM_READ, type Perms, permsFor, withoutDomain } from "./perms.ts";
import { DEFAULT_QUOTA, type Quota } from "./quota.ts";
import type { Transaction } from "./transaction.ts";
import { type Counter, type Node, Tree, type Visit, walk } from "./tree.ts";
import { View } from "./view.ts";
import { hears, pathFor, type Reach } from "./watch.ts";
import { Watchers } from "./watchers.ts";
import { answer, type Packet, watchEvent } from "./wire.ts";

const ONLY_DOM0: Perms = [{ domid: 0, access: "n" }];

export class Xenstored {
  readonly gate: Gate;
  /** What is in force; CONTROL may change it. */
  quota: Quota;
  /** Counts changes of the store. */
  readonly counter: Counter = { generation: 0 };
  readonly tree: Tree;
  readonly domains: Domains;
  /** Who may hear @introduceDomain and @releaseDomain. */
  readonly specialPerms = new Map<string, Perms>([
    ["@introduceDomain", ONLY_DOM0],
    ["@releaseDomain", ONLY_DOM0],
  ]);
  readonly #connections = new Set<Connection>();
  readonly #watchers = new Watchers();
  #serial = 0;

  constructor(gate: Gate, quota: Quota = DEFAULT_QUOTA) {
    this.gate = gate;
    this.quota = quota;
    this.tree = new Tree(this.counter);
    for (const path of ["/tool", "/tool/xenstored"]) this.tree.put(path, { value: "", perms: ONLY_DOM0 });
    this.domains = new Domains(this);
  }

  connect(domid: number, outbox: Outbox, wake: () => void): Connection {
    const conn = newConnection(domid, outbox, wake, this.#serial++, this.#watchers);
    this.#connections.add(conn);
    return conn;
  }

  disconnect(conn: Connection): void {
    this.#connections.delete(conn);
    forgetWatches(conn);
  }

  /** Carries out one request; its answer is in the connection's outbox when this returns. */
  request(conn: Connection, packet: Packet): void {
    const row = CALLS.get(packet.type);
    let result: XsResult;
    let after: (() => void) | undefined;
    let entries = 1;
    if (row === undefined) {
      result = no("ENOSYS");
    } else if (row.privileged === true && !isPrivileged(conn)) {
      result = no("EACCES");
    } else {
      const found = row.ignoresTransaction === true ? undefined : this.#transactionOf(conn, packet.txId);
      if (found === "unknown") {
        result = no("ENOENT");
      } else {
        const view = new View(this, conn, found);
        const done = row.handle({ xs: this, conn, tx: found, view, payload: packet.payload });
        result = done.result;
        after = done.after;
        entries += view.entries;
      }
    }
    const reply = answer(packet, result);
    conn.outbox.push(reply);
    after?.();
    this.gate.charge("byte", packet.payload.length + reply.payload.length);
    this.gate.charge("entry", entries);
    conn.wake();
  }

  /** Tells every watcher that may know of it. */
  fire(path: string, reach: Reach, oldPerms?: Perms): void {
    for (const conn of this.#watchers.of(path, reach)) {
      let mayHear: boolean | undefined;
      let told = false;
      for (const watch of conn.watches) {
        if (!hears(watch, path, reach)) continue;
        mayHear ??= this.#mayHear(conn, path, oldPerms);
        if (!mayHear) break;
        conn.outbox.push(watchEvent(pathFor(watch, path), watch.token));
        told = true;
      }
      if (told) conn.wake();
    }
  }

  /** A domain has gone: what it owned goes too, with all below it, and nobody serves it any more. */
  forget(domid: number): void {
    for (const [event, perms] of this.specialPerms) this.specialPerms.set(event, withoutDomain(perms, domid));
    if (this.tree.ownedBy(domid) > 0) {
      for (const orphan of [...topmostOf(domid, "/", this.tree.root)]) {
        for (const { path, node } of walk(orphan.path, orphan.node)) {
          this.fire(path, path === orphan.path ? "below" : "exact", this.domains.settled(node));
        }
        this.tree.remove(orphan.path);
      }
    }
    for (const conn of this.#connections) if (conn.target === domid) conn.target = undefined;
  }

  /** The node itself or its parent must be readable; where permissions changed or it went, the old ones count too. */
  #mayHear(conn: Connection, path: string, oldPerms: Perms | undefined): boolean {
    if (isPrivileged(conn)) return true;
    const reads = (perms: Perms | undefined): boolean =>
      perms !== undefined && (permsFor(conn, perms) & PERM_READ) !== 0;
    if (isSpecial(path)) return reads(this.specialPerms.get(path));
    if (reads(oldPerms)) return true;
    const node = this.tree.get(path);
    if (node === undefined) return false;
    if (reads(this.domains.settled(node))) return true;
    const parent = path === "/" ? undefined : this.tree.get(parentOf(path));
    return parent !== undefined && reads(this.domains.settled(parent));
  }

  #transactionOf(conn: Connection, id: number): Transaction | undefined | "unknown" {
    return id === 0 ? undefined : (conn.transactions.get(id) ?? "unknown");
  }
}

/** The nodes of an owner that lie in no other of its nodes. */
function* topmostOf(domid: number, path: string, node: Node): Generator<Visit> {
  if (node.perms[0].domid === domid && path !== "/") {
    yield { path, node };
    return;
  }
  for (const [name, child] of node.children)
    yield* topmostOf(domid, path === "/" ? `/${name}` : `${path}/${name}`, child);
}
