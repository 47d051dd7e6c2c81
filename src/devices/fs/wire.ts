/** Slots of the fsif ring as values. What a guest wrote becomes a request or a refusal here; nothing else reads it. */
import { ERRNO, type Errno } from "../../abi/errno.ts";
import {
  FSIF_MAX_BYTES,
  FSIF_MAX_PAGES,
  FSIF_MAX_PATH,
  FSIF_REQUEST,
  FSIF_RESPONSE,
  FSIF_SLOT_SIZE,
} from "../../abi/io/fsif.ts";
import { Gref } from "../../abi/types.ts";
import type { FileAnswer, Path } from "./files.ts";

export interface Slot {
  readonly op: number;
  readonly id: number;
  readonly fd: number;
  readonly offset: number;
  readonly length: number;
  readonly flags: number;
  readonly grefs: readonly Gref[];
}

export function parseSlot(bytes: Uint8Array): Slot {
  const view = new DataView(bytes.buffer, bytes.byteOffset, FSIF_SLOT_SIZE);
  return {
    op: view.getUint8(FSIF_REQUEST.op),
    id: view.getUint16(FSIF_REQUEST.id, true),
    fd: view.getUint32(FSIF_REQUEST.fd, true),
    offset: Number(view.getBigUint64(FSIF_REQUEST.offset, true)),
    length: view.getUint32(FSIF_REQUEST.length, true),
    flags: view.getUint32(FSIF_REQUEST.flags, true),
    grefs: Array.from({ length: FSIF_MAX_PAGES }, (_, i) =>
      Gref(view.getUint32(FSIF_REQUEST.grefs + i * 4, true)),
    ),
  };
}

export function formatSlot(slot: Slot): Uint8Array {
  const bytes = new Uint8Array(FSIF_SLOT_SIZE);
  const view = new DataView(bytes.buffer);
  view.setUint8(FSIF_REQUEST.op, slot.op);
  view.setUint16(FSIF_REQUEST.id, slot.id, true);
  view.setUint32(FSIF_REQUEST.fd, slot.fd, true);
  view.setBigUint64(FSIF_REQUEST.offset, BigInt(slot.offset), true);
  view.setUint32(FSIF_REQUEST.length, slot.length, true);
  view.setUint32(FSIF_REQUEST.flags, slot.flags, true);
  for (const [i, gref] of slot.grefs.entries()) view.setUint32(FSIF_REQUEST.grefs + i * 4, gref, true);
  return bytes;
}

export function formatResponse(id: number, answer: FileAnswer): Uint8Array {
  const bytes = new Uint8Array(FSIF_SLOT_SIZE);
  const view = new DataView(bytes.buffer);
  view.setUint16(FSIF_RESPONSE.id, id, true);
  view.setInt32(FSIF_RESPONSE.result, answer.ok ? answer.value : -ERRNO[answer.errno], true);
  if (answer.ok && answer.stat !== undefined) {
    view.setUint32(FSIF_RESPONSE.mode, answer.stat.mode, true);
    view.setBigUint64(FSIF_RESPONSE.size, BigInt(Math.floor(answer.stat.size)), true);
    view.setBigUint64(FSIF_RESPONSE.mtime, BigInt(Math.max(0, Math.floor(answer.stat.mtime))), true);
  }
  return bytes;
}

export function parseResponse(bytes: Uint8Array) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, FSIF_SLOT_SIZE);
  return {
    id: view.getUint16(FSIF_RESPONSE.id, true),
    result: view.getInt32(FSIF_RESPONSE.result, true),
    mode: view.getUint32(FSIF_RESPONSE.mode, true),
    size: Number(view.getBigUint64(FSIF_RESPONSE.size, true)),
    mtime: Number(view.getBigUint64(FSIF_RESPONSE.mtime, true)),
  };
}

/** Data fits into the pages, and into a file. */
export const isTransfer = ({ offset, length }: Slot): boolean =>
  length <= FSIF_MAX_BYTES && Number.isSafeInteger(offset + length);

/** Bytes of a path as its parts. EINVAL: no text, or a NUL in it; ENAMETOOLONG; EACCES: it would lead out. */
export function parsePath(bytes: Uint8Array): Path | Errno {
  if (bytes.length > FSIF_MAX_PATH) return "EINVAL";
  let text: string;
  try {
    text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return "EINVAL";
  }
  if (text.includes("\0")) return "EINVAL";
  const parts = text.split("/").filter((part) => part !== "" && part !== ".");
  if (parts.includes("..")) return "EACCES";
  return parts.some((part) => new TextEncoder().encode(part).length > 255) ? "EINVAL" : parts;
}
