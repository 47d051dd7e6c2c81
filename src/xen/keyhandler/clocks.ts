/** `t`: how far the pCPUs' clocks are apart. Here they read one clock, so it is nothing; the samples are counted. */
import type { Machine } from "../machine.ts";

/** `a`: what is to happen. One queue serves all pCPUs here, and its timers have no names. */
export function dumpTimers(machine: Machine): void {
  const now = machine.time.now();
  machine.log("Dumping timer queues:");
  machine.log("CPU00:");
  for (const when of machine.time.timers.armed().sort((a, b) => a - b)) {
    machine.log(`  ex=${String(Math.trunc((when - now) / 1000)).padStart(12)}us`);
  }
}

const samples = new WeakMap<Machine, number>();

export function dumpClocks(machine: Machine): void {
  const count = (samples.get(machine) ?? 0) + 1;
  samples.set(machine, count);
  machine.log(`Synced stime skew: max=0ns avg=0ns samples=${count} current=0ns`);
  machine.log(`Synced cycles skew: max=0 avg=0 samples=${count} current=0`);
}
