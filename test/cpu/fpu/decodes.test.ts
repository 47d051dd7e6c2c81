import { CpuidFeature, Decoder, DecoderOptions } from "iced-x86";
import { expect, it } from "vitest";
import { Rig } from "../rig.ts";

/** What the engine has of x87, MMX and SSE. */
const FEATURES = new Set<number>([
  CpuidFeature.FPU,
  CpuidFeature.FPU287,
  CpuidFeature.FPU387,
  CpuidFeature.CMOV,
  CpuidFeature.MMX,
  CpuidFeature.SSE,
  CpuidFeature.SSE2,
  CpuidFeature.FXSR,
  CpuidFeature.CLFSH,
  CpuidFeature.INTEL8086,
  CpuidFeature.X64,
]); // prettier-ignore

const PREFIXES = [[], [0x66], [0xf3], [0xf2]];

/** iced's opinion: the length, or undefined. */
function icedLength(code: Uint8Array): number | undefined {
  const decoder = new Decoder(64, code, DecoderOptions.None);
  const instruction = decoder.decode();
  const known = instruction.code !== 0 && instruction.cpuidFeatures().every((f) => FEATURES.has(f));
  const length = known ? instruction.length : undefined;
  instruction.free();
  decoder.free();
  return length;
}

it("knows every x87 instruction and no other", () => {
  const rig = new Rig();
  const wrong: string[] = [];
  for (let op = 0xd8; op <= 0xdf; op++) {
    for (let modrm = 0; modrm < 256; modrm++) {
      const code = Uint8Array.of(op, modrm, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0);
      const wanted = icedLength(code);
      const length = rig.engine.decodeLength(code);
      if (wanted === undefined ? length >= 0 : length !== wanted)
        wrong.push(`${op.toString(16)} ${modrm.toString(16)}: ${length}, iced ${wanted}`);
    }
  }
  expect(wrong).toEqual([]);
});

it("knows every MMX, SSE and SSE2 instruction and none of later extensions", () => {
  const rig = new Rig();
  const wrong: string[] = [];
  let known = 0;
  const ranges: [number, number][] = [
    [0x10, 0x17],
    [0x28, 0x2f],
    [0x50, 0x7f],
    [0xc2, 0xc6],
    [0xd0, 0xff],
  ];
  for (const [from, to] of ranges) {
    for (let op = from; op <= to; op++) {
      for (const prefix of PREFIXES) {
        for (const modrm of [
          0x00, 0x08, 0x10, 0x18, 0x20, 0x28, 0x30, 0x38, 0xc0, 0xc8, 0xd0, 0xd8, 0xe0, 0xe8, 0xf0, 0xf8,
          0xff,
        ]) {
          const code = new Uint8Array(15);
          code.set([...prefix, 0x0f, op, modrm]);
          const wanted = icedLength(code);
          if (wanted !== undefined) known++;
          const length = rig.engine.decodeLength(code);
          if (wanted === undefined ? length >= 0 : length !== wanted) {
            wrong.push(
              `${[...prefix, 0x0f, op, modrm].map((b) => b.toString(16)).join(" ")}: ${length}, iced ${wanted}`,
            );
          }
        }
      }
    }
  }
  expect(wrong).toEqual([]);
  expect(known).toBeGreaterThan(3_000);
});
