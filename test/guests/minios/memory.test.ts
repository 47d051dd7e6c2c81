/** Virtual memory of a program: what costs a frame, what faults, and what is left when it ends. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { SHUTDOWN } from "../../../src/abi/hypercall.ts";
import { OutOfMemory } from "../../../src/guests/minios/address-space.ts";
import type { MiniOs } from "../../../src/guests/minios/kernel.ts";
import { schedule } from "../../../src/guests/minios/threads.ts";
import { makeStubWorld } from "./support.ts";

/** Runs it in a domain of 4 MiB; answers how that ended and what it said. */
function inside(act: (os: MiniOs) => void) {
  const world = makeStubWorld();
  const stub = world.stub(function* (os) {
    yield* schedule();
    act(os);
    return 0;
  });
  world.settle();
  return { end: stub.end(), said: stub.printed() };
}

describe("virtual memory", () => {
  test("reads back what was written, zeros elsewhere, and has frames only where it was written", () => {
    const writes = fc.array(
      fc.record({
        at: fc.integer({ min: 0, max: 2 ** 22 - 300 }),
        bytes: fc.uint8Array({ minLength: 1, maxLength: 300 }),
      }),
      { maxLength: 20 },
    );
    fc.assert(
      fc.property(writes, (list) => {
        const { end, said } = inside((os) => {
          const free = os.memory.freePages;
          const array = os.space.mapZeros(2 ** 22);
          const model = new Uint8Array(2 ** 22);
          const touched = new Set<number>();
          for (const { at, bytes } of list) {
            array.write(at, bytes);
            model.set(bytes, at);
            for (let i = 0; i < bytes.length; i++) touched.add((at + i) >> 12);
          }
          for (const { at, bytes } of list) {
            const from = Math.max(0, at - 100);
            expect(array.read(from, bytes.length)).toEqual(model.slice(from, from + bytes.length));
            expect(array.getUint8(at)).toBe(model[at]);
          }
          expect(array.frames).toBe(touched.size);
          expect(os.memory.freePages).toBe(free - 1 - touched.size);
          array.unmap();
          expect(os.memory.freePages).toBe(free - 1);
        });
        expect([end, said]).toEqual([SHUTDOWN.poweroff, "main returned 0\r\n"]);
      }),
      { numRuns: 15 },
    );
  });

  test("a frame that was used comes back as zeros", () => {
    const { said } = inside((os) => {
      const first = os.space.mapZeros(4096);
      first.write(0, new Uint8Array(4096).fill(0x77));
      first.unmap();
      const second = os.space.mapZeros(4096);
      second.setUint8(0, 1);
      expect(second.read(0, 4).join()).toBe("1,0,0,0");
    });
    expect(said).toBe("main returned 0\r\n");
  });

  test("without a frame left a write is refused, and has not happened", () => {
    const { said } = inside((os) => {
      const array = os.space.mapZeros(2 ** 30);
      let page = 0;
      expect(() => {
        for (; ; page++) array.setUint8(page * 4096, 1);
      }).toThrow(OutOfMemory);
      expect(array.getUint8(page * 4096)).toBe(0);
      expect(os.memory.freePages).toBe(0);
      expect(os.space.allocBuffer(4096)).toBeUndefined();
      array.unmap();
      expect(os.space.allocBuffer(4096)?.frames).toBe(1);
    });
    expect(said).toBe("main returned 0\r\n");
  });

  test.each<[string, (os: MiniOs) => void, string]>([
    [
      "a write to a read-only page",
      (os) => {
        const page = os.space.mapZeros(8192);
        page.setUint8(4096, 1);
        page.protect();
        page.setUint32(4100, 1);
      },
      "Page fault at linear address 0x8000001004, code 3|Thread: main|Write of a read-only page: pfn",
    ],
    [
      "a write to a read-only page of zeros",
      (os) => {
        const page = os.space.mapZeros(4096);
        page.protect();
        page.write(1, new Uint8Array(1));
      },
      "Page fault at linear address 0x8000000001, code 3|Thread: main|Write of a read-only page: mfn",
    ],
    [
      "a read beyond the end",
      (os) => void os.space.mapZeros(4096).read(4000, 100),
      "Page fault at linear address 0x8000000fa0, code 0|Thread: main|Read of nothing: no page is mapped there",
    ],
    [
      "a write to what is unmapped",
      (os) => {
        const page = os.space.mapZeros(4096);
        page.unmap();
        page.setUint8(0, 1);
      },
      "Page fault at linear address 0x8000000000, code 2|Thread: main|Write of nothing: no page is mapped there",
    ],
  ])("%s is the domain's end, told on its console", (_, act, report) => {
    const { end, said } = inside(act);
    expect(end).toBe(SHUTDOWN.crash);
    for (const line of report.split("|")) expect(said).toContain(line);
    expect(said).toMatch(/ {3}at .*memory\.test\.ts:\d+\)/);
    expect(said.endsWith("Do_exit called!\r\n")).toBe(true);
  });
});
