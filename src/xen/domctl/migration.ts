/** The privileged calls of save and restore ({@link MigrationCalls}), over dom0's typed door. */
import { CALLBACKF_mask_events, CALLBACKTYPE_syscall32, CALLBACKTYPE_sysenter } from "../../abi/callback.ts";
import { done, ok, refuse, type XenResult } from "../../abi/errno.ts";
import { type ExtVcpuContext, type MigrationCalls, PFINFO, type TscInfo } from "../../abi/migration.ts";
import { DOMID_0, type Domid } from "../../abi/types.ts";
import type { Domain, Vcpu } from "../domain/domain.ts";
import { resumeDomain } from "../domain/shutdown.ts";
import type { Machine } from "../machine.ts";
import {
  OWNER_MASK,
  PGF_PINNED,
  PGF_XEN_HEAP,
  PGT_l4,
  TYPE_COUNT,
  TYPE_MASK,
  TYPE_SHIFT,
} from "../memory/frame-table.ts";
import { pinResult } from "../memory/gate.ts";
import { chargeDomain } from "../time/cost-table.ts";
import { localNanos } from "../time/virtual-time.ts";
import { auditPolicy, cpuPolicy } from "../traps/cpu-policy.ts";
import { isCanonical } from "../traps/registers.ts";

/** TSC_MODE_NATIVE, the last one. */
const MAX_TSC_MODE = 2;
/** 4.17's code selector of a 64-bit guest kernel, as the guest's ring sees it. */
const FLAT_USER_CS = 0xe033;

export function migrationCalls(machine: Machine, caller: Domain): MigrationCalls {
  const target = (dom: Domid): XenResult<Domain> => {
    chargeDomain(machine, caller, "hypercall");
    if (!caller.privileged) return refuse("EPERM");
    const domain = machine.domains.get(dom);
    if (domain === undefined || domain.dying) return refuse("ESRCH");
    return domain.domid === DOMID_0 ? refuse("EINVAL") : ok(domain);
  };
  const vcpuOf = (dom: Domid, id: number): XenResult<Vcpu> => {
    const domain = target(dom);
    if (!domain.ok) return domain;
    const vcpu = domain.value.vcpus[id];
    return vcpu === undefined ? refuse("ESRCH") : ok(vcpu);
  };

  return {
    resume(dom) {
      const domain = target(dom);
      if (!domain.ok) return domain;
      resumeDomain(machine, domain.value);
      return done;
    },
    pageTypes(dom, frames) {
      const domain = target(dom);
      if (!domain.ok) return domain;
      return ok(Uint8Array.from(frames, (mfn) => pageType(machine, domain.value, mfn)));
    },
    machineToPhys: (frame) => (caller.privileged ? machine.frames.m2p.get(frame) : undefined),
    pin(dom, frame, level) {
      const domain = target(dom);
      return domain.ok ? pinResult(machine, frame, domain.value.domid, level) : domain;
    },
    getExtVcpuContext(dom, id) {
      const vcpu = vcpuOf(dom, id);
      return vcpu.ok ? ok(extContextOf(vcpu.value)) : vcpu;
    },
    setExtVcpuContext(dom, id, context) {
      const vcpu = vcpuOf(dom, id);
      if (!vcpu.ok) return vcpu;
      const { syscall32Callback, sysenterCallback } = context;
      if (!isCanonical(syscall32Callback) || !isCanonical(sysenterCallback)) return refuse("EINVAL");
      setCallback(vcpu.value, CALLBACKTYPE_syscall32, syscall32Callback, context.syscall32DisablesEvents);
      setCallback(vcpu.value, CALLBACKTYPE_sysenter, sysenterCallback, context.sysenterDisablesEvents);
      return done;
    },
    getTscInfo(dom) {
      const domain = target(dom);
      if (!domain.ok) return domain;
      const { mode, incarnation } = domain.value.tsc;
      return ok({ mode, incarnation, khz: machine.time.mhz * 1000, nsec: localNanos(machine) });
    },
    setTscInfo(dom, info: TscInfo) {
      const domain = target(dom);
      if (!domain.ok) return domain;
      if (info.mode > MAX_TSC_MODE) return refuse("EINVAL");
      domain.value.tsc = { mode: info.mode, incarnation: info.incarnation + 1 };
      const khz = machine.time.mhz * 1000;
      if (info.khz !== 0 && info.khz !== khz) {
        machine.log(`d${dom}: TSC was ${info.khz} kHz, is ${khz} kHz here: not emulated`);
      }
      return done;
    },
    getCpuPolicy(dom) {
      const domain = target(dom);
      return domain.ok ? ok(cpuPolicy(machine.time.mhz)) : domain;
    },
    auditCpuPolicy(dom, policy) {
      const domain = target(dom);
      return domain.ok ? ok(auditPolicy(machine.time.mhz, policy)) : domain;
    },
  };
}

/** `XEN_DOMCTL_getpageframeinfo3` of one frame. A type that nobody holds any more is no type: the content is free to change. */
function pageType(machine: Machine, domain: Domain, mfn: number): number {
  const { info, total } = machine.frames;
  if (mfn >= total || machine.frames.owner(mfn) !== domain.domid) return PFINFO.XTAB;
  const meta = info[mfn << 2] as number;
  if ((meta & OWNER_MASK) !== domain.domid || (meta & PGF_XEN_HEAP) !== 0) return PFINFO.XTAB;
  const type = (meta & TYPE_MASK) >> TYPE_SHIFT;
  if (type === 0 || type > PGT_l4 || info[(mfn << 2) + TYPE_COUNT] === 0) return PFINFO.NOTAB;
  return (meta & PGF_PINNED) === 0 ? type : type | PFINFO.LPINTAB;
}

function extContextOf({ callbacks }: Vcpu): ExtVcpuContext {
  return {
    syscall32Callback: callbacks.address(CALLBACKTYPE_syscall32),
    syscall32Cs: FLAT_USER_CS,
    syscall32DisablesEvents: callbacks.masksEvents(CALLBACKTYPE_syscall32),
    sysenterCallback: callbacks.address(CALLBACKTYPE_sysenter),
    sysenterCs: FLAT_USER_CS,
    sysenterDisablesEvents: callbacks.masksEvents(CALLBACKTYPE_sysenter),
  };
}

function setCallback(vcpu: Vcpu, type: number, address: bigint, disablesEvents: boolean): void {
  const flags = disablesEvents ? CALLBACKF_mask_events : 0;
  vcpu.callbacks.set(type, Number(address & 0xffff_ffffn), Number(address >> 32n), flags);
}
