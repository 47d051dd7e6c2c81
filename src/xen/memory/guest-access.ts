/**
 * The one way into a guest's memory by virtual address: through the page tables of the vCPU that the engine has loaded,
 * with the guest's own rights, page by page. What it may not touch fails, as does everything in Xen's range.
 */
import { ACCESS_READ, ACCESS_WRITE, CPU, X_VECTOR } from "../../cpu/layout.ts";
import type { Machine } from "../machine.ts";

/** The upper halves of Xen's virtual range: 0xffff8000..0xffff87ff. */
const XEN_FROM = 0xffff_8000;
const XEN_TO = 0xffff_8800;

/** Byte address of guest memory for one access that stays within a page; 0: the guest has no right to it. */
export function guestAddress(machine: Machine, low: number, high: number, write: boolean): number {
  if (high >= XEN_FROM && high < XEN_TO) return 0;
  const at = machine.engine.translate(low, high, write ? ACCESS_WRITE : ACCESS_READ);
  return at === 0 && write && machine.engine.mem.slotsFree() === 0 ? withoutSlots(machine, low, high) : at;
}

/** A vector that no fault has. */
const NO_VECTOR = 0xffff;

/** The write may have failed because no memory is left: then retired frames are reclaimed, or the guest falls. */
function withoutSlots(machine: Machine, low: number, high: number): number {
  const { engine } = machine;
  machine.frames.drain();
  engine.mem.view.setUint32(CPU + X_VECTOR, NO_VECTOR, true);
  const at = engine.translate(low, high, ACCESS_WRITE);
  const fault = engine.mem.view.getUint32(CPU + X_VECTOR, true) !== NO_VECTOR;
  if (at === 0 && !fault && machine.current !== undefined) {
    machine.crash(machine.current.domain, "this host has no memory left to back the domain's frames");
  }
  return at;
}

/** Copies out of the guest's memory; false when some byte of it is not readable (`into` may be half filled). */
export function readGuest(machine: Machine, va: bigint, into: Uint8Array): boolean {
  return readGuestAt(machine, Number(va & 0xffff_ffffn), Number((va >> 32n) & 0xffff_ffffn), into);
}

/** Copies into the guest's memory; false when some byte is not writable (what lies before it may be written). */
export function writeGuest(machine: Machine, va: bigint, bytes: Uint8Array): boolean {
  return writeGuestAt(machine, Number(va & 0xffff_ffffn), Number((va >> 32n) & 0xffff_ffffn), bytes);
}

/** `readGuest` with the address as two halves. */
export function readGuestAt(machine: Machine, low: number, high: number, into: Uint8Array): boolean {
  const { u8 } = machine.engine.mem;
  for (let done = 0; done < into.length; ) {
    const at = guestAddress(machine, low, high, false);
    if (at === 0) return false;
    const n = Math.min(into.length - done, 4096 - (low & 4095));
    into.set(u8.subarray(at, at + n), done);
    done += n;
    low += n;
    if (low > 0xffff_ffff) {
      low -= 0x1_0000_0000;
      high = (high + 1) >>> 0;
    }
  }
  return true;
}

function writeGuestAt(machine: Machine, low: number, high: number, bytes: Uint8Array): boolean {
  const { engine } = machine;
  const { mem } = engine;
  for (let done = 0; done < bytes.length; ) {
    const at = guestAddress(machine, low, high, true);
    if (at === 0) return false;
    const n = Math.min(bytes.length - done, 4096 - (low & 4095));
    mem.u8.set(bytes.subarray(done, done + n), at);
    mem.noteWrite(engine.translatedFrame(), low & 4095, n);
    done += n;
    low += n;
    if (low > 0xffff_ffff) {
      low -= 0x1_0000_0000;
      high = (high + 1) >>> 0;
    }
  }
  return true;
}

const word = new Uint8Array(8);
const wordView = new DataView(word.buffer);
const word4 = word.subarray(0, 4);

export function readGuestU64(machine: Machine, va: bigint): bigint | undefined {
  return readGuest(machine, va, word) ? wordView.getBigUint64(0, true) : undefined;
}

export function readGuestU32(machine: Machine, va: bigint): number | undefined {
  return readGuest(machine, va, word4) ? wordView.getUint32(0, true) : undefined;
}

export function writeGuestU64(machine: Machine, va: bigint, value: bigint): boolean {
  wordView.setBigUint64(0, value, true);
  return writeGuest(machine, va, word);
}

export function writeGuestU32(machine: Machine, va: bigint, value: number): boolean {
  wordView.setUint32(0, value, true);
  return writeGuest(machine, va, word4);
}
