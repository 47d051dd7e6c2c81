/** Which vCPUs a guest shall have, and which pCPUs they may run on (libxl_set_vcpuonline, libxl_set_vcpuaffinity). */
import type { Errno } from "../../abi/errno.ts";
import type { Domid } from "../../abi/types.ts";
import type { DomainConfig } from "../config/domain-config.ts";
import type { Dom0 } from "../dom0.ts";
import { XlError } from "../error.ts";
import { libxlError } from "../lines.ts";

const WORDS: Partial<Record<Errno, string>> = {
  EINVAL: "Invalid argument",
  EPERM: "Operation not permitted",
  ESRCH: "No such process",
};
/** libxl prints what the C library's errno happens to hold: most often what its look at files left there. */
const STALE_ERRNO = "No such file or directory";

export interface Affinity {
  /** pCPU numbers; undefined leaves it as it is. */
  readonly hard: readonly number[] | undefined;
  readonly soft: readonly number[] | undefined;
}

function pcpusOf({ gate }: Dom0): number {
  const info = gate.sysctl.physinfo();
  return info.ok ? info.value.nrCpus : 0;
}

/** libxl's words when it fails; undefined when it was done. */
function setAffinity(dom0: Dom0, domid: Domid, vcpu: number, { hard, soft }: Affinity): string[] | undefined {
  if (hard === undefined && soft === undefined) return [];
  const pcpus = pcpusOf(dom0);
  const mask = (ids: readonly number[] | undefined): boolean[] | undefined =>
    ids === undefined ? undefined : Array.from({ length: pcpus }, (_, id) => ids.includes(id));
  const set = dom0.gate.domctl.setVcpuAffinity(domid, vcpu, mask(hard), mask(soft));
  if (set.ok) return undefined;
  const text = `Setting vcpu affinity: ${WORDS[set.errno] ?? set.errno}`;
  return [libxlError("libxl_sched.c:62:libxl__set_vcpuaffinity", domid, text)];
}

/** `xl vcpu-pin`; `vcpu` undefined: all of them, and xl's status stays 0. */
export function pinVcpu(dom0: Dom0, domid: Domid, vcpu: number | undefined, affinity: Affinity): void {
  const info = dom0.gate.domctl.getInfo(domid);
  if (affinity.hard !== undefined) {
    if (!info.ok) throw new XlError(1, ["Could not get domain info"]);
    if (isEmpty(affinity.hard, dom0)) throw emptyHardAffinity();
  }
  if (vcpu !== undefined) {
    const failed = setAffinity(dom0, domid, vcpu, affinity);
    if (failed !== undefined)
      throw new XlError(1, [...failed, `Could not set affinity for vcpu \`${vcpu}'.`]);
    return;
  }
  if (!info.ok) {
    const text = `Getting infolist: ${STALE_ERRNO}`;
    throw new XlError(1, [
      libxlError("libxl_domain.c:1667:libxl_list_vcpu", domid, text),
      "libxl_list_vcpu failed.",
    ]);
  }
  const lines: string[] = [];
  for (let id = 0; id <= info.value.maxVcpuId; id++) {
    const failed = setAffinity(dom0, domid, id, affinity);
    if (failed === undefined) continue;
    const place = "libxl_sched.c:124:libxl_set_vcpuaffinity_all";
    lines.push(...failed, `libxl: warning: ${place}: Domain ${domid}:Failed to set affinity for ${id}`);
  }
  if (lines.length > 0) throw new XlError(0, [...lines, "Could not set affinity."]);
}

const isEmpty = (ids: readonly number[], dom0: Dom0): boolean => {
  const pcpus = pcpusOf(dom0);
  return !ids.some((id) => id < pcpus);
};

const emptyHardAffinity = (): XlError =>
  new XlError(
    1,
    ["vcpu hard affinity map is empty"],
    "none of the pCPUs named exists: `xl info nr_cpus' says how many do",
  );

/** What xl looks at before it creates a domain. */
export function checkAffinity(dom0: Dom0, { affinity }: DomainConfig): void {
  if (affinity?.hard.some((ids) => isEmpty(ids, dom0)) === true) throw emptyHardAffinity();
}

/** cpus= and cpus_soft= of a domain just made: libxl's words when it fails. */
export function applyAffinity(dom0: Dom0, domid: Domid, { affinity }: DomainConfig): string[] | undefined {
  if (affinity === undefined) return undefined;
  const { hard, soft } = affinity;
  for (let vcpu = 0; vcpu < Math.max(hard.length, soft.length); vcpu++) {
    const failed = setAffinity(dom0, domid, vcpu, { hard: hard[vcpu], soft: soft[vcpu] });
    if (failed === undefined) continue;
    const text = `setting affinity failed on vcpu \`${vcpu}'`;
    return [...failed, libxlError("libxl_dom.c:350:libxl__build_pre", undefined, text)];
  }
  return undefined;
}

/** `xl vcpu-set`: says so in xenstore; the guest's kernel does it, when it likes. */
export function setVcpusOnline({ gate, xs }: Dom0, domid: Domid, count: number): void {
  const place = (line: number): string => `libxl_domain.c:${line}:libxl_set_vcpuonline`;
  const fails = (line: number, text: string): XlError =>
    new XlError(1, [
      libxlError(place(line), domid, `${text}: ${STALE_ERRNO}`),
      `libxl_set_vcpuonline failed domid=${domid} max_vcpus=${count}, rc: -3`,
    ]);
  const info = gate.domctl.getInfo(domid);
  if (!info.ok) {
    throw new XlError(1, [
      libxlError(place(1856), domid, `Getting domain info list: ${STALE_ERRNO}`),
      `Domain ${domid} does not exist.`,
    ]);
  }
  const most = info.value.maxVcpuId + 1;
  if (count === 0) throw fails(1863, "Requested 0 VCPUs!");
  if (count > most) throw fails(1869, `Requested ${count} VCPUs, however maxcpus is ${most}!`);
  xs.transaction((tx) => {
    for (let vcpu = 0; vcpu < most; vcpu++) {
      tx.write(`/local/domain/${domid}/cpu/${vcpu}/availability`, vcpu < count ? "online" : "offline");
    }
  });
}
