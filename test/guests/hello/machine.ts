/**
 * A machine with xenstore and console switched on around one guest: the real hypervisor and engine, no host process.
 * `steps` runs virtual time as `warp` does.
 */
import { readFileSync } from "node:fs";
import { Domid } from "../../../src/abi/types.ts";
import { createEngine } from "../../../src/cpu/engine.ts";
import { Consoled } from "../../../src/devices/console/consoled.ts";
import { readKernel } from "../../../src/dombuild/kernel.ts";
import { buildPv, type PvBuilt } from "../../../src/dombuild/pv.ts";
import { readRamdisk } from "../../../src/dombuild/ramdisk.ts";
import { Nanos } from "../../../src/lib/brand.ts";
import { createXen, type Xen } from "../../../src/xen/index.ts";
import { connectLocal, type XsClient } from "../../../src/xenstore/client/client.ts";
import type { Perms } from "../../../src/xenstore/perms.ts";
import { Xenstored } from "../../../src/xenstore/xenstored.ts";

export interface Guest {
  readonly xen: Xen;
  readonly xs: XsClient;
  readonly domid: Domid;
  readonly built: PvBuilt;
  /** All that it printed. */
  output(): string;
  type(text: string): void;
  /** Runs until virtual time `nanos` has passed, the guest has shut down, or `until` is printed. */
  run(nanos: number, until?: RegExp): void;
  /** SHUTDOWN_*; undefined: still runs. */
  shutdown(): number | undefined;
}

/** dom0 is given so long to take what was printed last: nanoseconds. */
const AFTERMATH = 1e6;

export function bootGuest(
  kernelFile: Uint8Array,
  cmdline: string,
  memMib: number,
  more: { ramdisk?: Uint8Array; terminal?: boolean } = {},
): Guest {
  const engine = createEngine({
    core: readFileSync(new URL("../../../build/core.wasm", import.meta.url)),
    memoryPages: 16_384,
  });
  const xen = createXen({
    engine,
    memoryMib: 4096,
    pcpus: 4,
    cpuMhz: 1000,
    dom0MemoryMib: 256,
    dom0Vcpus: 1,
    wallclock: 1_700_000_000,
    seed: 1,
  });
  const gate = xen.dom0;
  const xenstored = new Xenstored(gate);
  const xs = connectLocal(xenstored, xen.clock);
  let printed = "";
  const consoled = new Consoled({
    gate,
    xs,
    clock: xen.clock,
    open: () => ({
      hasRoom: () => true,
      write: (bytes) => {
        printed += new TextDecoder("latin1").decode(bytes);
      },
      close: () => {},
    }),
    ttyOf: () => "",
  });

  const must = <T>(result: { ok: true; value: T } | { ok: false; errno: string }): T => {
    if (!result.ok) throw new Error(result.errno);
    return result.value;
  };
  const domid = must(
    gate.domctl.create({
      handle: new Uint8Array(16),
      type: "pv",
      maxVcpus: 1,
      maxEvtchnPort: 1023,
      maxGrantFrames: 64,
      maxMaptrackFrames: 1024,
    }),
  );
  must(gate.domctl.setMaxMem(domid, (memMib + 1) * 1024));
  const storePort = must(gate.evtchn.allocUnbound(domid, Domid(0)));
  const consolePort = must(gate.evtchn.allocUnbound(domid, Domid(0)));
  const kernel = readKernel(kernelFile);
  if (!kernel.ok) throw new Error(kernel.why);
  const built = buildPv(gate, domid, {
    kernel: kernel.value,
    cmdline,
    memKib: memMib * 1024,
    storePort,
    consolePort,
    ...(more.ramdisk === undefined ? {} : { ramdisk: readRamdisk(more.ramdisk) }),
  });
  if (!built.ok) throw new Error(`${built.why}\n${must(gate.sysctl.readConsole(false))}`);
  const home = `/local/domain/${domid}`;
  const perms: Perms = [
    { domid: 0, access: "n" },
    { domid: domid as number, access: "r" },
  ];
  const put = (path: string, value: string): void => {
    xs.write(path, value);
    xs.setPerms(path, perms);
  };
  put(home, "");
  put(`${home}/name`, "hello");
  put(`${home}/domid`, `${domid}`);
  put(`${home}/console`, "");
  if (more.terminal) put(`${home}/console/attached`, "1");
  xs.introduce(domid, built.value.storeMfn, storePort);
  put(`${home}/console/ring-ref`, `${built.value.consoleMfn}`);
  put(`${home}/console/port`, `${consolePort}`);
  put(`${home}/console/type`, "xenconsoled");
  must(gate.domctl.unpause(domid));

  // Asking costs dom0 time: only when xenstored has said that somebody ended.
  let ended = false;
  let code: number | undefined;
  xs.watch("@releaseDomain", () => {
    ended = true;
  });
  const shutdown = (): number | undefined => {
    if (!ended) return code;
    ended = false;
    const info = gate.domctl.getInfo(domid);
    if (info.ok && info.value.shutdown) code = info.value.shutdownCode;
    return code;
  };
  const pass = (end: Nanos, stopped: () => boolean): void => {
    while (xen.clock.now() < end && !stopped()) {
      const outcome = xen.run(end, 200_000);
      if (outcome.state === "idle") xen.advanceIdle(Nanos(Math.min(end, outcome.until ?? end)));
    }
  };
  return {
    xen,
    xs,
    domid,
    built: built.value,
    output: () => printed,
    type: (text) => void consoled.input(domid, new TextEncoder().encode(text)),
    shutdown,
    run(nanos, until) {
      const stopped = (): boolean => shutdown() !== undefined || until?.test(printed) === true;
      pass(Nanos(xen.clock.now() + nanos), stopped);
      pass(Nanos(xen.clock.now() + AFTERMATH), () => false);
    },
  };
}
