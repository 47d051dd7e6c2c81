/** bzImages and LZ4 data for tests. */
import { u32 } from "./make-elf.ts";

const LAST_LITERALS = 5;
const MATCH_LIMIT = 12;

/** A greedy LZ4 block: good enough to have literals, matches and long lengths of every kind. */
export function lz4Block(input: Uint8Array): Uint8Array {
  const out: number[] = [];
  const seen = new Map<number, number>();
  const key = (i: number): number =>
    ((input[i] ?? 0) | ((input[i + 1] ?? 0) << 8) | ((input[i + 2] ?? 0) << 16)) * 256 + (input[i + 3] ?? 0);
  const length = (n: number): void => {
    let left = n;
    for (; left >= 255; left -= 255) out.push(255);
    out.push(left);
  };
  const sequence = (
    from: number,
    to: number,
    match: { distance: number; length: number } | undefined,
  ): void => {
    const literals = to - from;
    const extra = match === undefined ? 0 : match.length - 4;
    out.push((Math.min(literals, 15) << 4) | Math.min(extra, 15));
    if (literals >= 15) length(literals - 15);
    for (let i = from; i < to; i++) out.push(input[i] ?? 0);
    if (match === undefined) return;
    out.push(match.distance & 255, match.distance >> 8);
    if (extra >= 15) length(extra - 15);
  };
  let anchor = 0;
  let i = 0;
  while (i < input.length - MATCH_LIMIT) {
    const k = key(i);
    const at = seen.get(k);
    seen.set(k, i);
    if (at === undefined || i - at > 65_535) {
      i++;
      continue;
    }
    let n = 4;
    while (i + n < input.length - LAST_LITERALS && input[at + n] === input[i + n]) n++;
    sequence(anchor, i, { distance: i - at, length: n });
    i += n;
    anchor = i;
  }
  sequence(anchor, input.length, undefined);
  return Uint8Array.from(out);
}

/** What follows the magic in an LZ4 legacy frame, then Linux's length word. */
export function lz4Payload(input: Uint8Array, blockSize = 8 << 20): Uint8Array {
  const parts: Uint8Array[] = [u32(0x184c2102)];
  for (let i = 0; i < input.length; i += blockSize) {
    const block = lz4Block(input.subarray(i, i + blockSize));
    parts.push(u32(block.length), block);
  }
  return join([...parts, u32(input.length)]);
}

export function join(parts: readonly Uint8Array[]): Uint8Array {
  const out = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}

export interface BzImageSpec {
  readonly version?: number;
  readonly setupSectors?: number;
  readonly payloadOffset?: number;
  readonly payloadLength?: number;
}

export function makeBzImage(payload: Uint8Array, spec: BzImageSpec = {}): Uint8Array {
  const setup = spec.setupSectors ?? 3;
  const start = (setup + 1) * 512;
  const out = new Uint8Array(start + 64 + payload.length);
  const view = new DataView(out.buffer);
  out[0x1f1] = setup;
  view.setUint16(0x1fe, 0xaa55, true);
  view.setUint32(0x202, 0x53726448, true);
  view.setUint16(0x206, spec.version ?? 0x20f, true);
  view.setUint32(0x248, spec.payloadOffset ?? 64, true);
  view.setUint32(0x24c, spec.payloadLength ?? payload.length, true);
  out.set(payload, start + 64);
  return out;
}
