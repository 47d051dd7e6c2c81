/** The saver's and restorer's hands in a domain's memory: whole frames, by their machine frame numbers. */
import type { Gate } from "../../abi/hypercall.ts";
import { type Domid, Mfn, PAGE_SIZE } from "../../abi/types.ts";

/** A copy of the frame; undefined: it is not the domain's. */
export function readFrame(gate: Gate, domid: Domid, mfn: number): Uint8Array | undefined {
  const frame = gate.memory.mapForeign(domid, Mfn(mfn), "read");
  if (!frame.ok) return undefined;
  try {
    return frame.value.read(0, PAGE_SIZE);
  } finally {
    frame.value.unmap();
  }
}

/** False: it is not the domain's, or not to be written to. A page of zeros leaves an untouched frame untouched. */
export function writeFrame(
  gate: Gate,
  domid: Domid,
  mfn: number,
  bytes: Uint8Array,
  fresh: boolean,
): boolean {
  const frame = gate.memory.mapForeign(domid, Mfn(mfn), "write");
  if (!frame.ok) return false;
  if (!fresh || !isZero(bytes)) frame.value.write(0, bytes);
  frame.value.unmap();
  return true;
}

function isZero(bytes: Uint8Array): boolean {
  if (bytes.byteOffset % 4 !== 0) return bytes.every((byte) => byte === 0);
  const words = new Uint32Array(bytes.buffer, bytes.byteOffset, bytes.length >> 2);
  for (let i = 0; i < words.length; i++) if (words[i] !== 0) return false;
  return true;
}
