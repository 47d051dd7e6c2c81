/** Constants as WebAssembly wants them: V8 reads back what was written. */
import fc from "fast-check";
import { expect, test } from "vitest";
import { Code, I32, I64 } from "../../../src/cpu/translate/code.ts";

/** Runs () -> type { const } and answers what comes out. */
function constant(type: number, write: (code: Code) => void): unknown {
  const body = new Code();
  write(body);
  const instructions = [...body.bytes(), 0x0b];
  const code = [1, instructions.length + 1, 0, ...instructions];
  const bytes = Uint8Array.from([
    ...[0, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
    ...[1, 5, 1, 0x60, 0, 1, type],
    ...[3, 2, 1, 0],
    ...[7, 5, 1, 1, 0x66, 0, 0],
    ...[10, code.length, ...code],
  ]);
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(bytes));
  return (exports["f"] as () => unknown)();
}

test("i32 constants", () => {
  fc.assert(
    fc.property(fc.integer({ min: -(2 ** 31), max: 2 ** 32 - 1 }), (v) => {
      expect(constant(I32, (code) => code.i32(v))).toBe(v | 0);
    }),
  );
  for (const v of [0, 63, 64, -64, -65, 127, 128, 0x7fff_ffff, 0x8000_0000])
    expect(constant(I32, (c) => c.i32(v))).toBe(v | 0);
});

test("i64 constants, as numbers and as bigints", () => {
  fc.assert(
    fc.property(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 64n - 1n }), (v) => {
      expect(constant(I64, (code) => code.i64(v))).toBe(BigInt.asIntN(64, v));
    }),
  );
  fc.assert(
    fc.property(fc.maxSafeInteger(), (v) => {
      expect(constant(I64, (code) => code.i64(v))).toBe(BigInt(v));
    }),
  );
});
