/** Random bytes: nothing a guest executes may trap the host, and lengths are those that iced-x86 finds. */
import { Code, Decoder, DecoderOptions } from "iced-x86";
import { expect, test } from "vitest";
import { EXIT_STORE, EXIT_VMCALL, RIP, STORE_COMMIT, STORE_DROP, X_LENGTH } from "../../src/cpu/layout.ts";
import { CODE, CODE_MFN, DATA, DATA_MFN, P, Rig, STACK, U, W } from "./rig.ts";

function generator(seed: number): () => number {
  let s = seed;
  return () => {
    s = (s + 0x6d2b79f5) | 0;
    let t = Math.imul(s ^ (s >>> 15), 1 | s);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return (t ^ (t >>> 14)) >>> 0;
  };
}

const PREFIXES = [0x66, 0x67, 0xf2, 0xf3, 0xf0, 0x64, 0x65, 0x2e, 0x48, 0x41, 0x4c, 0x40];

function randomBytes(random: () => number, length: number): Uint8Array {
  const out = Uint8Array.from({ length }, random);
  // two-byte opcodes and prefixes deserve more than 1 in 256
  let i = 0;
  while (random() % 3 === 0 && i < 4) out[i++] = PREFIXES[random() % PREFIXES.length] ?? 0x90;
  if (random() % 2) out[i] = 0x0f;
  return out;
}

test("200,000 random byte strings run without trapping the host", () => {
  const rig = new Rig();
  const random = generator(1);
  rig.map(DATA + 0x10_0000, CODE_MFN, P | W | U, 2);
  const exits = new Set<number>();
  for (let n = 0; n < 200_000; n++) {
    const bytes = randomBytes(random, 24);
    const offset = n % 8 === 0 ? 0x1000 - (random() % 16) : random() % 0xf00;
    rig.write(CODE_MFN, offset, bytes);
    rig.set64(RIP, BigInt(CODE + offset));
    for (let r = 0; r < 16; r++) {
      const kind = random() % 8;
      const value =
        kind < 4
          ? DATA + (random() & 0x3fff)
          : kind === 4
            ? DATA + 0x10_0000 + (random() & 0x1fff)
            : kind === 5
              ? random()
              : random() * 2 ** 32 + random();
      rig.set64(8 * r, BigInt.asUintN(64, BigInt(value)));
    }
    if (random() % 4) rig.setReg("rsp", STACK - 8 * (random() % 64));
    rig.set64(0x88, BigInt(random() & 0x40cd5) | 2n);
    if (n % 5000 === 0) rig.engine.protect(DATA_MFN, n % 10_000 === 0);
    if (n % 1000 === 0) rig.engine.flushAllTlbs();
    let code = rig.run(1 + (random() % 20));
    for (let parts = 0; code === EXIT_STORE && parts < 100; parts++)
      code = rig.engine.finishStore(random() % 2 ? STORE_COMMIT : STORE_DROP);
    if (code === 2 && random() % 2 && rig.engine.probeStore()) code = rig.engine.finishStore(STORE_COMMIT);
    exits.add(code);
    expect(rig.get32(X_LENGTH)).toBeLessThanOrEqual(15);
  }
  for (const code of exits) expect(code).toBeLessThanOrEqual(EXIT_VMCALL);
  expect(exits.size).toBeGreaterThan(7);
}, 120_000);

/** What iced-x86 knows and x86-64-v1 does not, by our rules; or where both are right to differ. */
function comparable(bytes: Uint8Array, code: Code): boolean {
  // prefixes behind a REX are read alike, but an opcode map of its own is not ours
  for (const b of bytes) {
    if (PREFIXES.includes(b) || (b & 0xf0) === 0x40 || b === 0x26 || b === 0x36 || b === 0x3e) continue;
    if (b === 0x62 || b === 0xc4 || b === 0xc5) return false;
    break;
  }
  return code !== Code.INVALID;
}

test("lengths agree with iced-x86 on random bytes", () => {
  const rig = new Rig();
  const random = generator(2);
  let compared = 0;
  const wrong = new Map<string, string>();
  for (let n = 0; n < 150_000; n++) {
    const bytes = randomBytes(random, 15);
    const decoder = new Decoder(64, bytes, DecoderOptions.None);
    const instruction = decoder.decode();
    const ours = rig.engine.decodeLength(bytes);
    if (ours > 0 && comparable(bytes, instruction.code)) {
      compared++;
      if (ours !== instruction.length) {
        const hex = [...bytes].map((b) => b.toString(16).padStart(2, "0")).join(" ");
        wrong.set(Code[instruction.code] ?? "?", `${hex}: ours ${ours}, iced ${instruction.length}`);
      }
    } else if (ours > 0 && instruction.code === Code.INVALID && ours !== 15) {
      const hex = [...bytes].map((b) => b.toString(16).padStart(2, "0")).join(" ");
      wrong.set(`only we decode it: ${hex.slice(0, 12)}`, `${hex}: ours ${ours}`);
    }
    instruction.free();
    decoder.free();
  }
  expect([...wrong].slice(0, 20)).toEqual([]);
  expect(compared).toBeGreaterThan(80_000);
}, 120_000);
