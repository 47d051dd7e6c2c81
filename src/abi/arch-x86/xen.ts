/** public/arch-x86/xen.h and xen-x86_64.h: selectors, trap table, and the image of `vcpu_guest_context`. */
import { at, struct, u8, u16, u32, u64 } from "../../lib/struct.ts";
import type { UserRegs, VcpuGuestContext } from "../vcpu-context.ts";

/** Xen's flat descriptors in every guest's GDT, from entry 7168 on. */
export const FLAT_RING1_CS = 0xe019;
export const FLAT_RING1_DS = 0xe021;
export const FLAT_RING3_CS32 = 0xe023;
export const FLAT_RING3_DS32 = 0xe02b;
export const FLAT_RING3_CS64 = 0xe033;
export const FLAT_KERNEL_CS = FLAT_RING3_CS64;
export const FLAT_KERNEL_SS = FLAT_RING3_DS32;

export const FIRST_RESERVED_GDT_PAGE = 14;
export const FIRST_RESERVED_GDT_ENTRY = FIRST_RESERVED_GDT_PAGE * 512;

/** Addresses that belong to Xen: high halves of first and end. */
export const HYPERVISOR_VIRT_START = 0xffff_8000_0000_0000n;
export const HYPERVISOR_VIRT_END = 0xffff_8800_0000_0000n;

export const SEGBASE_FS = 0;
export const SEGBASE_GS_USER = 1;
export const SEGBASE_GS_KERNEL = 2;
/** Set user %gs to the selector given. */
export const SEGBASE_GS_USER_SEL = 3;

/** `iret_context.flags`: RCX, R11, CS and SS of the frame are not to be restored. */
export const VGCF_in_syscall = 1 << 8;

export const VGCF_i387_valid = 1 << 0;
export const VGCF_in_kernel = 1 << 2;
export const VGCF_failsafe_disables_events = 1 << 3;
export const VGCF_syscall_disables_events = 1 << 4;
export const VGCF_online = 1 << 5;

export const trapInfo = struct("trap_info", 16, {
  vector: at(0, u8),
  /** Bits 0-1: least privileged ring that may INT n; bit 2: mask events on entry. */
  flags: at(1, u8),
  cs: at(2, u16),
  address: at(8, u64),
});

export const cpuUserRegs = struct("cpu_user_regs", 200, {
  r15: at(0x00, u64),
  r14: at(0x08, u64),
  r13: at(0x10, u64),
  r12: at(0x18, u64),
  rbp: at(0x20, u64),
  rbx: at(0x28, u64),
  r11: at(0x30, u64),
  r10: at(0x38, u64),
  r9: at(0x40, u64),
  r8: at(0x48, u64),
  rax: at(0x50, u64),
  rcx: at(0x58, u64),
  rdx: at(0x60, u64),
  rsi: at(0x68, u64),
  rdi: at(0x70, u64),
  rip: at(0x80, u64),
  cs: at(0x88, u16),
  savedUpcallMask: at(0x8c, u8),
  rflags: at(0x90, u64),
  rsp: at(0x98, u64),
  ss: at(0xa0, u16),
  es: at(0xa8, u16),
  ds: at(0xb0, u16),
  fs: at(0xb8, u16),
  gs: at(0xc0, u16),
});

/** `vcpu_guest_context`: 5168 bytes. The arrays stand at the offsets below. */
export const vcpuGuestContext = struct("vcpu_guest_context", 5168, {
  flags: at(0x200, u64),
  ldtBase: at(0x12d0, u64),
  ldtEnts: at(0x12d8, u64),
  gdtEnts: at(0x1360, u64),
  kernelSs: at(0x1368, u64),
  kernelSp: at(0x1370, u64),
  ctrlreg0: at(0x1378, u64),
  ctrlreg1: at(0x1380, u64),
  ctrlreg2: at(0x1388, u64),
  ctrlreg3: at(0x1390, u64),
  ctrlreg4: at(0x1398, u64),
  eventCallbackEip: at(0x13f8, u64),
  failsafeCallbackEip: at(0x1400, u64),
  syscallCallbackEip: at(0x1408, u64),
  vmAssist: at(0x1410, u64),
  fsBase: at(0x1418, u64),
  gsBaseKernel: at(0x1420, u64),
  gsBaseUser: at(0x1428, u64),
});
export const VCPU_GUEST_CONTEXT_FPU = 0x000;
export const VCPU_GUEST_CONTEXT_USER_REGS = 0x208;
export const VCPU_GUEST_CONTEXT_TRAP_CTXT = 0x2d0;
export const VCPU_GUEST_CONTEXT_GDT_FRAMES = 0x12e0;
export const VCPU_GUEST_CONTEXT_DEBUGREG = 0x13b8;

/** A guest's `vcpu_guest_context` as a record. */
export function readVcpuGuestContext(view: DataView): VcpuGuestContext {
  const c = vcpuGuestContext.read(view, 0);
  const { savedUpcallMask, ...userRegs } = cpuUserRegs.read(view, VCPU_GUEST_CONTEXT_USER_REGS);
  const traps = [];
  for (let i = 0; i < 256; i++) {
    const trap = trapInfo.read(view, VCPU_GUEST_CONTEXT_TRAP_CTXT + i * trapInfo.size);
    if (trap.address !== 0n) traps.push({ ...trap, vector: i });
  }
  const gdtFrames = [];
  for (let i = 0; i < 16; i++)
    gdtFrames.push(Number(view.getBigUint64(VCPU_GUEST_CONTEXT_GDT_FRAMES + i * 8, true)));
  const debugreg = [];
  for (let i = 0; i < 8; i++) debugreg.push(view.getBigUint64(VCPU_GUEST_CONTEXT_DEBUGREG + i * 8, true));
  return {
    flags: Number(c.flags & 0xffff_ffffn),
    userRegs,
    ldtBase: c.ldtBase,
    ldtEntries: Number(c.ldtEnts),
    gdtFrames,
    gdtEntries: Number(c.gdtEnts),
    kernelSs: Number(c.kernelSs & 0xffffn),
    kernelSp: c.kernelSp,
    cr0: c.ctrlreg0,
    cr3: c.ctrlreg3,
    cr3User: c.ctrlreg1,
    cr4: c.ctrlreg4,
    debugreg,
    eventCallback: c.eventCallbackEip,
    failsafeCallback: c.failsafeCallbackEip,
    syscallCallback: c.syscallCallbackEip,
    vmAssist: c.vmAssist,
    fsBase: c.fsBase,
    gsBaseKernel: c.gsBaseKernel,
    gsBaseUser: c.gsBaseUser,
    traps,
    fpu: new Uint8Array(view.buffer, view.byteOffset + VCPU_GUEST_CONTEXT_FPU, 512).slice(),
  };
}

/** The record as the image that getvcpucontext and save files hold. */
export function writeVcpuGuestContext(view: DataView, context: VcpuGuestContext): void {
  const regs: UserRegs = context.userRegs;
  if (context.fpu !== undefined)
    new Uint8Array(view.buffer, view.byteOffset, 512).set(context.fpu.subarray(0, 512));
  cpuUserRegs.write(view, VCPU_GUEST_CONTEXT_USER_REGS, { ...regs, savedUpcallMask: 0 });
  for (const trap of context.traps ?? []) {
    trapInfo.write(view, VCPU_GUEST_CONTEXT_TRAP_CTXT + trap.vector * trapInfo.size, trap);
  }
  context.gdtFrames.slice(0, 16).forEach((frame, i) => {
    view.setBigUint64(VCPU_GUEST_CONTEXT_GDT_FRAMES + i * 8, BigInt(frame), true);
  });
  context.debugreg.slice(0, 8).forEach((value, i) => {
    view.setBigUint64(VCPU_GUEST_CONTEXT_DEBUGREG + i * 8, value, true);
  });
  vcpuGuestContext.write(view, 0, {
    flags: BigInt(context.flags >>> 0),
    ldtBase: context.ldtBase,
    ldtEnts: BigInt(context.ldtEntries),
    gdtEnts: BigInt(context.gdtEntries),
    kernelSs: BigInt(context.kernelSs),
    kernelSp: context.kernelSp,
    ctrlreg0: context.cr0,
    ctrlreg1: context.cr3User,
    ctrlreg2: 0n,
    ctrlreg3: context.cr3,
    ctrlreg4: context.cr4,
    eventCallbackEip: context.eventCallback,
    failsafeCallbackEip: context.failsafeCallback,
    syscallCallbackEip: context.syscallCallback,
    vmAssist: context.vmAssist,
    fsBase: context.fsBase,
    gsBaseKernel: context.gsBaseKernel,
    gsBaseUser: context.gsBaseUser,
  });
}

/** `iret_context`: what HYPERVISOR_iret finds at the stack pointer. */
export const iretContext = struct("iret_context", 72, {
  rax: at(0, u64),
  r11: at(8, u64),
  rcx: at(16, u64),
  flags: at(24, u32),
  rip: at(32, u64),
  cs: at(40, u64),
  rflags: at(48, u64),
  rsp: at(56, u64),
  ss: at(64, u64),
});
