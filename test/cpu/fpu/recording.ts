/**
 * What the processor answered, kept small: per case the bytes that changed.
 *
 * fixtures/*.bin.gz: u32 number of cases, u32 hash of all inputs; per case u16 number of runs, per run u16 offset, u8 length - 1,
 * bytes. New ones come from the processor at hand: `XLAB_RECORD=1 npx vitest run test/cpu/fpu` (needs gcc).
 */
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { gunzipSync, gzipSync } from "node:zlib";
import { BOX_SIZE } from "./box.ts";

const fixture = (name: string): string => fileURLToPath(new URL(`fixtures/${name}.bin.gz`, import.meta.url));

/** FNV-1a. */
function hash(boxes: readonly Uint8Array[]): number {
  let h = 0x811c9dc5;
  for (const box of boxes) for (const b of box) h = Math.imul(h ^ b, 0x01000193);
  return h >>> 0;
}

/** Lets the processor execute the cases. */
function execute(boxes: readonly Uint8Array[]): Uint8Array[] {
  const dir = mkdtempSync(join(tmpdir(), "xlab-fpu-"));
  try {
    const source = fileURLToPath(new URL("recorder.c", import.meta.url));
    execFileSync(process.env["CC"] ?? "gcc", ["-O1", "-o", join(dir, "recorder"), source]);
    writeFileSync(join(dir, "cases"), Buffer.concat(boxes));
    execFileSync(join(dir, "recorder"), [join(dir, "cases"), join(dir, "results")]);
    const results = readFileSync(join(dir, "results"));
    return boxes.map((_, i) => new Uint8Array(results.subarray(i * BOX_SIZE, (i + 1) * BOX_SIZE)));
  } finally {
    rmSync(dir, { recursive: true });
  }
}

function pack(boxes: readonly Uint8Array[], results: readonly Uint8Array[]): Uint8Array {
  const out: number[] = [];
  const u16 = (v: number): void => void out.push(v & 255, v >> 8);
  results.forEach((after, n) => {
    const before = boxes[n] ?? after;
    const runs: [number, number][] = [];
    for (let i = 0; i < BOX_SIZE; i++) {
      if (after[i] === before[i]) continue;
      const last = runs.at(-1);
      // a gap of two bytes costs less than a new run
      if (last && i - last[1] <= 2 && i - last[0] < 256) last[1] = i + 1;
      else runs.push([i, i + 1]);
    }
    u16(runs.length);
    for (const [from, to] of runs) {
      u16(from);
      out.push(to - from - 1, ...after.subarray(from, to));
    }
  });
  const head = new Uint8Array(8);
  new DataView(head.buffer).setUint32(0, boxes.length, true);
  new DataView(head.buffer).setUint32(4, hash(boxes), true);
  return gzipSync(Buffer.concat([head, new Uint8Array(out)]), { level: 9 });
}

function unpack(boxes: readonly Uint8Array[], packed: Uint8Array, name: string): Uint8Array[] {
  const bytes = new Uint8Array(gunzipSync(packed));
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  if (view.getUint32(0, true) !== boxes.length || view.getUint32(4, true) !== hash(boxes)) {
    throw new Error(`fixtures/${name}.bin.gz holds other cases than these: record it anew (XLAB_RECORD=1)`);
  }
  let at = 8;
  const u16 = (): number => {
    at += 2;
    return view.getUint16(at - 2, true);
  };
  return boxes.map((before) => {
    const after = new Uint8Array(before);
    for (let runs = u16(); runs > 0; runs--) {
      const from = u16();
      const length = view.getUint8(at++) + 1;
      after.set(bytes.subarray(at, at + length), from);
      at += length;
    }
    return after;
  });
}

/** The processor's answers to these cases: recorded, or of now if XLAB_RECORD is set. */
export function answers(name: string, boxes: readonly Uint8Array[]): Uint8Array[] {
  if (process.env["XLAB_RECORD"]) writeFileSync(fixture(name), pack(boxes, execute(boxes)));
  return unpack(boxes, readFileSync(fixture(name)), name);
}
