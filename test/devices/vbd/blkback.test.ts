/** The block back end's driver: xenbus states with a front end that keeps to them, and one that does not. */
import { describe, expect, test } from "vitest";
import { BLKIF_OP_READ, BLKIF_OP_WRITE, BLKIF_RSP_OKAY } from "../../../src/abi/io/blkif.ts";
import { XenbusState } from "../../../src/abi/io/xenbus.ts";
import { Blkback } from "../../../src/devices/vbd/blkback.ts";
import { connectLocal } from "../../../src/xenstore/client/client.ts";
import { Xenstored } from "../../../src/xenstore/xenstored.ts";
import { BlkFront, MemoryDisk } from "../../support/blk-front.ts";
import { FakeFrame, FakeMachine } from "../../support/fake-gate.ts";

const BACK = "/local/domain/0/backend/vbd/1/51712";
const FRONT = "/local/domain/1/device/vbd/51712";
const FIRST_RING = 100;

function make() {
  const machine = new FakeMachine();
  const domain = machine.addDomain(1, [0, 1, 2, 3]);
  const xenstored = new Xenstored(machine.gate);
  const xs = connectLocal(xenstored, machine.clock);
  const disk = new MemoryDisk(64);
  const warnings: string[] = [];
  let opened = 0;
  new Blkback({
    gate: machine.gate,
    xs: connectLocal(xenstored, machine.clock),
    kind: "vbd",
    queues: 4,
    hotplug: true,
    open: () => {
      opened++;
      return disk;
    },
    warn: (line) => warnings.push(line),
  });
  const settle = (): void => machine.settle(1e6);
  const state = (): number => Number(xs.read(`${BACK}/state`) ?? -1);
  const front = (to: XenbusState): number => {
    xs.write(`${FRONT}/state`, String(to));
    settle();
    return state();
  };
  const plug = (): void => {
    xs.write(`${FRONT}/backend`, BACK);
    xs.write(`${FRONT}/state`, "1");
    const nodes = { frontend: FRONT, "frontend-id": "1", online: "1", removable: "0", mode: "w", state: "1" };
    for (const [node, value] of Object.entries(nodes)) xs.write(`${BACK}/${node}`, value);
    settle();
  };
  const script = (): void => {
    xs.write(`${BACK}/physical-device`, "7:0");
    settle();
  };
  /** Rings as a front end publishes them, from grant `base` and port `base` on. */
  const publish = (queues: number, order: number | undefined, base = FIRST_RING): BlkFront[] => {
    if (queues > 1) xs.write(`${FRONT}/multi-queue-num-queues`, String(queues));
    if (order !== undefined) xs.write(`${FRONT}/ring-page-order`, String(order));
    return Array.from({ length: queues }, (_, queue) => {
      const place = queues > 1 ? `${FRONT}/queue-${queue}` : FRONT;
      const frames = Array.from({ length: 2 ** (order ?? 0) }, (_, page) => {
        const frame = new FakeFrame();
        const gref = base + queue * 16 + page;
        domain.granted.set(gref, frame);
        xs.write(`${place}/${order === undefined ? "ring-ref" : `ring-ref${page}`}`, String(gref));
        return frame;
      });
      const port = base + queue;
      domain.ports.set(port, { peer: undefined, notified: 0 });
      xs.write(`${place}/event-channel`, String(port));
      return new BlkFront(frames);
    });
  };
  const send = (port: number): void => {
    machine.guestSends(1, port);
    settle();
  };
  return {
    xs,
    disk,
    warnings,
    domain,
    settle,
    state,
    front,
    plug,
    script,
    publish,
    send,
    opens: () => opened,
  };
}

/** Plugged in, and connected by one ring of one page. */
function connected() {
  const world = make();
  world.plug();
  world.script();
  const [ring] = world.publish(1, undefined);
  if (ring === undefined) throw new Error("no ring");
  expect(world.front(XenbusState.Initialised)).toBe(XenbusState.Connected);
  return { ...world, ring };
}

test("it waits for its script, then tells the disk and connects", () => {
  const { xs, front, plug, script, publish, state, opens } = make();
  plug();
  expect([state(), opens()]).toEqual([XenbusState.InitWait, 0]);
  publish(1, undefined);
  expect(front(XenbusState.Initialised)).toBe(XenbusState.InitWait);
  script();
  expect([state(), opens()]).toEqual([XenbusState.Connected, 1]);
  expect(
    ["sectors", "info", "sector-size", "feature-flush-cache"].map((node) => xs.read(`${BACK}/${node}`)),
  ).toEqual(["64", "0", "512", "1"]);
});

test.each([
  [1, undefined],
  [1, 0],
  [1, 4],
  [4, undefined],
  [3, 2],
] as const)("%i queues of order %s are all served", (queues, order) => {
  const { front, plug, script, publish, send, disk } = make();
  plug();
  script();
  const rings = publish(queues, order);
  expect(front(XenbusState.Initialised)).toBe(XenbusState.Connected);
  disk.bytes[512] = 9;
  for (const [queue, ring] of rings.entries()) {
    for (let id = 0; id < ring.slots; id++) ring.put(id, BLKIF_OP_READ, 1, [[queue % 4, 0, 0]]);
    send(FIRST_RING + queue);
    expect(ring.take().filter(({ status }) => status === BLKIF_RSP_OKAY)).toHaveLength(ring.slots);
  }
});

describe("what was not offered, or cannot be mapped, is refused and said", () => {
  const rows: [string, (xs: ReturnType<typeof make>["xs"]) => void][] = [
    ["more queues than offered", (xs) => xs.write(`${FRONT}/multi-queue-num-queues`, "5")],
    ["a ring too long", (xs) => xs.write(`${FRONT}/ring-page-order`, "5")],
    ["an unknown protocol", (xs) => xs.write(`${FRONT}/protocol`, "sparc-abi")],
    ["a ring that nobody granted", (xs) => xs.write(`${FRONT}/ring-ref`, "99999")],
    ["a ring reference that is no number", (xs) => xs.write(`${FRONT}/ring-ref`, "-1")],
    ["no port", (xs) => xs.remove(`${FRONT}/event-channel`)],
    ["no ring at all", (xs) => xs.remove(`${FRONT}/ring-ref`)],
  ];
  test.each(rows)("%s", (_, spoil) => {
    const { xs, front, plug, script, publish, domain } = make();
    plug();
    script();
    publish(1, undefined);
    spoil(xs);
    expect(front(XenbusState.Initialised)).toBe(XenbusState.Closing);
    expect(xs.read("/local/domain/0/error/backend/vbd/1/51712/error")).toMatch(/^22 /);
    expect([...domain.ports.values()].filter(({ peer }) => peer !== undefined)).toEqual([]);
  });
});

test("closing: requests under way are answered first, rings are given back", () => {
  const { ring, disk, send, front, domain, settle, state } = connected();
  disk.holding = true;
  ring.put(1, BLKIF_OP_WRITE, 0, [[0, 0, 7]]);
  send(FIRST_RING);
  expect(front(XenbusState.Closing)).toBe(XenbusState.Connected);
  const frame = domain.granted.get(FIRST_RING);
  expect(frame?.unmapped).toBe(0);
  disk.release();
  settle();
  expect([state(), frame?.unmapped, disk.closed]).toEqual([XenbusState.Closing, 1, 0]);
  expect(front(XenbusState.Closed)).toBe(XenbusState.Closed);
});

test("a front end that starts anew (a kernel that another loaded) is connected by its new rings", () => {
  const { disk, front, publish, send } = connected();
  front(XenbusState.Closing);
  expect(front(XenbusState.Closed)).toBe(XenbusState.Closed);
  expect(front(XenbusState.Initialising)).toBe(XenbusState.InitWait);
  const [ring] = publish(1, undefined, 200);
  expect(front(XenbusState.Initialised)).toBe(XenbusState.Connected);
  ring?.put(5, BLKIF_OP_READ, 0, [[0, 0, 7]]);
  send(200);
  expect(ring?.take().map(({ id }) => id)).toEqual([5]);
  expect(disk.closed).toBe(0);
});

test.each([
  ["the guest's half vanishes", FRONT],
  ["its own half vanishes", BACK],
])("%s: the disk is let go, once", (_, gone) => {
  const { xs, settle, disk, domain, state } = connected();
  xs.remove(gone);
  settle();
  expect([disk.closed, domain.granted.get(FIRST_RING)?.unmapped]).toEqual([1, 1]);
  expect(state()).toBe(gone === FRONT ? XenbusState.Closed : -1);
  xs.remove(BACK);
  settle();
  expect(disk.closed).toBe(1);
});

test("taken offline, it lets the disk go when the front end has closed", () => {
  const { xs, front, disk } = connected();
  xs.write(`${BACK}/online`, "0");
  front(XenbusState.Closing);
  expect(front(XenbusState.Closed)).toBe(XenbusState.Closed);
  expect(disk.closed).toBe(1);
});
