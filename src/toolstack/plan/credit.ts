/** The credit scheduler's parameters, of a domain and of the machine (libxl_domain_sched_params_*, libxl_sched_credit_params_*). */
import type { CreditSchedParams } from "../../abi/hypercall.ts";
import type { Domid } from "../../abi/types.ts";
import type { Dom0 } from "../dom0.ts";
import { XlError } from "../error.ts";
import { libxlError } from "../lines.ts";

const MAX_WEIGHT = 65_535;
const TSLICE_MS = { min: 1, max: 1000 } as const;
const RATELIMIT_US = { min: 100, max: 500_000 } as const;
const MAX_MIGRATION_DELAY_US = 100_000;

export interface Credit {
  readonly weight: number;
  readonly cap: number;
}

export function creditOf({ gate }: Dom0, domid: Domid): Credit {
  const credit = gate.domctl.getSchedCredit(domid);
  if (credit.ok) return credit.value;
  throw new XlError(1, [
    libxlError("libxl_sched.c:905:libxl_domain_sched_params_get", domid, "Unknown scheduler"),
    "libxl_domain_sched_params_get failed.",
  ]);
}

/** What libxl says against it; undefined when it is done. No line at all: there is no such domain. */
export function setCreditOf(
  { gate }: Dom0,
  domid: Domid,
  weight: number | undefined,
  cap: number | undefined,
): string[] | undefined {
  const info = gate.domctl.getInfo(domid);
  if (!info.ok) return [];
  const refused = (line: number, text: string): string[] => [
    libxlError(`libxl_sched.c:${line}:sched_credit_domain_set`, domid, text),
  ];
  if (weight !== undefined && (weight < 1 || weight > MAX_WEIGHT)) {
    return refused(238, `Cpu weight out of range, valid values are within range from 1 to ${MAX_WEIGHT}`);
  }
  const most = (info.value.maxVcpuId + 1) * 100;
  if (cap !== undefined && (cap < 0 || cap > most)) {
    return refused(
      248,
      `Cpu cap out of range, valid range is from 0 to ${most} for specified number of vcpus`,
    );
  }
  const set = gate.domctl.setSchedCredit(domid, weight, cap);
  return set.ok ? undefined : refused(258, "Setting domain sched credit: Invalid argument");
}

/** `xl sched-credit -d`. */
export function setCredit(
  dom0: Dom0,
  domid: Domid,
  weight: number | undefined,
  cap: number | undefined,
): void {
  const refused = setCreditOf(dom0, domid, weight, cap);
  if (refused !== undefined) throw new XlError(1, [...refused, "libxl_domain_sched_params_set failed."]);
}

export function creditParams({ gate }: Dom0): CreditSchedParams {
  const params = gate.sysctl.getCreditParams();
  if (params.ok) return params.value;
  throw new XlError(1, ["libxl_sched_credit_params_get failed."]);
}

/** `xl sched-credit -s -t … -r … -m …`. */
export function setCreditParams({ gate }: Dom0, params: CreditSchedParams): void {
  const { tsliceMs, ratelimitUs, migrationDelayUs } = params;
  const refuse = (place: string, text: string): never => {
    throw new XlError(1, [
      libxlError(`libxl_sched.c:${place}`, undefined, text),
      "libxl_sched_credit_params_set failed.",
    ]);
  };
  const here = "libxl_sched_credit_params_set";
  if (tsliceMs < TSLICE_MS.min || tsliceMs > TSLICE_MS.max) {
    refuse(
      `311:${here}`,
      `Time slice out of range, valid range is from ${TSLICE_MS.min} to ${TSLICE_MS.max}`,
    );
  }
  if (ratelimitUs !== 0 && (ratelimitUs < RATELIMIT_US.min || ratelimitUs > RATELIMIT_US.max)) {
    const { min, max } = RATELIMIT_US;
    refuse("270:sched_ratelimit_check", `Ratelimit out of range, valid range is from ${min} to ${max}`);
  }
  if (ratelimitUs > tsliceMs * 1000) refuse(`321:${here}`, "Ratelimit cannot be greater than timeslice");
  if (migrationDelayUs < 0 || migrationDelayUs > MAX_MIGRATION_DELAY_US) {
    refuse(`326:${here}`, `vcpu migration delay should be >= 0 and <= ${MAX_MIGRATION_DELAY_US}us`);
  }
  const set = gate.sysctl.setCreditParams(params);
  if (!set.ok) refuse(`338:${here}`, "Setting Credit scheduler parameters: Invalid argument");
}
