import fc from "fast-check";
import { expect, test } from "vitest";
import { DOMID_INVALID } from "../../../src/abi/types.ts";
import { FreeFrames } from "../../../src/xen/memory/free-frames.ts";
import { allocXenFrame, freeXenFrame } from "../../../src/xen/memory/xen-heap.ts";
import { addDomain, makeMachine } from "../test-machine.ts";

test("free frames: lowest, highest and runs agree with a plain set", () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 3000 }),
      fc.array(fc.tuple(fc.nat(2999), fc.boolean())),
      fc.nat(2999),
      (total, steps, start) => {
        const frames = new FreeFrames(total);
        const model = new Set<number>();
        if (start < total) {
          frames.addRange(start, total - (start & 1));
          for (let n = start; n < total - (start & 1); n++) model.add(n);
        }
        for (const [n, add] of steps) {
          if (n >= total) continue;
          if (add && !model.has(n)) {
            frames.add(n);
            model.add(n);
          } else if (!add && model.has(n)) {
            frames.remove(n);
            model.delete(n);
          }
        }
        const sorted = [...model].sort((a, b) => a - b);
        expect(frames.count).toBe(sorted.length);
        expect(frames.lowest()).toBe(sorted[0] ?? -1);
        expect(frames.highest()).toBe(sorted.at(-1) ?? -1);
        for (const order of [0, 1, 2, 6]) {
          const size = 2 ** order;
          const run = sorted.find(
            (n) => n % size === 0 && Array.from({ length: size }, (_, i) => n + i).every((m) => model.has(m)),
          );
          expect(frames.lowestRun(order)).toBe(run ?? -1);
        }
      },
    ),
  );
});

test("guests' frames ascend from above the first MiB, Xen's come from the top", () => {
  const { machine } = makeMachine();
  const domain = addDomain(machine, 1);
  const first = machine.frames.alloc(1, 0);
  expect(first).toBe(256);
  expect(machine.frames.alloc(1, 0)).toBe(257);
  const xen = allocXenFrame(machine, domain) as number;
  expect(xen).toBeGreaterThan(16_000);
  expect(machine.frames.owner(xen)).toBe(1);
  freeXenFrame(machine, xen);
  expect(machine.frames.owner(xen)).toBe(DOMID_INVALID);
});

test("a freed frame waits for a flush of all TLBs, and comes back zeroed", () => {
  const { machine, engine } = makeMachine(4);
  const domain = addDomain(machine, 1);
  const frames: number[] = [];
  for (let mfn = machine.frames.alloc(1, 0); mfn !== 0; mfn = machine.frames.alloc(1, 0)) frames.push(mfn);
  domain.memory.totPages = frames.length;
  expect(machine.frames.freePages()).toBe(0);
  const mfn = frames[5] as number;
  engine.mem.u8[engine.mem.writeAddress(mfn)] = 7;
  machine.frames.info[(mfn << 2) + 1] = 0;
  machine.frames.retire(mfn);
  expect(machine.frames.freePages()).toBe(1);
  expect(engine.flushes.all).toBe(0);
  expect(machine.frames.alloc(1, 0)).toBe(mfn);
  expect(engine.flushes.all).toBe(1);
  expect(engine.mem.u8[engine.mem.readAddress(mfn)]).toBe(0);
});
