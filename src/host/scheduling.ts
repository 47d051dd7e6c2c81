/** What commands ask of vCPUs and of the scheduler: the toolstack's part behind `xl vcpu-pin`, `vcpu-set`, `sched-credit`. */
import type { CreditSchedParams } from "../abi/hypercall.ts";
import type { Domid } from "../abi/types.ts";
import type { Dom0 } from "../toolstack/dom0.ts";
import { type Credit, creditOf, creditParams, setCredit, setCreditParams } from "../toolstack/plan/credit.ts";
import { type Affinity, pinVcpu, setVcpusOnline } from "../toolstack/plan/vcpus.ts";

/** Each throws XlError with what xl prints and its status. */
export interface SchedulingApi {
  pinVcpu(domid: Domid, vcpu: number | undefined, affinity: Affinity): void;
  setVcpusOnline(domid: Domid, count: number): void;
  credit(domid: Domid): Credit;
  setCredit(domid: Domid, weight: number | undefined, cap: number | undefined): void;
  creditParams(): CreditSchedParams;
  setCreditParams(params: CreditSchedParams): void;
}

export interface SchedulingOptions {
  readonly dom0: Dom0;
  /** Brings virtual time up to now before the model is touched; throws when the machine is off. */
  readonly enter: () => void;
  /** Something was changed: whoever waits for it may go on. */
  readonly kick: () => void;
}

export function createScheduling({ dom0, enter, kick }: SchedulingOptions): SchedulingApi {
  const act = <T>(work: () => T): T => {
    enter();
    try {
      return work();
    } finally {
      kick();
    }
  };
  return {
    pinVcpu: (domid, vcpu, affinity) => act(() => pinVcpu(dom0, domid, vcpu, affinity)),
    setVcpusOnline: (domid, count) => act(() => setVcpusOnline(dom0, domid, count)),
    credit: (domid) => act(() => creditOf(dom0, domid)),
    setCredit: (domid, weight, cap) => act(() => setCredit(dom0, domid, weight, cap)),
    creditParams: () => act(() => creditParams(dom0)),
    setCreditParams: (params) => act(() => setCreditParams(dom0, params)),
  };
}
