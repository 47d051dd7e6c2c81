import { describe, expect, test } from "vitest";
import {
  EXIT_BUDGET,
  EXIT_FAULT,
  EXIT_PRIVILEGED,
  EXIT_STORE,
  STORE_COMMIT,
  STORE_DROP,
  X_FRAME,
  X_OFFSET,
  X_SIZE,
  X_VALUE,
} from "../../src/cpu/layout.ts";
import { CODE, CODE_MFN, DATA, DATA_MFN, P, Rig, U, W } from "./rig.ts";

function shown(rig: Rig) {
  return {
    frame: rig.get32(X_FRAME),
    offset: rig.get32(X_OFFSET),
    size: rig.get32(X_SIZE),
    value: rig.get64(X_VALUE),
  };
}

/** name, code, RAX, old content, value stored, expected RAX, flags of interest (CF ZF) */
const stores: [string, string, bigint, bigint, bigint, number, bigint][] = [
  ["mov", "48 89 03", 0x55n, 7n, 0x55n, 8, 0x55n],
  ["mov byte", "88 03", 0x155n, 7n, 0x55n, 1, 0x155n],
  ["mov imm", "c7 03 01 02 03 04", 0n, 7n, 0x0403_0201n, 4, 0n],
  ["add", "48 01 03", 5n, 7n, 12n, 8, 5n],
  ["lock or", "f0 48 09 03", 8n, 7n, 15n, 8, 8n],
  ["inc", "48 ff 03", 0n, 7n, 8n, 8, 0n],
  ["xchg", "48 87 03", 5n, 7n, 5n, 8, 7n],
  ["xadd", "f0 48 0f c1 03", 5n, 7n, 12n, 8, 7n],
  ["cmpxchg that matches", "f0 48 0f b1 0b", 7n, 7n, 0x99n, 8, 7n],
  ["cmpxchg that does not", "f0 48 0f b1 0b", 6n, 7n, 7n, 8, 7n],
  ["bts", "f0 48 0f ba 2b 05", 0n, 7n, 0x27n, 8, 0n],
  ["stosq", "48 ab", 0x77n, 7n, 0x77n, 8, 0x77n],
  ["movnti", "48 0f c3 03", 0x77n, 7n, 0x77n, 8, 0x77n],
  ["shl", "48 d1 23", 0n, 7n, 14n, 8, 0n],
];

function prepare(code: string, rax: bigint, old: bigint): Rig {
  const rig = new Rig().load(`${code} f4`);
  rig.setReg("rax", rax);
  rig.setReg("rcx", 0x99);
  rig.setReg("rbx", DATA + 0x18);
  rig.setReg("rdi", DATA + 0x18);
  rig.setData64(0x18, old);
  return rig;
}

describe("a store to a protected frame", () => {
  test.each(stores)(
    "%s: is shown before it commits, and commits",
    (_n, code, rax, old, value, size, after) => {
      const rig = prepare(code, rax, old);
      rig.engine.protect(DATA_MFN, true);
      expect(rig.run()).toBe(EXIT_STORE);
      expect(shown(rig)).toEqual({ frame: DATA_MFN, offset: 0x18, size, value });
      expect(rig.data64(0x18)).toBe(old);
      expect(rig.reg("rax")).toBe(rax);
      expect(rig.rip).toBe(CODE);
      expect(rig.icount).toBe(0);
      expect(rig.engine.finishStore(STORE_COMMIT)).toBe(EXIT_BUDGET);
      expect(rig.data64(0x18) & ((1n << BigInt(size * 8)) - 1n)).toBe(value);
      expect(rig.reg("rax")).toBe(after);
      expect(rig.icount).toBe(1);
      expect(rig.run()).toBe(EXIT_PRIVILEGED);
      expect(rig.icount).toBe(1);
    },
  );

  test.each(stores)("%s: may be dropped or changed", (_n, code, rax, old, _value, size, after) => {
    const rig = prepare(code, rax, old);
    rig.engine.protect(DATA_MFN, true);
    expect(rig.run()).toBe(EXIT_STORE);
    expect(rig.engine.finishStore(STORE_DROP)).toBe(EXIT_BUDGET);
    expect(rig.data64(0x18)).toBe(old);
    expect(rig.reg("rax")).toBe(after);
    const again = prepare(code, rax, old);
    again.engine.protect(DATA_MFN, true);
    expect(again.run()).toBe(EXIT_STORE);
    again.set64(X_VALUE, 0x1234n);
    expect(again.engine.finishStore(STORE_COMMIT)).toBe(EXIT_BUDGET);
    expect(again.data64(0x18) & ((1n << BigInt(size * 8)) - 1n)).toBe(size === 1 ? 0x34n : 0x1234n);
  });

  test.each(stores)(
    "%s: probeStore learns it from a read-only page",
    (_n, code, rax, old, value, size, after) => {
      const rig = prepare(code, rax, old);
      rig.map(DATA, DATA_MFN, P | U);
      expect(rig.run()).toBe(EXIT_FAULT);
      expect(rig.fault).toEqual({ vector: 14, error: 7, va: DATA + 0x18 });
      expect(rig.engine.probeStore()).toBe(1);
      expect(shown(rig)).toEqual({ frame: DATA_MFN, offset: 0x18, size, value });
      expect(rig.data64(0x18)).toBe(old);
      expect(rig.reg("rax")).toBe(rax);
      expect(rig.rip).toBe(CODE);
      expect(rig.engine.finishStore(STORE_COMMIT)).toBe(EXIT_BUDGET);
      expect(rig.data64(0x18) & ((1n << BigInt(size * 8)) - 1n)).toBe(value);
      expect(rig.reg("rax")).toBe(after);
      expect(rig.getEntry(DATA) & 0x40n).toBe(0n);
      // the page is as read-only as before
      rig.load(code);
      rig.setReg("rdi", DATA + 0x18);
      expect(rig.run()).toBe(EXIT_FAULT);
    },
  );

  test("other frames, reads and code beside it are not disturbed", () => {
    const rig = prepare("48 8b 03 48 89 83 00 10 00 00", 0n, 7n);
    rig.engine.protect(DATA_MFN, true);
    expect(rig.run()).toBe(EXIT_PRIVILEGED);
    expect(rig.data64(0x1018)).toBe(7n);
    rig.engine.protect(DATA_MFN, false);
    rig.engine.flushAllTlbs();
    rig.load("48 89 03 f4");
    expect(rig.run()).toBe(EXIT_PRIVILEGED);
  });

  test("a push, a call, a store through the stack", () => {
    const rig = new Rig().load("e8 00 00 00 00 f4");
    rig.map(DATA, DATA_MFN, P | W | U);
    rig.setReg("rsp", DATA + 0x100);
    rig.engine.protect(DATA_MFN, true);
    expect(rig.run()).toBe(EXIT_STORE);
    expect(shown(rig)).toEqual({ frame: DATA_MFN, offset: 0xf8, size: 8, value: BigInt(CODE + 5) });
    expect(rig.engine.finishStore(STORE_COMMIT)).toBe(EXIT_BUDGET);
    expect(rig.rip).toBe(CODE + 5);
    expect(rig.reg("rsp")).toBe(BigInt(DATA + 0xf8));
  });

  test("rep stosq exits for each element and can go on", () => {
    const rig = prepare("f3 48 ab", 0x11n, 0n);
    rig.setReg("rcx", 3);
    rig.engine.protect(DATA_MFN, true);
    for (let i = 0; i < 3; i++) {
      expect(rig.run()).toBe(EXIT_STORE);
      expect(shown(rig)).toMatchObject({ offset: 0x18 + 8 * i, value: 0x11n });
      expect(rig.engine.finishStore(i === 1 ? STORE_DROP : STORE_COMMIT)).toBe(EXIT_BUDGET);
      expect(rig.reg("rcx")).toBe(BigInt(2 - i));
    }
    expect(rig.icount).toBe(3);
    expect(rig.run()).toBe(EXIT_PRIVILEGED);
    expect([0x18, 0x20, 0x28].map((o) => rig.data64(o))).toEqual([0x11n, 0n, 0x11n]);
  });

  test("a store across two pages shows the parts that are protected", () => {
    const rig = prepare("48 89 03", 0x1122_3344_5566_7788n, 0n);
    rig.setReg("rbx", DATA + 0xffe);
    rig.setData64(0xff8, 0n);
    rig.setData64(0x1000, 0n);
    rig.engine.protect(DATA_MFN + 1, true);
    expect(rig.run()).toBe(EXIT_STORE);
    expect(shown(rig)).toEqual({ frame: DATA_MFN + 1, offset: 0, size: 6, value: 0x1122_3344_5566n });
    rig.engine.protect(DATA_MFN, true);
    expect(rig.run()).toBe(EXIT_STORE);
    expect(shown(rig)).toEqual({ frame: DATA_MFN, offset: 0xffe, size: 2, value: 0x7788n });
    expect(rig.engine.finishStore(STORE_COMMIT)).toBe(EXIT_STORE);
    expect(shown(rig)).toMatchObject({ frame: DATA_MFN + 1, offset: 0 });
    expect(rig.engine.finishStore(STORE_DROP)).toBe(EXIT_BUDGET);
    expect(rig.data64(0xff8)).toBe(0x7788_0000_0000_0000n);
    expect(rig.data64(0x1000)).toBe(0n);
  });

  test("fxsave shows itself in parts of 16 bytes", () => {
    const rig = prepare("0f ae 03", 0n, 0n);
    rig.setReg("rbx", DATA + 0x100);
    rig.engine.protect(DATA_MFN, true);
    let parts = 0;
    for (let code = rig.run(); code === EXIT_STORE; code = rig.engine.finishStore(STORE_COMMIT)) {
      expect(shown(rig)).toMatchObject({ offset: 0x100 + 16 * parts, size: 16 });
      parts++;
    }
    expect(parts).toBe(32);
    expect(rig.rip).toBe(CODE + 3);
  });

  test("the owner may give up on it and inject a fault", () => {
    const rig = prepare("48 01 03", 5n, 7n);
    rig.engine.protect(DATA_MFN, true);
    expect(rig.run()).toBe(EXIT_STORE);
    rig.load("f4", 0x100);
    expect(rig.run()).toBe(EXIT_PRIVILEGED);
    expect(rig.data64(0x18)).toBe(7n);
    expect(rig.engine.finishStore(STORE_COMMIT)).toBe(EXIT_BUDGET);
    expect(rig.data64(0x18)).toBe(7n);
  });
});

test("probeStore refuses other faults and leaves them standing", () => {
  const rig = prepare("48 89 03", 1n, 7n);
  rig.setReg("rbx", DATA + 0x8000);
  expect(rig.run()).toBe(EXIT_FAULT);
  expect(rig.engine.probeStore()).toBe(0);
  expect(rig.fault).toEqual({ vector: 14, error: 6, va: DATA + 0x8000 });
  // fxsave: more than one store
  rig.map(DATA, DATA_MFN, P | U);
  rig.load("0f ae 03");
  rig.setReg("rbx", DATA + 0x100);
  expect(rig.run()).toBe(EXIT_FAULT);
  expect(rig.engine.probeStore()).toBe(0);
  expect(rig.fault).toEqual({ vector: 14, error: 7, va: DATA + 0x100 });
  expect(rig.engine.finishStore(STORE_COMMIT)).toBe(EXIT_BUDGET);
  expect(rig.data64(0x100)).toBe(0n);
});

test("a committed store into code drops what was decoded", () => {
  const rig = prepare("48 89 03", 0n, 0n);
  rig.map(DATA, CODE_MFN, P | U, 2);
  rig.load("b8 01 00 00 00 f4", 0x200);
  rig.run();
  expect(rig.reg("rax")).toBe(1n);
  rig.load("c6 03 02 f4"); // mov byte [rbx], 2
  rig.setReg("rbx", DATA + 0x201);
  expect(rig.run()).toBe(EXIT_FAULT);
  expect(rig.engine.probeStore()).toBe(1);
  expect(rig.engine.finishStore(STORE_COMMIT)).toBe(EXIT_BUDGET);
  rig.set64(0x80, BigInt(CODE + 0x200));
  rig.run();
  expect(rig.reg("rax")).toBe(2n);
});
