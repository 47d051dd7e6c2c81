/**
 * Memory that a new domain needs, and whether the machine has it. xl balloons dom0 down for it unless Xen was started
 * with dom0_mem=; this dom0 does not balloon, so without dom0_mem= there is only the check.
 */

import type { DomainConfig } from "../config/domain-config.ts";
import type { Dom0 } from "../dom0.ts";
import { XlError } from "../error.ts";

const PAGE_KIB = 4;
/** What libxl reckons on top of a PV domain's target. */
const PV_OVERHEAD_KIB = 1024;
const ROUND_KIB = 2048;
/** LIBXL_MAXMEM_CONSTANT: the hypervisor's limit lies this much above maxmem. */
export const MAXMEM_SLACK_KIB = 1024;

/** libxl_domain_need_memory for PV, KiB. */
export const neededKib = (config: DomainConfig): number =>
  Math.ceil((config.memory.targetKib + PV_OVERHEAD_KIB) / ROUND_KIB) * ROUND_KIB;

/** libxl_get_free_memory, KiB. */
export function freeKib({ gate }: Dom0): number {
  const info = gate.sysctl.physinfo();
  if (!info.ok) return 0;
  const { freePages, scrubPages, outstandingPages } = info.value;
  return (freePages + scrubPages - outstandingPages) * PAGE_KIB;
}

const autoballoon = ({ gate }: Dom0): boolean => !/(^|\s)dom0_mem=/.test(gate.sysctl.version().commandline);

/** xl's freemem: with dom0_mem= it trusts the build to fail. */
export function checkMemory(dom0: Dom0, config: DomainConfig): void {
  if (!autoballoon(dom0)) return;
  const needed = neededKib(config);
  const free = freeKib(dom0);
  if (free >= needed) return;
  throw new XlError(
    3,
    ["failed to free memory for the domain"],
    `the domain needs ${needed} KiB and ${free} KiB are free: destroy or shrink others, or start the host with more memory`,
  );
}
