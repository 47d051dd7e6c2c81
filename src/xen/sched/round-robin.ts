/**
 * One queue for the whole machine, first come first served, 1 ms each; a vCPU goes back to its last pCPU when that is
 * idle. Weights and caps are recorded in the domains and wait for the credit scheduler.
 */
import type { Vcpu } from "../domain/domain.ts";
import { createPcpus, type Pcpu, type Scheduler } from "./scheduler.ts";

const SLICE_MICROS = 1000;

export function createRoundRobin(pcpuCount: number, mhz: number): Scheduler {
  const pcpus = createPcpus(pcpuCount);
  const queue: Vcpu[] = [];
  const mayRun = (vcpu: Vcpu, pcpu: Pcpu): boolean => vcpu.hardAffinity[pcpu.id] === true;
  const awaitsAnother = (vcpu: Vcpu, pcpu: Pcpu): boolean => {
    const last = pcpus[vcpu.processor];
    return last !== undefined && last !== pcpu && last.current === undefined && mayRun(vcpu, last);
  };
  return {
    name: "credit",
    pcpus,
    slice: SLICE_MICROS * mhz,
    enqueue(vcpu) {
      vcpu.queued = true;
      queue.push(vcpu);
    },
    dequeue(vcpu) {
      const at = queue.indexOf(vcpu);
      if (at >= 0) queue.splice(at, 1);
      vcpu.queued = false;
    },
    pick(pcpu) {
      if (queue.length === 0) return undefined;
      const at = queue.findIndex((vcpu) => mayRun(vcpu, pcpu) && !awaitsAnother(vcpu, pcpu));
      if (at < 0) return undefined;
      const [vcpu] = queue.splice(at, 1);
      if (vcpu !== undefined) vcpu.queued = false;
      return vcpu;
    },
    isWanted: (pcpu) => queue.length > 0 && queue.some((vcpu) => mayRun(vcpu, pcpu)),
  };
}
