/** `r`: who runs where, and who waits (dump_runq, schedule_dump, csched_dump). */
import type { Vcpu } from "../domain/domain.ts";
import type { Machine } from "../machine.ts";
import { bitmapList } from "./bitmap.ts";
import { inOrder } from "./memory.ts";

export function dumpRunQueues(machine: Machine): void {
  const { log, sched, time } = machine;
  const cpus = bitmapList(sched.pcpus.keys());
  const { tsliceMs, ratelimitUs, migrationDelayUs } = sched.params;
  log("sched_smt_power_savings: disabled");
  log(`NOW=${time.now()}`);
  log(`Online Cpus: ${cpus}`);
  log("Cpupool 0:");
  log(`Cpus: ${cpus}`);
  log("Scheduling granularity: cpu, 1 CPU per sched-resource");
  log(`Scheduler: SMP Credit Scheduler (${sched.name})`);
  log("info:");
  log(`\tncpus              = ${sched.pcpus.length}`);
  log(`\ttslice             = ${tsliceMs}ms`);
  log(`\tratelimit          = ${ratelimitUs}us`);
  log(`\tmigration delay    = ${migrationDelayUs}us`);
  log(
    `idlers: ${bitmapList(sched.pcpus.filter(({ current }) => current === undefined).map(({ id }) => id))}`,
  );
  const vcpus = inOrder(machine).flatMap((domain) => domain.vcpus);
  log("active units:");
  vcpus
    .filter(({ onCpu, queued }) => onCpu || queued)
    .forEach((vcpu, i) => {
      log(`\t${String(i + 1).padStart(3)}: ${unit(machine, vcpu)}`);
    });
  log("CPUs info:");
  for (const pcpu of sched.pcpus) {
    const id = String(pcpu.id).padStart(2, "0");
    const { current } = pcpu;
    const name = current === undefined ? `d[IDLE]v${pcpu.id}` : `d${current.domain.domid}v${current.id}`;
    log(`CPU[${id}] current=${name}, curr=${name}`);
    const waiting = vcpus.filter(({ queued, processor }) => queued && processor === pcpu.id);
    log(`CPU[${id}] nr_run=${waiting.length + (current === undefined ? 0 : 1)}`);
    if (current !== undefined) log(`\trun: ${unit(machine, current)}`);
    waiting.forEach((vcpu, i) => {
      log(`\t${String(i + 1).padStart(3)}: ${unit(machine, vcpu)}`);
    });
  }
}

function unit({ time }: Machine, vcpu: Vcpu): string {
  const { domain, credit, processor } = vcpu;
  const { weight, cap } = domain.credit;
  const micros = Math.trunc(credit.balance / time.mhz);
  return `[${domain.domid}.${vcpu.id}] pri=${credit.priority - 1} cpu=${processor} credit=${micros} [w=${weight},cap=${cap}]`;
}
