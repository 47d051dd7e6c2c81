/** Guest memory behind a hypercall's pointer: copied in once, looked at, copied back once. */
import { ERRNO, type Errno } from "../../abi/errno.ts";
import { readGuest, writeGuest } from "../memory/guest-access.ts";
import type { Call } from "./context.ts";

export const minus = (errno: Errno): number => -ERRNO[errno];

/** The bytes that argument `i` points at; undefined is EFAULT. */
export function argument(call: Call, i: number, size: number): DataView | undefined {
  return argumentAt(call, call.args[i] ?? 0n, size);
}

/** The bytes at a guest virtual address; undefined is EFAULT. */
export function argumentAt(call: Call, va: bigint, size: number): DataView | undefined {
  const bytes = new Uint8Array(size);
  return readGuest(call.machine, va, bytes) ? new DataView(bytes.buffer) : undefined;
}

/** Writes a whole argument back; false is EFAULT. */
export function copyBack(call: Call, i: number, view: DataView): boolean {
  return copyOut(call, call.args[i] ?? 0n, new Uint8Array(view.buffer, view.byteOffset, view.byteLength));
}

export function copyOut(call: Call, va: bigint, bytes: Uint8Array): boolean {
  return writeGuest(call.machine, va, bytes);
}
