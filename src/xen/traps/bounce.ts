/**
 * `create_bounce_frame`: enters the guest kernel as hardware enters a kernel, with a frame on its stack and its handler
 * in RIP. Low to high: rcx, r11, [error code], rip, cs | saved upcall mask << 32, rflags, rsp, ss.
 */
import { FLAT_KERNEL_CS, FLAT_KERNEL_SS } from "../../abi/arch-x86/xen.ts";
import { VMASST_TYPE_architectural_iopl } from "../../abi/xen.ts";
import { CPU, R11, RCX, RFLAGS, RIP, RSP, SEL_CS, SEL_SS } from "../../cpu/layout.ts";
import { crashDomain } from "../domain/crash.ts";
import type { Vcpu } from "../domain/domain.ts";
import type { Machine } from "../machine.ts";
import { guestAddress } from "../memory/guest-access.ts";
import { toggleGuestMode } from "./guest-mode.ts";
import {
  getSelector,
  setSelector,
  X86_EFLAGS_AC,
  X86_EFLAGS_IF,
  X86_EFLAGS_IOPL,
  X86_EFLAGS_NT,
  X86_EFLAGS_RF,
  X86_EFLAGS_TF,
  X86_EFLAGS_VM,
} from "./registers.ts";

export const NO_ERROR_CODE = -1;

/** The frame as 16 words, reused. */
const frame = new Uint32Array(16);
const CLEARED = X86_EFLAGS_TF | X86_EFLAGS_NT | X86_EFLAGS_RF | X86_EFLAGS_VM | X86_EFLAGS_AC;

/**
 * Enters the guest at `low`/`high`; `masksEvents` sets evtchn_upcall_mask. A missing handler or a bad stack is the end of
 * the domain, as on Xen.
 */
export function bounce(
  machine: Machine,
  vcpu: Vcpu,
  low: number,
  high: number,
  masksEvents: boolean,
  errorCode: number,
): void {
  if (low === 0 && high === 0) {
    crashDomain(machine, vcpu.domain, "the guest has no handler for this exception or event");
    return;
  }
  const { u32, u8 } = machine.engine.mem;
  let cs = getSelector(machine, SEL_CS);
  const ss = getSelector(machine, SEL_SS);
  const oldLow = u32[(CPU + RSP) >>> 2] as number;
  const oldHigh = u32[(CPU + RSP + 4) >>> 2] as number;
  let spLow = oldLow;
  let spHigh = oldHigh;
  if (vcpu.kernelMode) {
    cs &= ~3; // tells the guest that it was interrupted in its kernel
  } else {
    toggleGuestMode(machine, vcpu);
    spLow = vcpu.kernelSpLo;
    spHigh = vcpu.kernelSpHi;
  }

  const mask = u8[vcpu.infoAddress + 1] as number;
  if (masksEvents) u8[vcpu.infoAddress + 1] = mask | 1;
  let rflags = (u32[(CPU + RFLAGS) >>> 2] as number) & ~(X86_EFLAGS_IF | X86_EFLAGS_IOPL);
  if (mask === 0) rflags |= X86_EFLAGS_IF;
  if ((vcpu.domain.vmAssist & (1 << VMASST_TYPE_architectural_iopl)) !== 0) rflags |= vcpu.iopl << 12;

  let n = 0;
  frame[n++] = u32[(CPU + RCX) >>> 2] as number;
  frame[n++] = u32[(CPU + RCX + 4) >>> 2] as number;
  frame[n++] = u32[(CPU + R11) >>> 2] as number;
  frame[n++] = u32[(CPU + R11 + 4) >>> 2] as number;
  if (errorCode !== NO_ERROR_CODE) {
    frame[n++] = errorCode;
    frame[n++] = 0;
  }
  frame[n++] = u32[(CPU + RIP) >>> 2] as number;
  frame[n++] = u32[(CPU + RIP + 4) >>> 2] as number;
  frame[n++] = cs;
  frame[n++] = mask;
  frame[n++] = rflags;
  frame[n++] = u32[(CPU + RFLAGS + 4) >>> 2] as number;
  frame[n++] = oldLow;
  frame[n++] = oldHigh;
  frame[n++] = ss;
  frame[n++] = 0;

  spLow = (spLow & ~0xf) >>> 0;
  const bytes = n * 4;
  if (spLow < bytes) spHigh = (spHigh - 1) >>> 0;
  spLow = (spLow - bytes) >>> 0;
  if (!writeWords(machine, spLow, spHigh, n)) {
    const at = spHigh.toString(16).padStart(8, "0") + spLow.toString(16).padStart(8, "0");
    crashDomain(machine, vcpu.domain, `the guest's kernel stack at ${at} cannot take an exception frame`);
    return;
  }
  u32[(CPU + RSP) >>> 2] = spLow;
  u32[(CPU + RSP + 4) >>> 2] = spHigh;
  u32[(CPU + RIP) >>> 2] = low;
  u32[(CPU + RIP + 4) >>> 2] = high;
  u32[(CPU + RFLAGS) >>> 2] = (u32[(CPU + RFLAGS) >>> 2] as number) & ~CLEARED;
  setSelector(machine, SEL_CS, FLAT_KERNEL_CS);
  setSelector(machine, SEL_SS, FLAT_KERNEL_SS);
}

/** Writes the first `n` words of `frame`, over a page boundary where need be. */
function writeWords(machine: Machine, low: number, high: number, n: number): boolean {
  const { engine } = machine;
  const { u32 } = engine.mem;
  let done = 0;
  while (done < n) {
    const words = Math.min(n - done, (4096 - (low & 4095)) >>> 2);
    const at = guestAddress(machine, low, high, true);
    if (at === 0) return false;
    for (let i = 0; i < words; i++) u32[(at >>> 2) + i] = frame[done + i] as number;
    engine.mem.noteWrite(engine.translatedFrame(), low & 4095, words * 4);
    done += words;
    low += words * 4;
    if (low > 0xffff_ffff) {
      low = 0;
      high = (high + 1) >>> 0;
    }
  }
  return true;
}
