/**
 * A guest's array of requests, read one at a time: what mmu_update and mmuext_op have in common (array, count, *done, and
 * going on after an interruption).
 */
import { MMU_UPDATE_PREEMPTED } from "../../abi/mmu.ts";
import type { Call } from "../hypercall/context.ts";
import type { Machine } from "../machine.ts";
import { guestAddress, readGuestAt, readGuestU32, writeGuestU32 } from "./guest-access.ts";

const buffer = new Uint8Array(32);
const bufferView = new DataView(buffer.buffer);
/** The request read last: its words, low first. */
export const request = new Uint32Array(8);

/** Reads `size` bytes (a multiple of 4, at most 32) at low:high into `request`. */
export function readRequest(machine: Machine, low: number, high: number, size: number): boolean {
  let view: DataView;
  let at: number;
  if ((low & 4095) <= 4096 - size) {
    view = machine.engine.mem.view;
    at = guestAddress(machine, low, high, false);
    if (at === 0) return false;
  } else {
    if (!readGuestAt(machine, low, high, size === 32 ? buffer : buffer.subarray(0, size))) return false;
    view = bufferView;
    at = 0;
  }
  for (let i = 0; i < size >> 2; i++) request[i] = view.getUint32(at + i * 4, true);
  return true;
}

/** How often a handler stops for the rest of the world. */
export const REQUESTS_A_SLICE = 512;

/** `count` without Xen's mark, and what was done before an interruption. */
export function begin(call: Call): { count: number; before: number } {
  const raw = call.lo(1);
  if ((raw & MMU_UPDATE_PREEMPTED) === 0) return { count: raw, before: 0 };
  const done = call.args[2];
  return {
    count: raw & ~MMU_UPDATE_PREEMPTED,
    before: done === 0n ? 0 : (readGuestU32(call.machine, done) ?? 0),
  };
}

/** Tells the guest how many requests were carried out. */
export function reportDone(call: Call, done: number): void {
  if (call.lo(2) !== 0 || call.hi(2) !== 0) writeGuestU32(call.machine, call.args[2], done);
}

/** Lets the guest execute the call anew for the requests from `from` on. */
export function goOnLater(call: Call, from: number, count: number, size: number): "preempted" {
  call.setArg(0, BigInt.asUintN(64, call.args[0] + BigInt(from * size)));
  call.setArg(1, BigInt(((count - from) | MMU_UPDATE_PREEMPTED) >>> 0));
  return "preempted";
}
