/** HYPERVISOR_iret: the guest kernel's way back to where a trap or SYSCALL came from (`do_iret`). */
import { FLAT_KERNEL_SS, FLAT_RING3_CS64, VGCF_in_syscall } from "../../abi/arch-x86/xen.ts";
import { VMASST_TYPE_architectural_iopl } from "../../abi/xen.ts";
import { CPU, R11, RAX, RCX, RFLAGS, RIP, RSP, SEL_CS, SEL_SS } from "../../cpu/layout.ts";
import { crashDomain } from "../domain/crash.ts";
import type { Handler } from "../hypercall/context.ts";
import type { Machine } from "../machine.ts";
import { guestAddress, readGuestAt } from "../memory/guest-access.ts";
import { checkCode, checkStack, MAY_LOAD } from "./descriptor.ts";
import { noteCompatibility } from "./far.ts";
import { toggleGuestMode } from "./guest-mode.ts";
import { inject } from "./inject.ts";
import { setSelector, X86_EFLAGS_IF, X86_EFLAGS_IOPL, X86_EFLAGS_VM } from "./registers.ts";

/** `iret_context` as words: rax r11 rcx flags rip cs rflags rsp ss. */
const FRAME_BYTES = 72;
const frame = new Uint32Array(FRAME_BYTES / 4);
const frameBytes = new Uint8Array(frame.buffer);
const F_RAX = 0;
const F_R11 = 2;
const F_RCX = 4;
const F_FLAGS = 6;
const F_RIP = 8;
const F_CS = 10;
const F_RFLAGS = 12;
const F_RSP = 14;
const F_SS = 16;

export const doIret: Handler = ({ machine, vcpu, domain }) => {
  if (!readFrame(machine)) {
    crashDomain(machine, domain, "fault while reading the IRET frame from the guest's stack");
    return "done";
  }
  vcpu.nmiMasked = false;
  const flags = frame[F_FLAGS] as number;
  let cs = (frame[F_CS] as number) & 0xffff;
  let ss = (frame[F_SS] as number) & 0xffff;
  const rflags = frame[F_RFLAGS] as number;
  if ((cs & 3) === 3) {
    if (vcpu.guestTableUser === 0) {
      crashDomain(machine, domain, "the guest goes to user mode with no user page tables");
      return "done";
    }
    toggleGuestMode(machine, vcpu);
  }
  if ((domain.vmAssist & (1 << VMASST_TYPE_architectural_iopl)) !== 0)
    vcpu.iopl = (rflags & X86_EFLAGS_IOPL) >>> 12;
  const { u32, u8 } = machine.engine.mem;
  copyField(u32, RAX, F_RAX);
  copyField(u32, RIP, F_RIP);
  copyField(u32, RSP, F_RSP);
  const newFlags = (rflags & ~(X86_EFLAGS_IOPL | X86_EFLAGS_VM)) | X86_EFLAGS_IF | 2;
  u32[(CPU + RFLAGS) >>> 2] = newFlags;
  u8[vcpu.infoAddress + 1] = (rflags & X86_EFLAGS_IF) === 0 ? 1 : 0;
  if ((flags & VGCF_in_syscall) !== 0) {
    // Back by SYSRET: RCX and R11 as that instruction needs them, flat selectors.
    copyField(u32, RCX, F_RIP);
    u32[(CPU + R11) >>> 2] = newFlags;
    u32[(CPU + R11 + 4) >>> 2] = 0;
    cs = FLAT_RING3_CS64;
    ss = FLAT_KERNEL_SS;
  } else {
    copyField(u32, R11, F_R11);
    copyField(u32, RCX, F_RCX);
    cs |= 3;
    ss |= 3;
  }
  if (cs !== FLAT_RING3_CS64 || ss !== FLAT_KERNEL_SS) {
    // The hardware's IRET at the end of Xen's path would fault on a bad selector: the guest sees it as #GP or #NP there.
    const badCode = checkCode(machine, vcpu, cs);
    const bad = badCode === MAY_LOAD ? checkStack(machine, vcpu, ss) : badCode;
    if (bad !== MAY_LOAD) {
      noteCompatibility(machine, vcpu, cs);
      setSelector(machine, SEL_CS, FLAT_RING3_CS64);
      setSelector(machine, SEL_SS, FLAT_KERNEL_SS);
      inject(machine, vcpu, bad, (badCode === MAY_LOAD ? ss : cs) & 0xfffc);
      return "done";
    }
  }
  setSelector(machine, SEL_CS, cs);
  setSelector(machine, SEL_SS, ss);
  return "done";
};

function copyField(u32: Uint32Array, field: number, from: number): void {
  const at = (CPU + field) >>> 2;
  u32[at] = frame[from] as number;
  u32[at + 1] = frame[from + 1] as number;
}

function readFrame(machine: Machine): boolean {
  const { u32 } = machine.engine.mem;
  const low = u32[(CPU + RSP) >>> 2] as number;
  const high = u32[(CPU + RSP + 4) >>> 2] as number;
  if ((low & 4095) + FRAME_BYTES > 4096 || (low & 7) !== 0)
    return readGuestAt(machine, low, high, frameBytes);
  const at = guestAddress(machine, low, high, false) >>> 2;
  if (at === 0) return false;
  for (let i = 0; i < FRAME_BYTES / 4; i++) frame[i] = u32[at + i] as number;
  return true;
}
