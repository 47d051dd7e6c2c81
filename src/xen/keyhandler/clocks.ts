/** `t`: how far the pCPUs' clocks are apart. Here they read one clock, so it is nothing; the samples are counted. */
import type { Machine } from "../machine.ts";

const samples = new WeakMap<Machine, number>();

export function dumpClocks(machine: Machine): void {
  const count = (samples.get(machine) ?? 0) + 1;
  samples.set(machine, count);
  machine.log(`Synced stime skew: max=0ns avg=0ns samples=${count} current=0ns`);
  machine.log(`Synced cycles skew: max=0 avg=0 samples=${count} current=0`);
}
