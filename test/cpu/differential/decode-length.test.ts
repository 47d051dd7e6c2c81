/**
 * The engine's decoder and iced-x86 agree on where an instruction ends. They differ, by intention, in this:
 *
 *   - what x86-64-v1 does not have (iced knows everything up to date), and UD0, UD1, UD2: undefined to the engine;
 *   - what would have more than 15 bytes: no instruction to iced, 15 bytes that raise #GP to the engine.
 */
import { Code, CpuidFeature, Decoder, DecoderOptions, Mnemonic } from "iced-x86";
import { describe, expect, it } from "vitest";
import { createEngine } from "../../../src/cpu/engine.ts";
import { coreModule } from "../../../src/host/core-wasm.ts";
import { CLASSES, generate } from "./generate/index.ts";
import { INT3 } from "./machine.ts";
import { createRandom } from "./prng.ts";

const RANDOM_STRINGS = 100_000;

/** Features of x86-64-v1, and those that are older or go without saying. */
const V1 = new Set([
  CpuidFeature.INTEL8086,
  CpuidFeature.INTEL186,
  CpuidFeature.INTEL286,
  CpuidFeature.INTEL386,
  CpuidFeature.INTEL486,
  CpuidFeature.X64,
  CpuidFeature.FPU,
  CpuidFeature.FPU287,
  CpuidFeature.FPU387,
  CpuidFeature.MMX,
  CpuidFeature.SSE,
  CpuidFeature.SSE2,
  CpuidFeature.CMOV,
  CpuidFeature.CX8,
  CpuidFeature.FXSR,
  CpuidFeature.CLFSH,
  CpuidFeature.CPUID,
  CpuidFeature.MSR,
  CpuidFeature.TSC,
  CpuidFeature.RDPMC,
  CpuidFeature.SYSCALL,
  CpuidFeature.SEP,
  CpuidFeature.PAUSE,
  CpuidFeature.MULTIBYTENOP,
  CpuidFeature.PREFETCHW,
  CpuidFeature.RDTSCP,
]); // prettier-ignore

/** Newer names for what was a hint, a no-operation, BSF, BSR or WBINVD before; and what HVM guests have. */
const KNOWN_TOO = new Set([
  Mnemonic.Tzcnt,
  Mnemonic.Lzcnt,
  Mnemonic.Wbnoinvd,
  Mnemonic.Cldemote,
  Mnemonic.Prefetchwt1,
  Mnemonic.Prefetchit0,
  Mnemonic.Prefetchit1,
  Mnemonic.Rdsspd,
  Mnemonic.Rdsspq,
  Mnemonic.Endbr32,
  Mnemonic.Endbr64,
  Mnemonic.Vmcall,
  Mnemonic.Vmmcall,
]); // prettier-ignore

const UNDEFINED_ON_PURPOSE = new Set([Mnemonic.Ud0, Mnemonic.Ud1, Mnemonic.Ud2]);

/** What iced makes of the bytes; `refused`: the engine should not know it. */
function decodeWithIced(bytes: Uint8Array): { length: number; refused: boolean } {
  const decoder = new Decoder(64, bytes, DecoderOptions.None);
  const instruction = decoder.decode();
  const features = [...instruction.cpuidFeatures()];
  const known = KNOWN_TOO.has(instruction.mnemonic) || features.every((f) => V1.has(f));
  const refused = UNDEFINED_ON_PURPOSE.has(instruction.mnemonic) || !known;
  const length = instruction.code === Code.INVALID ? -1 : instruction.length;
  instruction.free();
  decoder.free();
  return { length, refused };
}

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");

describe("decodeLength", () => {
  const engine = createEngine({ core: coreModule(), memoryPages: 4096 });

  it("agrees with iced-x86 on random bytes", () => {
    const rng = createRandom(64, "lengths");
    const bytes = new Uint8Array(15);
    const wrong: string[] = [];
    let known = 0;
    for (let i = 0; i < RANDOM_STRINGS; i++) {
      for (let k = 0; k < bytes.length; k++) bytes[k] = rng.u32();
      // prefixes and two-byte opcodes more often than chance has them
      let at = 0;
      while (at < 13 && rng.chance(0.3))
        bytes[at++] = rng.pick([0x66, 0xf2, 0xf3, 0x67, 0x40 + rng.below(16), 0xf0, 0x2e, 0x64]);
      if (rng.chance(0.5)) bytes[at] = 0x0f;
      else if (rng.chance(0.2)) bytes[at] = 0xd8 + rng.below(8);
      const ours = engine.decodeLength(bytes);
      const theirs = decodeWithIced(bytes);
      const expected = theirs.refused ? -1 : theirs.length;
      const longer = theirs.length < 0 && ours === 15;
      if (ours > 0) known++;
      if (!longer && (expected < 0 ? ours > 0 : ours !== expected))
        wrong.push(`${hex(bytes)}: ${ours}, iced ${theirs.length}`);
    }
    expect(wrong).toEqual([]);
    expect(known).toBeGreaterThan(RANDOM_STRINGS / 2);
  });

  it("is that of every instruction of the fixtures", () => {
    const wrong: string[] = [];
    const bytes = new Uint8Array(32);
    for (const name of Object.keys(CLASSES)) {
      if (name === "undefined" || name === "sequence") continue;
      for (const c of generate(name, 5, 8)) {
        bytes.fill(INT3).set(c.code);
        const length = engine.decodeLength(bytes);
        // LOCK may have made it undefined
        if (length !== c.code.length && !(length < 0 && c.code.includes(0xf0)))
          wrong.push(`${c.row} ${hex(c.code)}: ${length}`);
      }
    }
    expect(wrong).toEqual([]);
  });
});
