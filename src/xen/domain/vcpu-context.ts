/** `arch_set_info_guest` and its reverse: a vCPU's whole state as the record that builders, vcpu_op and save use. */
import {
  VGCF_failsafe_disables_events,
  VGCF_i387_valid,
  VGCF_in_kernel,
  VGCF_online,
  VGCF_syscall_disables_events,
} from "../../abi/arch-x86/xen.ts";
import {
  CALLBACKF_mask_events,
  CALLBACKTYPE_event,
  CALLBACKTYPE_failsafe,
  CALLBACKTYPE_syscall,
} from "../../abi/callback.ts";
import type { XenResult } from "../../abi/errno.ts";
import { done, refuse } from "../../abi/errno.ts";
import type { TrapEntry, UserRegs, VcpuGuestContext } from "../../abi/vcpu-context.ts";
import * as L from "../../cpu/layout.ts";
import type { Machine } from "../machine.ts";
import { dropBases, installKernelBase, installUserBase } from "../memory/base-pointer.ts";
import { destroyGdt, setGdt } from "../memory/descriptors.ts";
import { isGuestAddress } from "../memory/walk.ts";
import { updateVcpuTime } from "../time/pvclock.ts";
import { guestCr4, PV_CR0, PV_CR4_GUEST_VISIBLE, tscExits } from "../traps/control-registers.ts";
import { fixDebugRegister } from "../traps/debug-registers.ts";
import {
  isCanonical,
  X86_CR0_TS,
  X86_EFLAGS_IF,
  X86_EFLAGS_IOPL,
  X86_EFLAGS_VM,
} from "../traps/registers.ts";
import type { Vcpu } from "./domain.ts";
import { FPU_IMAGE_SIZE, readFpuImage, writeFpuImage } from "./fpu-image.ts";

/** SCE LME LMA NX */
const PV_EFER = 0xd01n;
/** The engine has room for so many, of all domains together. */
const MAX_ENGINE_VCPUS = 256;
const MAX_GDT_ENTRIES = 14 * 512;
const MAX_LDT_ENTRIES = 8192;
/** `NATIVE_VM_ASSIST_VALID`: types 0 to 5 and m2p_strict. */
const VM_ASSISTS = 0x1_0000_003fn;

const REGISTERS: readonly (readonly [keyof UserRegs, number])[] = [
  ["rax", L.RAX],
  ["rcx", L.RCX],
  ["rdx", L.RDX],
  ["rbx", L.RBX],
  ["rsp", L.RSP],
  ["rbp", L.RBP],
  ["rsi", L.RSI],
  ["rdi", L.RDI],
  ["r8", L.R8],
  ["r9", L.R9],
  ["r10", L.R10],
  ["r11", L.R11],
  ["r12", L.R12],
  ["r13", L.R13],
  ["r14", L.R14],
  ["r15", L.R15],
  ["rip", L.RIP],
];
const SELECTORS: readonly (readonly [keyof UserRegs, number])[] = [
  ["es", L.SEL_ES],
  ["ss", L.SEL_SS],
  ["ds", L.SEL_DS],
  ["fs", L.SEL_FS],
  ["gs", L.SEL_GS],
  ["cs", L.SEL_CS],
];

/**
 * EINVAL: an address that is none, a table that does not validate, too many descriptors, unknown assists. EOPNOTSUPP: it has a
 * context, and this one would give it other page tables or descriptors. ENOMEM: no vCPU left in the engine.
 */
export function setVcpuContext(machine: Machine, vcpu: Vcpu, context: VcpuGuestContext): XenResult {
  const { engine } = machine;
  const regs = context.userRegs;
  const kernelTable = frameOf(context.cr3);
  const userTable = frameOf(context.cr3User);
  const addresses = [
    regs.rip,
    regs.rsp,
    context.eventCallback,
    context.failsafeCallback,
    context.syscallCallback,
    context.ldtBase,
    context.fsBase,
    context.gsBaseKernel,
    context.gsBaseUser,
    context.kernelSp,
    ...(context.traps ?? []).map((trap) => trap.address),
  ];
  if (!addresses.every(isCanonical)) return refuse("EINVAL");
  if (kernelTable === undefined || kernelTable === 0 || userTable === undefined) return refuse("EINVAL");
  if (context.gdtEntries > MAX_GDT_ENTRIES || context.ldtEntries > MAX_LDT_ENTRIES) return refuse("EINVAL");
  if ((context.ldtBase & 4095n) !== 0n || !isGuestAddress(Number(context.ldtBase >> 32n)))
    return refuse("EINVAL");
  if (vcpu.id === 0 && (context.vmAssist & ~VM_ASSISTS) !== 0n) return refuse("EINVAL");
  if (vcpu.initialised && !vcpu.domain.program && !standsOnSameTables(vcpu, context))
    return refuse("EOPNOTSUPP");
  if (vcpu.engineVcpu === undefined) {
    if (machine.engineVcpus >= MAX_ENGINE_VCPUS) return refuse("ENOMEM");
    vcpu.engineVcpu = engine.createVcpu();
    machine.engineVcpus++;
  }
  vcpu.kernelMode = (context.flags & VGCF_in_kernel) !== 0;
  if (!vcpu.kernelMode && userTable === 0) return refuse("EINVAL");
  if (
    setGdt(machine, vcpu, context.gdtFrames, context.gdtEntries) !== 0 ||
    installKernelBase(machine, vcpu, kernelTable) !== 0 ||
    installUserBase(machine, vcpu, userTable) !== 0
  ) {
    destroyGdt(machine, vcpu);
    dropBases(machine, vcpu);
    return refuse("EINVAL");
  }

  const state = engine.stateAddress(vcpu.engineVcpu);
  const { u16, u32, u64 } = engine.mem;
  const put64 = (field: number, value: bigint): void => {
    u64[(state + field) >>> 3] = value;
  };
  for (const [name, field] of REGISTERS) put64(field, regs[name] as bigint);
  for (const [name, field] of SELECTORS) u16[(state + field) >>> 1] = regs[name] as number;
  u16[(state + L.SEL_CS) >>> 1] = regs.cs | 3;
  u16[(state + L.SEL_SS) >>> 1] = regs.ss | 3;
  const flags = Number(regs.rflags & 0xffff_ffffn);
  put64(L.RFLAGS, BigInt(((flags & ~(X86_EFLAGS_IOPL | X86_EFLAGS_VM)) | X86_EFLAGS_IF | 2) >>> 0));
  vcpu.iopl = (flags & X86_EFLAGS_IOPL) >>> 12;
  vcpu.cr0 = (PV_CR0 | (Number(context.cr0 & 8n) !== 0 ? X86_CR0_TS : 0)) >>> 0;
  put64(L.CR0, BigInt(vcpu.cr0));
  put64(L.CR4, BigInt(PV_CR4_GUEST_VISIBLE));
  put64(L.EFER, PV_EFER);
  const table = BigInt(vcpu.kernelMode ? kernelTable : userTable);
  put64(L.CR3, table << 12n);
  u32[(state + L.PV_USER) >>> 2] = vcpu.kernelMode ? 0 : 1;
  u32[(state + L.CPL) >>> 2] = 3;
  put64(L.FS_BASE, context.fsBase);
  put64(vcpu.kernelMode ? L.GS_BASE : L.GS_BASE_OTHER, context.gsBaseKernel);
  put64(vcpu.kernelMode ? L.GS_BASE_OTHER : L.GS_BASE, context.gsBaseUser);
  vcpu.cr4 = guestCr4(Number(context.cr4 & 0xffff_ffffn));
  put64(L.DR0 + 0x20, 0xffff_0ff0n);
  put64(L.DR0 + 0x28, 0x400n);
  // What is refused there is left out.
  for (const register of [0, 1, 2, 3, 6, 7]) {
    const fixed = fixDebugRegister(vcpu, register, context.debugreg[register] ?? 0n);
    if (typeof fixed === "bigint") put64(L.DR0 + (register < 4 ? register : register - 2) * 8, fixed);
  }
  u32[(state + L.TSC_EXITS) >>> 2] = tscExits(vcpu.cr4);

  if ((context.flags & VGCF_i387_valid) !== 0 && context.fpu?.length === FPU_IMAGE_SIZE) {
    writeFpuImage(engine.mem, state, context.fpu);
  }

  vcpu.traps.clear();
  for (const { vector, flags, cs, address } of context.traps ?? []) {
    vcpu.traps.set(vector, flags, cs, ...halves(address));
  }
  vcpu.callbacks.set(CALLBACKTYPE_event, ...halves(context.eventCallback), 0);
  const mask = (flag: number): number => ((context.flags & flag) === 0 ? 0 : CALLBACKF_mask_events);
  const failsafe = mask(VGCF_failsafe_disables_events);
  vcpu.callbacks.set(CALLBACKTYPE_failsafe, ...halves(context.failsafeCallback), failsafe);
  const syscall = mask(VGCF_syscall_disables_events);
  vcpu.callbacks.set(CALLBACKTYPE_syscall, ...halves(context.syscallCallback), syscall);
  vcpu.kernelSs = context.kernelSs | 3;
  [vcpu.kernelSpLo, vcpu.kernelSpHi] = halves(context.kernelSp);
  vcpu.ldtBase = context.ldtEntries === 0 ? 0n : context.ldtBase;
  vcpu.ldtEntries = context.ldtEntries;
  if (vcpu.id === 0) vcpu.domain.vmAssist = Number(context.vmAssist & 0x3fn);
  vcpu.initialised = true;
  vcpu.down = (context.flags & VGCF_online) === 0;
  updateVcpuTime(machine, vcpu, true);
  return done;
}

/** `arch_set_info_guest` changes what a running vCPU stands on only by way of a reset. */
function standsOnSameTables(vcpu: Vcpu, context: VcpuGuestContext): boolean {
  const { gdtFrames } = vcpu;
  return (
    context.cr3 === BigInt(vcpu.guestTable) << 12n &&
    context.cr3User === BigInt(vcpu.guestTableUser) << 12n &&
    (vcpu.guestTableUser !== 0 || (context.flags & VGCF_in_kernel) !== 0) &&
    context.gdtEntries === vcpu.gdtEntries &&
    gdtFrames.every((mfn, i) => mfn === context.gdtFrames[i]) &&
    context.ldtEntries === vcpu.ldtEntries &&
    (vcpu.ldtEntries === 0 || context.ldtBase === vcpu.ldtBase)
  );
}

/** What {@link setVcpuContext} would make the same vCPU of. */
export function getVcpuContext(machine: Machine, vcpu: Vcpu): XenResult<VcpuGuestContext> {
  if (vcpu.engineVcpu === undefined || !vcpu.initialised) return refuse("ENODATA");
  const state = machine.engine.stateAddress(vcpu.engineVcpu);
  const { u16, u64 } = machine.engine.mem;
  const get64 = (field: number): bigint => u64[(state + field) >>> 3] as bigint;
  const regs: Record<string, bigint | number> = {};
  for (const [name, field] of REGISTERS) regs[name] = get64(field);
  for (const [name, field] of SELECTORS) regs[name] = u16[(state + field) >>> 1] as number;
  regs["rflags"] = get64(L.RFLAGS) | (BigInt(vcpu.iopl) << 12n);
  const { callbacks, kernelMode } = vcpu;
  const disables = (type: number, flag: number): number => (callbacks.masksEvents(type) ? flag : 0);
  const traps: TrapEntry[] = [];
  for (let vector = 0; vector < 256; vector++) {
    if (!vcpu.traps.isSet(vector)) continue;
    const address = whole(vcpu.traps.low[vector] as number, vcpu.traps.high[vector] as number);
    traps.push({
      vector,
      flags: vcpu.traps.flags[vector] as number,
      cs: vcpu.traps.cs[vector] as number,
      address,
    });
  }
  return {
    ok: true,
    value: {
      flags:
        VGCF_i387_valid |
        (kernelMode ? VGCF_in_kernel : 0) |
        (vcpu.down ? 0 : VGCF_online) |
        disables(CALLBACKTYPE_failsafe, VGCF_failsafe_disables_events) |
        disables(CALLBACKTYPE_syscall, VGCF_syscall_disables_events),
      userRegs: regs as unknown as UserRegs,
      ldtBase: vcpu.ldtBase,
      ldtEntries: vcpu.ldtEntries,
      gdtFrames: [...vcpu.gdtFrames],
      gdtEntries: vcpu.gdtEntries,
      kernelSs: vcpu.kernelSs,
      kernelSp: whole(vcpu.kernelSpLo, vcpu.kernelSpHi),
      cr0: get64(L.CR0),
      cr3: BigInt(vcpu.guestTable) << 12n,
      cr3User: BigInt(vcpu.guestTableUser) << 12n,
      cr4: BigInt(vcpu.cr4),
      debugreg: [0, 1, 2, 3, 4, 5, 6, 7].map((i) =>
        i < 4 ? get64(L.DR0 + i * 8) : i === 6 ? get64(L.DR0 + 0x20) : i === 7 ? get64(L.DR0 + 0x28) : 0n,
      ),
      eventCallback: callbacks.address(CALLBACKTYPE_event),
      failsafeCallback: callbacks.address(CALLBACKTYPE_failsafe),
      syscallCallback: callbacks.address(CALLBACKTYPE_syscall),
      vmAssist: BigInt(vcpu.domain.vmAssist),
      fsBase: get64(L.FS_BASE),
      gsBaseKernel: get64(kernelMode ? L.GS_BASE : L.GS_BASE_OTHER),
      gsBaseUser: get64(kernelMode ? L.GS_BASE_OTHER : L.GS_BASE),
      traps,
      fpu: readFpuImage(machine.engine.mem, state),
    },
  };
}

const halves = (value: bigint): [number, number] => [Number(value & 0xffff_ffffn), Number(value >> 32n)];
const whole = (low: number, high: number): bigint => (BigInt(high) << 32n) | BigInt(low);

/** The frame of a table base; undefined: no address of a frame. */
const frameOf = (base: bigint): number | undefined => {
  const frame = base >> 12n;
  return frame <= 0xffff_ffffn ? Number(frame) : undefined;
};
