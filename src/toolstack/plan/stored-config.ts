/**
 * A domain's stored configuration brought up to date (libxl_retrieve_domain_configuration): name, memory, vCPUs and
 * scheduling are what they are now. `xl list -l` shows it; a restart builds from it.
 */
import { DOMID_0, type Domid } from "../../abi/types.ts";
import type { DomainConfig } from "../config/domain-config.ts";
import { emptyDomainConfig, type LibxlDomainConfig, SCHEDULERS } from "../config/libxl-types.ts";
import type { Dom0 } from "../dom0.ts";
import { nameOf } from "../names.ts";
import { uuidText } from "../uuid.ts";

/** INVALID_DOMID as libxl's JSON shows it: the record is a domain's that is still to be made. */
const NO_DOMID = 0xffff_ffffn;

interface Live {
  readonly name: string;
  readonly uuid: string;
  readonly targetKib: number;
  readonly maxKib: number;
  /** Which vCPUs xenstore has online, of the first `vcpus`. */
  online(vcpus: number): number[];
  readonly weight: number;
  readonly cap: number;
}

/** Undefined: it has gone, or xenstore has forgotten it. */
function lookAt(dom0: Dom0, domid: Domid): Live | undefined {
  const { gate, xs } = dom0;
  const info = gate.domctl.getInfo(domid);
  const name = nameOf(dom0, domid);
  const credit = gate.domctl.getSchedCredit(domid);
  if (!info.ok || name === undefined || !credit.ok) return undefined;
  const memory = (node: string): number | undefined => {
    const value = xs.read(`/local/domain/${domid}/memory/${node}`);
    return value === undefined ? undefined : Number.parseInt(value, 10);
  };
  return {
    name,
    uuid: uuidText(info.value.handle),
    targetKib: memory("target") ?? info.value.totPages * 4,
    maxKib: memory("static-max") ?? info.value.maxPages * 4,
    online: (vcpus) =>
      Array.from({ length: vcpus }, (_, vcpu) => vcpu).filter(
        (vcpu) => xs.read(`/local/domain/${domid}/cpu/${vcpu}/availability`) === "online",
      ),
    ...credit.value,
  };
}

/** Undefined: nothing is kept of it, or it has gone. */
export function retrieveConfig(dom0: Dom0, domid: Domid): LibxlDomainConfig | undefined {
  const kept = domid === DOMID_0 ? dom0Config() : dom0.userdata.get(domid)?.libxl;
  const live = lookAt(dom0, domid);
  if (kept === undefined || live === undefined) return undefined;
  const named = SCHEDULERS.find((name) => name === dom0.gate.sysctl.version().scheduler);
  const now: LibxlDomainConfig = {
    ...kept,
    c_info: { ...kept.c_info, name: live.name },
    b_info: {
      ...kept.b_info,
      max_memkb: BigInt(live.maxKib),
      target_memkb: BigInt(live.targetKib),
      sched_params: {
        ...(named === undefined ? {} : { sched: named }),
        weight: BigInt(live.weight),
        cap: BigInt(live.cap),
      },
    },
  };
  if (domid === DOMID_0) return now;
  now.c_info.domid = NO_DOMID;
  now.c_info.uuid = live.uuid;
  now.b_info.video_memkb = 0n;
  now.b_info.avail_vcpus = live.online(Number(kept.b_info.max_vcpus ?? 0n)).map(BigInt);
  now.b_info.arch_x86 = { msr_relaxed: false, ...kept.b_info.arch_x86 };
  return now;
}

function dom0Config(): LibxlDomainConfig {
  const config = emptyDomainConfig();
  config.c_info.type = "pv";
  config.b_info.type.pv = {};
  return config;
}

/** `config` for the domain's next life; undefined: it has gone. */
export function configNow(dom0: Dom0, domid: Domid, config: DomainConfig): DomainConfig | undefined {
  const live = lookAt(dom0, domid);
  if (live === undefined) return undefined;
  const { name, targetKib, maxKib, weight, cap } = live;
  return {
    ...config,
    name,
    memory: { targetKib, maxKib },
    vcpus: Math.max(1, live.online(config.maxVcpus).length),
    cpuWeight: weight,
    cap,
  };
}
