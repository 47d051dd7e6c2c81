/** dom0's half of a machine without guests that run: fake Xen, real xenstored, real plans. */
import { readKernel } from "../../../src/dombuild/kernel.ts";
import { readRamdisk } from "../../../src/dombuild/ramdisk.ts";
import type { DomainConfig } from "../../../src/toolstack/config/domain-config.ts";
import { type Dom0, initDom0 } from "../../../src/toolstack/dom0.ts";
import { type CreateWish, createDomain } from "../../../src/toolstack/plan/create.ts";
import { RecentDomids } from "../../../src/toolstack/recent-domids.ts";
import { Userdata } from "../../../src/toolstack/userdata.ts";
import {
  type Ask,
  type CoreFileAnswer,
  type CoreFileAsk,
  type Ended,
  type Plan,
  type Runner,
  runPlan,
} from "../../../src/toolstack/wait.ts";
import { connectLocal } from "../../../src/xenstore/client/client.ts";
import { formatPerms } from "../../../src/xenstore/perms.ts";
import { walk } from "../../../src/xenstore/tree.ts";
import type { Packet } from "../../../src/xenstore/wire.ts";
import { Xenstored } from "../../../src/xenstore/xenstored.ts";
import { linuxNotes, makeElf, VIRT_BASE } from "../../image/make-elf.ts";
import { FakeMachine } from "../../support/fake-gate.ts";

export const KERNEL = makeElf({
  notes: linuxNotes(VIRT_BASE + 0x100000n),
  segments: [{ paddr: 0x100000n, vaddr: VIRT_BASE + 0x100000n, bytes: new Uint8Array(64).fill(1) }],
});

export const UUID = Uint8Array.from({ length: 16 }, (_, n) => n * 17);

export const config = (more: Partial<DomainConfig> = {}): DomainConfig => ({
  name: "guest",
  uuid: UUID,
  type: "pv",
  kernel: "/guests/vmlinuz",
  ramdisk: undefined,
  cmdline: "console=hvc0",
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

export const wish = (more: Partial<DomainConfig> = {}, files: Partial<CreateWish> = {}): CreateWish => ({
  config: config(more),
  kernel: { path: "/guests/vmlinuz", bytes: KERNEL },
  ramdisk:
    more.ramdisk === undefined ? undefined : { path: more.ramdisk, bytes: new Uint8Array(5000).fill(3) },
  paused: true,
  ...files,
});

export class Bench {
  readonly machine = new FakeMachine();
  readonly xenstored = new Xenstored(this.machine.gate);
  readonly xs = connectLocal(this.xenstored, this.machine.clock);
  readonly recent = new RecentDomids(this.machine.clock);
  readonly dom0: Dom0 = {
    gate: this.machine.gate,
    xs: this.xs,
    clock: this.machine.clock,
    wallclock: 1_795_361_329.517,
    newUuid: () => Uint8Array.from({ length: 16 }, (_, n) => n),
    userdata: new Userdata(),
    programOf: () => () => {},
    openBootConsole: () => ({
      write: () => {},
      take: () => new Uint8Array(0),
      typed: { pending: false, wake: undefined },
      pid: 1,
      close: () => {},
    }),
  };
  readonly #runner: Runner = {
    clock: this.machine.clock,
    io: (ask, answer) => this.machine.clock.at(this.machine.clock.now(), () => answer(this.#answer(ask))),
  };

  /** Paths of the images that are open, by domid/devid. None can be had whose path begins with /nosuch or /busy. */
  readonly attached = new Map<string, string | undefined>();
  /** What was written to each core file, by the name it was opened under. */
  readonly cores = new Map<string, Uint8Array[]>();
  readonly #open: Uint8Array[][] = [];
  /** As on Debian: nobody has made the directory for core files. */
  noDumpDirectory = true;

  #answer(question: Ask): unknown {
    switch (question.ask) {
      case "read-kernel":
        return readKernel(question.file);
      case "read-ramdisk":
        return readRamdisk(question.file);
      case "core-file":
        return this.#core(question);
      case "stat-disk":
        return question.path.startsWith("/nosuch")
          ? { ok: false, why: "No such file or directory" }
          : { ok: true };
      case "attach-disk":
        if (question.path?.startsWith("/busy") === true) return { ok: false, why: "it is busy", pid: 77 };
        this.attached.set(`${question.domid}/${question.devid}`, question.path);
        return { ok: true, node: "/dev/loop0", device: "7:0" };
      case "detach-disk":
        this.attached.delete(`${question.domid}/${question.devid}`);
        return null;
      default:
        throw new Error(`the bench has no answer to ${question.ask}`);
    }
  }

  #core(question: CoreFileAsk): CoreFileAnswer {
    if (question.act !== "open") {
      if (question.act === "write") this.#open[question.id]?.push(question.bytes);
      return { ok: true, id: question.id };
    }
    if (this.noDumpDirectory)
      return { ok: false, errno: 2, why: "No such file or directory", hint: "make it" };
    const chunks: Uint8Array[] = [];
    this.cores.set("dump" in question ? question.dump : question.file, chunks);
    return { ok: true, id: this.#open.push(chunks) - 1 };
  }

  constructor() {
    initDom0(this.xs);
  }

  /** Starts a plan; its outcome is there once it has ended. */
  start<T>(plan: Plan<T>): { outcome: Ended<T> | undefined } {
    const started: { outcome: Ended<T> | undefined } = { outcome: undefined };
    runPlan(this.#runner, plan, (outcome) => {
      started.outcome = outcome;
    });
    return started;
  }

  /** Runs a plan to its end, for at most `seconds` of virtual time. */
  run<T>(plan: Plan<T>, seconds = 120): Ended<T> {
    const started = this.start(plan);
    for (let waited = 0; started.outcome === undefined && waited < seconds * 10; waited++)
      this.machine.settle(1e8);
    if (started.outcome === undefined) throw new Error("the plan did not end");
    return started.outcome;
  }

  create(wanted: CreateWish): Ended<number> {
    return this.run(createDomain(this.dom0, this.recent, wanted));
  }

  /** As `xenstore-ls -fp` prints it. */
  listing(): string[] {
    const lines: string[] = [];
    const list = (path: string): void => {
      for (const name of this.xs.directory(path) ?? []) {
        const child = path === "/" ? `/${name}` : `${path}/${name}`;
        const perms = this.xs.perms(child);
        lines.push(
          `${child} = "${this.xs.read(child)}"   (${perms === undefined ? "" : formatPerms(perms).join(",")})`,
        );
        list(child);
      }
    };
    list("/");
    return lines;
  }

  nodes(): number {
    return [...walk("/", this.xenstored.tree.root)].length;
  }

  /** Requests from here on, as they reach xenstored. */
  spy(): Packet[] {
    const seen: Packet[] = [];
    const request = this.xenstored.request.bind(this.xenstored);
    this.xenstored.request = (conn, packet) => {
      seen.push(packet);
      request(conn, packet);
    };
    return seen;
  }
}
