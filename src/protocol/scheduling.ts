/** Requests about vCPUs and who gets how much of the pCPUs: `xl vcpu-pin`, `vcpu-set`, `sched-credit`. */

interface ByDomid {
  readonly domid: number;
}

export interface ReportedCredit {
  readonly weight: number;
  readonly cap: number;
}

/** Milliseconds, microseconds, microseconds. */
export interface ReportedCreditParams {
  readonly tsliceMs: number;
  readonly ratelimitUs: number;
  readonly migrationDelayUs: number;
}

export interface SchedulingMethods {
  /** `vcpu` null: all of them. Affinities are pCPU numbers; null leaves one as it is. Ids that the machine has not are ignored. */
  pinVcpu: {
    params: ByDomid & {
      readonly vcpu: number | null;
      readonly hard: readonly number[] | null;
      readonly soft: readonly number[] | null;
    };
    result: null;
  };
  /** Asks the guest to have the first `count` of its vCPUs online. */
  setVcpusOnline: { params: ByDomid & { readonly count: number }; result: null };
  credit: { params: ByDomid; result: ReportedCredit };
  /** null leaves it as it is. */
  setCredit: {
    params: ByDomid & { readonly weight: number | null; readonly cap: number | null };
    result: null;
  };
  creditParams: { params: Record<string, never>; result: ReportedCreditParams };
  setCreditParams: { params: ReportedCreditParams; result: null };
}
