/** `vcpu_guest_context`, public/arch-x86/xen.h, as a record: what a vCPU starts with, and what a crash dump shows. */

export interface UserRegs {
  r15: bigint;
  r14: bigint;
  r13: bigint;
  r12: bigint;
  rbp: bigint;
  rbx: bigint;
  r11: bigint;
  r10: bigint;
  r9: bigint;
  r8: bigint;
  rax: bigint;
  rcx: bigint;
  rdx: bigint;
  rsi: bigint;
  rdi: bigint;
  rip: bigint;
  cs: number;
  rflags: bigint;
  rsp: bigint;
  ss: number;
  es: number;
  ds: number;
  fs: number;
  gs: number;
}

export interface VcpuGuestContext {
  /** VGCF_*: 1 i387 valid, 4 in kernel, 0x20 online. */
  flags: number;
  userRegs: UserRegs;
  ldtBase: bigint;
  ldtEntries: number;
  /** Machine frames of the guest's GDT. */
  gdtFrames: number[];
  gdtEntries: number;
  kernelSs: number;
  kernelSp: bigint;
  /** cr0, cr1 (user page-table base), cr2, cr3, cr4 … of `ctrlreg`; the table bases as machine frames << 12. */
  cr0: bigint;
  cr3: bigint;
  cr3User: bigint;
  cr4: bigint;
  debugreg: bigint[];
  eventCallback: bigint;
  failsafeCallback: bigint;
  syscallCallback: bigint;
  vmAssist: bigint;
  fsBase: bigint;
  gsBaseKernel: bigint;
  gsBaseUser: bigint;
  /** `trap_ctxt`, entries in use only; and the 512 bytes of FXSAVE. A builder leaves both out: no handlers, reset state. */
  traps?: readonly TrapEntry[];
  fpu?: Uint8Array;
}

/** `trap_info`. */
export interface TrapEntry {
  readonly vector: number;
  readonly flags: number;
  readonly cs: number;
  readonly address: bigint;
}
