/**
 * What a domain's saver and restorer ask of Xen besides what its builder asks: page types, the M2P, the vCPU state that
 * `vcpu_guest_context` has no room for, time, CPU policies (public/domctl.h).
 */
import { at, struct, u8, u16, u32, u64 } from "../lib/struct.ts";
import type { XenResult } from "./errno.ts";
import type { Domid, Mfn } from "./types.ts";

/** `XEN_DOMCTL_PFINFO_*`, shifted down to four bits as save files hold them. */
export const PFINFO = {
  NOTAB: 0x0,
  L1TAB: 0x1,
  L2TAB: 0x2,
  L3TAB: 0x3,
  L4TAB: 0x4,
  /** Or-ed to a table's level: pinned. */
  LPINTAB: 0x8,
  BROKEN: 0xd,
  XALLOC: 0xe,
  XTAB: 0xf,
} as const;

/** Level of a page table, pinned or not; 0: it is none. */
export const tableLevel = (pfinfo: number): number => {
  const level = pfinfo & 7;
  return pfinfo < PFINFO.BROKEN && level <= 4 ? level : 0;
};

/** `XEN_DOMCTL_{get,set}_ext_vcpucontext`: the 32-bit entries, and what a guest may know of machine checks (all 0 here). */
export const extVcpuContext = struct("xen_domctl_ext_vcpucontext", 64, {
  vcpu: at(0, u32),
  size: at(4, u32),
  syscall32CallbackEip: at(8, u64),
  sysenterCallbackEip: at(16, u64),
  syscall32CallbackCs: at(24, u16),
  sysenterCallbackCs: at(26, u16),
  syscall32DisablesEvents: at(28, u8),
  sysenterDisablesEvents: at(29, u8),
  mcgCap: at(32, u64),
});

export interface ExtVcpuContext {
  readonly syscall32Callback: bigint;
  readonly syscall32Cs: number;
  readonly syscall32DisablesEvents: boolean;
  readonly sysenterCallback: bigint;
  readonly sysenterCs: number;
  readonly sysenterDisablesEvents: boolean;
}

/** `XEN_DOMCTL_gettscinfo`; mode: TSC_MODE_*, 0 default, 1 always emulated, 2 native. */
export interface TscInfo {
  readonly mode: number;
  readonly khz: number;
  /** Guest time in nanoseconds. */
  readonly nsec: number;
  /** How often the domain has been restored. */
  readonly incarnation: number;
}

/** `xen_cpuid_leaf_t`; subleaf XEN_CPUID_NO_SUBLEAF for a leaf that has none. */
export interface CpuidLeaf {
  readonly leaf: number;
  readonly subleaf: number;
  readonly a: number;
  readonly b: number;
  readonly c: number;
  readonly d: number;
}
export const XEN_CPUID_NO_SUBLEAF = 0xffff_ffff;

/** `xen_msr_entry_t` */
export interface MsrEntry {
  readonly idx: number;
  readonly val: bigint;
}

export interface CpuPolicy {
  readonly leaves: readonly CpuidLeaf[];
  readonly msrs: readonly MsrEntry[];
}

/** What in a policy this machine cannot offer. */
export type PolicyFault = { readonly leaf: number; readonly subleaf: number } | { readonly msr: number };

/** All privileged: EPERM for anybody but dom0, ESRCH where there is no such domain. */
export interface MigrationCalls {
  /** XEN_DOMCTL_resumedomain: it has shut down, and goes on. Dom0: EINVAL. */
  resume(dom: Domid): XenResult;
  /** XEN_DOMCTL_getpageframeinfo3: PFINFO of each; XTAB for what is no frame of the domain's own memory. */
  pageTypes(dom: Domid, frames: readonly number[]): XenResult<Uint8Array>;
  /** The M2P, which dom0 has mapped: the number a frame's owner knows it by. */
  machineToPhys(frame: number): number | undefined;
  /** MMUEXT_PIN_L1_TABLE … MMUEXT_PIN_L4_TABLE on behalf of `dom`. EINVAL with the reason in the hypervisor log. */
  pin(dom: Domid, frame: Mfn, level: 1 | 2 | 3 | 4): XenResult;
  getExtVcpuContext(dom: Domid, vcpu: number): XenResult<ExtVcpuContext>;
  /** EINVAL: an address that is none. */
  setExtVcpuContext(dom: Domid, vcpu: number, context: ExtVcpuContext): XenResult;
  getTscInfo(dom: Domid): XenResult<TscInfo>;
  /** Before the domain runs. EINVAL: a mode that is none. */
  setTscInfo(dom: Domid, info: TscInfo): XenResult;
  getCpuPolicy(dom: Domid): XenResult<CpuPolicy>;
  /** What of a policy the domain cannot have on this machine; undefined: all of it can be had. */
  auditCpuPolicy(dom: Domid, policy: CpuPolicy): XenResult<PolicyFault | undefined>;
}
