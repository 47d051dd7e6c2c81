/** What a guest may write into a slot, and what becomes of it. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { FSIF_MAX_BYTES, FSIF_SLOT_SIZE } from "../../../src/abi/io/fsif.ts";
import { Gref } from "../../../src/abi/types.ts";
import {
  formatResponse,
  formatSlot,
  isTransfer,
  parsePath,
  parseResponse,
  parseSlot,
} from "../../../src/devices/fs/wire.ts";

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

describe("slots", () => {
  test("a request reads back as it was written", () => {
    const u32 = fc.nat(0xffff_ffff);
    const slot = fc.record({
      op: fc.nat(255),
      id: fc.nat(0xffff),
      fd: u32,
      offset: fc.maxSafeNat(),
      length: u32,
      flags: u32,
      grefs: fc.array(u32.map(Gref), { minLength: 8, maxLength: 8 }),
    });
    fc.assert(
      fc.property(slot, (one) => {
        expect(parseSlot(formatSlot(one))).toEqual(one);
      }),
    );
  });

  test("any 64 bytes are a slot, and only what fits is a transfer", () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: FSIF_SLOT_SIZE, maxLength: FSIF_SLOT_SIZE }), (raw) => {
        const slot = parseSlot(raw);
        if (isTransfer(slot)) expect(slot.length).toBeLessThanOrEqual(FSIF_MAX_BYTES);
      }),
    );
  });

  test("an answer is its value, or the errno below zero", () => {
    expect(parseResponse(formatResponse(7, { ok: true, value: 3 }))).toMatchObject({ id: 7, result: 3 });
    expect(parseResponse(formatResponse(8, { ok: false, errno: "ENOENT" }))).toMatchObject({
      id: 8,
      result: -2,
    });
    const stat = { mode: 0o100644, size: 5e9, mtime: 1_700_000_000 };
    expect(parseResponse(formatResponse(9, { ok: true, value: 0, stat }))).toMatchObject(stat);
  });
});

describe("paths", () => {
  test.each([
    ["/", []],
    ["", []],
    ["a/b", ["a", "b"]],
    ["//a/./b//", ["a", "b"]],
    ["..a/b..", ["..a", "b.."]],
    ["/../x", "EACCES"],
    ["a/..", "EACCES"],
    ["a\0b", "EINVAL"],
    ["x".repeat(256), "EINVAL"],
    ["y/".repeat(600), "EINVAL"],
  ])("%j", (text, parts) => expect(parsePath(bytes(text))).toEqual(parts));

  test("what is no UTF-8 is refused", () => {
    expect(parsePath(Uint8Array.of(0x61, 0xff))).toBe("EINVAL");
  });

  test("whatever a guest writes, no part leads up, is empty, or holds a slash or NUL", () => {
    fc.assert(
      fc.property(
        fc.oneof(fc.uint8Array({ maxLength: 60 }), fc.stringMatching(/^[./a\0]{0,20}$/).map(bytes)),
        (raw) => {
          const parts = parsePath(raw);
          if (typeof parts === "string") return;
          for (const part of parts) {
            expect(["", ".", ".."]).not.toContain(part);
            expect(part).not.toMatch(/[/\0]/);
          }
        },
      ),
    );
  });
});
