/** The rows of protocol/scheduling.ts: requests about vCPUs and the scheduler. */
import type { SchedulingMethods } from "../../protocol/scheduling.ts";
import type { Answer, Checked, Service } from "./serve.ts";

type SchedulingRows = {
  readonly [M in keyof SchedulingMethods]: (
    service: Service,
    params: Checked,
  ) => Answer & { readonly result: SchedulingMethods[M]["result"] };
};

const MOST_CPUS = 1024;
const nothing = { result: null } as const;

export const SCHEDULING_ROWS: SchedulingRows = {
  pinVcpu: ({ host }, p) => {
    const affinity = {
      hard: p.optionalIntegers("hard", MOST_CPUS),
      soft: p.optionalIntegers("soft", MOST_CPUS),
    };
    host.scheduling.pinVcpu(p.domid(), p.optionalSigned("vcpu"), affinity);
    return nothing;
  },
  setVcpusOnline: ({ host }, p) => {
    host.scheduling.setVcpusOnline(p.domid(), p.integer("count"));
    return nothing;
  },
  credit: ({ host }, p) => ({ result: host.scheduling.credit(p.domid()) }),
  setCredit: ({ host }, p) => {
    host.scheduling.setCredit(p.domid(), p.optionalSigned("weight"), p.optionalSigned("cap"));
    return nothing;
  },
  creditParams: ({ host }) => ({ result: host.scheduling.creditParams() }),
  setCreditParams: ({ host }, p) => {
    host.scheduling.setCreditParams({
      tsliceMs: p.signed("tsliceMs"),
      ratelimitUs: p.signed("ratelimitUs"),
      migrationDelayUs: p.signed("migrationDelayUs"),
    });
    return nothing;
  },
};
