/**
 * A Mini-OS hello created in this process: wall milliseconds from the create to the first line on its console, among more and
 * more live ones; and what each costs the host.
 */
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { Host } from "../src/host/host.ts";
import type { CreateRequest } from "../src/host/types.ts";

const LIVE = 1000;
/** Of which the median is taken at either end. */
const SAMPLE = 50;
const GOAL_MILLIS = 5;
const GOAL_KB = 300;

const request = (n: number): CreateRequest => ({
  config: {
    name: `hello-${n}`,
    uuid: Uint8Array.from({ length: 16 }, (_, i) => (i < 8 ? n >>> (i * 4) : i) & 255),
    type: "pv",
    kernel: "mini-os-hello.gz",
    ramdisk: undefined,
    cmdline: "seconds=1000000",
    memory: { targetKib: 4096, maxKib: 4096 },
    vcpus: 1,
    maxVcpus: 1,
    maxEventChannels: 1023,
    maxGrantFrames: undefined,
    disks: [],
    cpuWeight: undefined,
    cap: undefined,
    on: {
      poweroff: "destroy",
      reboot: "destroy",
      watchdog: "destroy",
      crash: "destroy",
      softReset: "soft-reset",
    },
    rest: new Map(),
  },
  files: { kernel: { path: "mini-os-hello.gz", program: "mini-os-hello" } },
  paused: true,
});

/** Milliseconds. */
async function createAndWait(host: Host, n: number): Promise<number> {
  const begun = performance.now();
  const domid = await host.create(request(n));
  const line = new Promise<void>((resolve) => {
    host.attachConsole(
      domid,
      {
        data: (bytes) => {
          if (bytes.includes(10)) resolve();
        },
        end: () => {},
      },
      false,
    );
  });
  await host.unpause(domid);
  await line;
  return performance.now() - begun;
}

const median = (values: readonly number[]): number =>
  [...values].sort((a, b) => a - b)[values.length >> 1] ?? Number.NaN;

/** Bytes: the heap and what hangs on it; and the model's memory that is touched. */
function used(host: Host, collect: () => void): number {
  collect();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external + host.status().slotsUsed * 4096;
}

export async function run(): Promise<void> {
  setFlagsFromString("--expose-gc");
  const collect = runInNewContext("gc") as () => void;
  const host = await Host.start({ clock: "real" });
  try {
    for (let n = 0; n < SAMPLE; n++) await createAndWait(host, n); // the compiler's warming up
    const before = used(host, collect);
    const rss = process.memoryUsage().rss;
    const times: number[] = [];
    for (let n = SAMPLE; n < LIVE; n++) times.push(await createAndWait(host, n));
    const each = (used(host, collect) - before) / (LIVE - SAMPLE) / 1000;
    const eachRss = (process.memoryUsage().rss - rss) / (LIVE - SAMPLE) / 1000;
    console.log(
      `create to first line, wall: domains ${SAMPLE}-${2 * SAMPLE} median ${median(times.slice(0, SAMPLE)).toFixed(2)} ms, ` +
        `domains ${LIVE - SAMPLE}-${LIVE} median ${median(times.slice(-SAMPLE)).toFixed(2)} ms (goal: under ${GOAL_MILLIS} ms, no slower)`,
    );
    console.log(
      `host memory of each: ${each.toFixed(0)} kB of heap and touched frames (resident set: ${eachRss.toFixed(0)} kB; goal: under ${GOAL_KB} kB)`,
    );
  } finally {
    await host.stop();
  }
}
