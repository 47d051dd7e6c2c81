/** A Host with guests, for tests: our own small kernel, and Debian's where it is at hand. */
import { existsSync, readFileSync } from "node:fs";
import type { Domid } from "../../src/abi/types.ts";
import { Host } from "../../src/host/host.ts";
import type { CreateRequest, HostOptions } from "../../src/host/types.ts";
import type { DomainConfig } from "../../src/toolstack/config/domain-config.ts";

const HELLO = new URL("../../build/hello.elf", import.meta.url);
export const haveHello = existsSync(HELLO);

export const domainConfig = (more: Partial<DomainConfig> = {}): DomainConfig => ({
  name: "hello",
  uuid: Uint8Array.from({ length: 16 }, (_, n) => n + 1),
  type: "pv",
  kernel: "hello.elf",
  ramdisk: undefined,
  cmdline: "",
  memory: { targetKib: 16 * 1024, maxKib: 16 * 1024 },
  vcpus: 1,
  maxVcpus: 1,
  maxEventChannels: 1023,
  maxGrantFrames: undefined,
  disks: [],
  cpuWeight: undefined,
  cap: undefined,
  on: {
    poweroff: "destroy",
    reboot: "restart",
    watchdog: "destroy",
    crash: "destroy",
    softReset: "soft-reset",
  },
  rest: new Map(),
  ...more,
});

export const helloRequest = (more: Partial<DomainConfig> = {}, paused = false): CreateRequest => ({
  config: domainConfig(more),
  files: { kernel: { path: "hello.elf", bytes: new Uint8Array(readFileSync(HELLO)) } },
  paused,
});

/** A started host that is stopped, whatever happens. */
export async function withHost<T>(options: HostOptions, use: (host: Host) => Promise<T>): Promise<T> {
  const host = await Host.start(options);
  let broken: unknown;
  host.onFailure((error) => {
    broken = error;
  });
  try {
    const value = await use(host);
    if (broken !== undefined) throw broken;
    return value;
  } finally {
    await host.stop();
  }
}

/** What a console prints until it ends. */
export function printed(host: Host, domid: Domid, interactive = false) {
  let text = "";
  let tell: () => void = () => {};
  const ended = new Promise<void>((resolve) => {
    tell = resolve;
  });
  const attachment = host.attachConsole(
    domid,
    {
      data: (bytes) => {
        text += Buffer.from(bytes).toString("latin1");
      },
      end: () => tell(),
    },
    interactive,
  );
  return { attachment, ended, text: () => text };
}
