/**
 * The Host: switches the modelled machine on. Here the hypervisor, xenstored, xenconsoled and the toolstack are put
 * together, driven (pacer.ts), and shown to the outside (types.ts).
 *
 *   const host = await Host.start({ clock: "warp" });
 *   const domid = await host.create({ config, files, paused: false });
 *   const end = await host.waitForEnd(domid);
 *   await host.stop();
 */
import { randomBytes } from "node:crypto";
import { join } from "node:path";
import type { PhysInfo, VcpuInfo, XenVersion } from "../abi/hypercall.ts";
import { SHUTDOWN } from "../abi/hypercall.ts";
import { Domid } from "../abi/types.ts";
import { createEngine } from "../cpu/engine.ts";
import { SLOT_BASE } from "../cpu/layout.ts";
import type { Engine } from "../cpu/types.ts";
import { Consoled } from "../devices/console/consoled.ts";
import { FsBackend } from "../devices/fs/fsback.ts";
import { Blkback } from "../devices/vbd/blkback.ts";
import { bug } from "../lib/absurd.ts";
import type { Nanos } from "../lib/brand.ts";
import { type Dom0, initDom0 } from "../toolstack/dom0.ts";
import { followDom0Cpus } from "../toolstack/dom0-cpus.ts";
import { XlError } from "../toolstack/error.ts";
import { domidOf, nameOf } from "../toolstack/names.ts";
import { type CreateWish, createDomain } from "../toolstack/plan/create.ts";
import { destroyDomain } from "../toolstack/plan/destroy.ts";
import { monitorDomain } from "../toolstack/plan/monitor.ts";
import { pauseDomain, unpauseDomain } from "../toolstack/plan/run-state.ts";
import { RecentDomids } from "../toolstack/recent-domids.ts";
import { Userdata } from "../toolstack/userdata.ts";
import { randomUuid } from "../toolstack/uuid.ts";
import { type Ask, ask, type Ended, type Plan, runPlan, sleep } from "../toolstack/wait.ts";
import { createXen, type Xen } from "../xen/index.ts";
import { connectLocal } from "../xenstore/client/client.ts";
import { type StreamOutput, StreamPeer } from "../xenstore/stream.ts";
import { Xenstored } from "../xenstore/xenstored.ts";
import { Blocks } from "./blocks.ts";
import { BootConsoles } from "./boot-consoles.ts";
import { Consoles } from "./consoles.ts";
import { CoreFiles } from "./core-files.ts";
import { coreModule } from "./core-wasm.ts";
import { Disks } from "./disks/disks.ts";
import { announceDom0 } from "./dom0-kernel.ts";
import { ExportFiles } from "./exports/export-files.ts";
import { exportedFolder } from "./exports/exports.ts";
import { LastWords } from "./last-words.ts";
import { Life } from "./life.ts";
import { type Logs, openLogs } from "./logs.ts";
import { Outside } from "./outside.ts";
import { Pacer } from "./pacer.ts";
import { programOf } from "./programs.ts";
import { Saving } from "./saving.ts";
import { createScheduling, type SchedulingApi } from "./scheduling.ts";
import { seededBytes } from "./seeded.ts";
import { Streams } from "./streams.ts";
import type {
  ConsoleAttachment,
  ConsoleListener,
  CreateRequest,
  DomainEnd,
  DomainRow,
  HostApi,
  HostOptions,
  HostStatus,
} from "./types.ts";
import { FileStore, Unpacker } from "./unpacker.ts";
import { type UserdataFiles, userdataFiles } from "./userdata-files.ts";
import type { XenstoreLine } from "./xenstore-socket.ts";

/** Wall clock of guests at power-on in warp: 2024-01-01T00:00:00Z, so that every run is alike. */
export const WARP_EPOCH = 1_704_067_200;

const DOM0 = { memoryMib: 1024, vcpus: 4 } as const;
const XENCONSOLED_ATTACHED = "attached";

const WASM_PAGE = 65_536;
/** The engine's memory, in pages of WebAssembly: its own part, and slots for `backingMib`. */
const memoryFor = (backingMib: number | undefined): { memoryPages?: number } =>
  backingMib === undefined ? {} : { memoryPages: Math.ceil((SLOT_BASE + backingMib * 2 ** 20) / WASM_PAGE) };

type Waiter = (end: DomainEnd) => void;

export class Host implements HostApi {
  readonly #mode: "real" | "warp";
  readonly #engine: Engine;
  readonly #slotsTotal: number;
  readonly #xen: Xen;
  readonly #xenstored: Xenstored;
  readonly #dom0: Dom0;
  readonly #recent: RecentDomids;
  readonly #consoles: Consoles;
  readonly #consoled: Consoled;
  readonly #bootConsoles: BootConsoles;
  /** Who wants to hear that a domain's boot loader has its terminal. */
  readonly #bootConsoleReady = new Map<Domid, () => void>();
  readonly #outside: Outside;
  readonly #disks: Disks;
  readonly #pacer: Pacer;
  readonly #unpacker: Unpacker;
  readonly #files = new FileStore();
  readonly #logs: Logs;
  readonly #lastWords = new LastWords();
  readonly #coreFiles: CoreFiles;
  readonly #userdataFiles: UserdataFiles | undefined;
  readonly #streams = new Streams();
  readonly life: Life;
  readonly blocks: Blocks;
  readonly scheduling: SchedulingApi;
  readonly saving: Saving;
  /** Domains whose end has not come yet, and who waits for it. */
  readonly #waiters = new Map<Domid, Set<Waiter>>();
  /** How the last domains ended, for who asks late. */
  readonly #ends = new Map<Domid, DomainEnd>();
  /** Operations under way: told when the machine stops for good. */
  readonly #underWay = new Set<(error: Error) => void>();
  #failure: unknown;
  #onFailure: ((error: unknown) => void) | undefined;
  #stopped: Promise<void> | undefined;

  static async start(options: HostOptions = {}): Promise<Host> {
    return new Host(options);
  }

  private constructor(options: HostOptions) {
    const { stateDirectory } = options;
    this.#mode = options.clock ?? "real";
    this.#logs = openLogs(stateDirectory, (line) => process.stderr.write(`xlab: ${line}\n`));
    this.#engine = createEngine({
      core: coreModule(),
      translate: options.translate ?? process.env["XLAB_TRANSLATE"] !== "off",
      ...memoryFor(options.backingMib),
    });
    this.#slotsTotal = this.#engine.mem.slotsFree();
    const seed = options.seed ?? 0;
    const wallclock = this.#mode === "warp" ? WARP_EPOCH : Date.now() / 1000;
    this.#xen = createXen({
      engine: this.#engine,
      memoryMib: options.memoryMib ?? 16_384,
      pcpus: options.pcpus ?? 4,
      cpuMhz: options.cpuMhz ?? 1_000,
      dom0MemoryMib: DOM0.memoryMib,
      dom0Vcpus: DOM0.vcpus,
      wallclock,
      seed,
    });
    const { clock, dom0: gate } = this.#xen;
    const said = gate.sysctl.readConsole(false); // at power-on
    if (said.ok) this.#logs.hypervisor.append(Buffer.from(said.value));
    this.#xen.onLog((line) => {
      this.#logs.hypervisor.line(line);
      this.#lastWords.hear(line);
    });

    const failed = (error: unknown): void => this.#fail(error);
    const kick = (): void => this.#pacer.kick();
    const hold = (until: Nanos | undefined): void => this.#xen.hold(until);
    this.#outside = new Outside({ clock, mode: this.#mode, hold, kick, failed });
    const kernelLog = (line: string): void => gate.consoleWrite(line);
    this.#disks = new Disks(this.#outside, kernelLog);
    this.#pacer = new Pacer({
      xen: this.#xen,
      clock: this.#mode,
      wallNanos: () => Number(process.hrtime.bigint()),
      holdIdle: () => this.#consoles.hasPeople(),
      barrier: () => earlier(this.#consoles.barrier(), this.#outside.barrier()),
      failed,
    });
    this.#unpacker = new Unpacker(
      options.cacheDirectory ?? (stateDirectory === undefined ? undefined : cacheIn(stateDirectory)),
    );

    this.#coreFiles = new CoreFiles(stateDirectory);
    this.#userdataFiles =
      stateDirectory === undefined
        ? undefined
        : userdataFiles(stateDirectory, (line) => process.stderr.write(`xlab: ${line}\n`));

    const random = seededBytes(seed);
    const xenstored = new Xenstored(gate);
    this.#xenstored = xenstored;
    const xs = connectLocal(xenstored, clock);
    const fsback = new FsBackend({
      gate,
      xs: connectLocal(xenstored, clock),
      open: () => {
        const folder = exportedFolder(stateDirectory);
        return folder === undefined ? undefined : new ExportFiles(folder, this.#outside);
      },
      warn: kernelLog,
    });
    this.#dom0 = {
      gate,
      xs,
      clock,
      wallclock,
      newUuid: () => randomUuid(this.#mode === "warp" ? random() : randomBytes(16)),
      openBootConsole: (domid) => this.#bootConsoles.open(domid),
      programOf: (name, domid, start) => {
        if (exportedFolder(stateDirectory) !== undefined) fsback.offer(domid, "exports");
        return programOf(name, this.#xen.gate(domid), start);
      },
      userdata: new Userdata(this.#userdataFiles?.changed),
    };
    this.life = new Life({
      dom0: this.#dom0,
      enter: () => this.#mustRun(),
      kick,
      run: (plan) => this.#run(plan),
    });
    this.blocks = new Blocks({
      dom0: this.#dom0,
      enter: () => this.#mustRun(),
      run: (plan) => this.#run(plan),
    });
    this.scheduling = createScheduling({ dom0: this.#dom0, enter: () => this.#mustRun(), kick });
    this.#recent = new RecentDomids(clock);
    this.saving = new Saving({
      dom0: this.#dom0,
      recent: this.#recent,
      streams: this.#streams,
      enter: () => this.#mustRun(),
      kick,
      run: (plan) => this.#run(plan),
      create: (request) => this.create(request),
    });
    this.#consoles = new Consoles({
      mode: this.#mode,
      now: () => clock.now(),
      logFor: (name) => this.#logs.console(name),
      moved: (domid) => this.#consoleMoved(domid),
      input: (domid, bytes, at) =>
        this.#atPoint(
          at,
          () => void (this.#bootConsoles.input(domid, bytes) || this.#consoled.input(domid, bytes)),
        ),
      peopleAt: (domid, count) => this.#atPoint(clock.now(), () => this.#sayPeople(domid, count)),
    });
    this.#bootConsoles = new BootConsoles({
      logFor: (domid) => this.#logs.bootloader(domid),
      finished: (log) => this.#logs.finished(log),
      show: (domid, bytes) => this.#consoles.show(domid, bytes),
      opened: (domid) => {
        const tell = this.#bootConsoleReady.get(domid);
        this.#bootConsoleReady.delete(domid);
        tell?.();
      },
    });
    this.#consoled = new Consoled({
      gate,
      clock,
      xs: connectLocal(xenstored, clock),
      open: (domid, name) => this.#consoles.open(domid, name),
      ttyOf: (domid) => `xlab-console-${domid}`,
    });
    for (const kind of ["vbd", "qdisk"] as const) {
      new Blkback({
        gate,
        xs: connectLocal(xenstored, clock),
        kind,
        queues: DOM0.vcpus,
        hotplug: kind === "vbd",
        open: ({ domid, devid }) => this.#disks.storeOf(domid, devid),
        warn: kernelLog,
      });
    }
    announceDom0(xs);
    initDom0(xs);
    followDom0Cpus(gate, xs);
    xs.watch("@releaseDomain", () => this.#lookForEnds());
    this.#pacer.kick();
  }

  async create(request: CreateRequest): Promise<Domid> {
    const { config, libxl, files, paused, detail } = request;
    const kernel = this.#held(files.kernel);
    const wish: CreateWish = {
      config,
      ...(libxl === undefined ? {} : { libxl }),
      kernel,
      ramdisk: this.#held(files.ramdisk),
      paused,
      made: (made) => {
        this.#waiters.set(made, new Set());
        const { consoleReady } = request;
        if (consoleReady !== undefined && config.bootloader !== undefined)
          this.#bootConsoleReady.set(made, () => consoleReady(made));
        if (kernel !== undefined && "bytes" in kernel) this.#nameAddresses(made, kernel.bytes);
      },
      ...(detail === undefined ? {} : { detail }),
    };
    const { saved, wantedDomid } = request;
    // A later life has a new id, and is built.
    const first = {
      ...wish,
      ...(saved === undefined ? {} : { saved }),
      ...(wantedDomid === undefined ? {} : { wantedDomid }),
    };
    return await this.#run(createDomain(this.#dom0, this.#recent, first), (domid) => {
      if (request.monitor !== "none") this.#monitor(wish, domid, request);
    });
  }

  async destroy(domid: Domid): Promise<void> {
    if (domid === 0) throw new XlError(1, [...NOT_DOM0]);
    this.#lookForEnds();
    await this.#run(destroyDomain(this.#dom0, this.#recent, domid));
  }

  async pause(domid: Domid): Promise<void> {
    this.#mustRun();
    pauseDomain(this.#dom0, domid);
    this.#pacer.kick();
  }

  async unpause(domid: Domid): Promise<void> {
    this.#mustRun();
    unpauseDomain(this.#dom0, domid);
    this.#pacer.kick();
  }

  list(): DomainRow[] {
    return this.#dom0.gate.domctl
      .listInfo(Domid(0))
      .map((info) => ({ ...info, name: nameOf(this.#dom0, info.domid) }));
  }

  info(domid: Domid): DomainRow | undefined {
    const info = this.#dom0.gate.domctl.getInfo(domid);
    return info.ok ? { ...info.value, name: nameOf(this.#dom0, domid) } : undefined;
  }

  vcpus(domid: Domid): VcpuInfo[] {
    const { domctl } = this.#dom0.gate;
    const info = domctl.getInfo(domid);
    if (!info.ok) return [];
    const out: VcpuInfo[] = [];
    for (let vcpu = 0; vcpu <= info.value.maxVcpuId; vcpu++) {
      const found = domctl.getVcpuInfo(domid, vcpu);
      if (found.ok) out.push(found.value);
    }
    return out;
  }

  domidOf(name: string): Domid | undefined {
    return domidOf(this.#dom0, name);
  }

  nameOf(domid: Domid): string | undefined {
    return nameOf(this.#dom0, domid);
  }

  physinfo(): PhysInfo {
    const info = this.#dom0.gate.sysctl.physinfo();
    return info.ok ? info.value : bug(`physinfo: ${info.errno}`);
  }

  version(): XenVersion {
    return this.#dom0.gate.sysctl.version();
  }

  dmesg(clear: boolean): string {
    const text = this.#dom0.gate.sysctl.readConsole(clear);
    return text.ok ? text.value : bug(`readconsole: ${text.errno}`);
  }

  attachConsole(
    domid: Domid,
    listener: ConsoleListener,
    interactive: boolean,
  ): ConsoleAttachment | undefined {
    if (domid === 0 || !this.#dom0.gate.domctl.getInfo(domid).ok) return undefined;
    const attachment = this.#consoles.attach(domid, listener, interactive);
    this.#pacer.kick();
    return attachment;
  }

  async waitForEnd(domid: Domid): Promise<DomainEnd> {
    const waiters = this.#waiters.get(domid);
    if (waiters === undefined) return this.#ends.get(domid) ?? this.#endOf(domid) ?? { how: "destroyed" };
    return await new Promise((resolve, reject) => {
      this.#underWay.add(reject);
      waiters.add((end) => {
        this.#underWay.delete(reject);
        resolve(end);
      });
    });
  }

  /** Why the domain died, in a line; undefined when nothing is known of it. */
  lastWords(domid: Domid): string | undefined {
    return this.#lastWords.of(domid, this.#consoles.backlog(domid));
  }

  status(): HostStatus {
    const lagNanos = this.#pacer.lag();
    return {
      clock: this.#mode,
      virtualNanos: this.#xen.clock.now(),
      lagNanos,
      instructions: this.#xen.instructions(),
      domains: this.#dom0.gate.domctl.listInfo(Domid(0)).length,
      slotsUsed: this.#slotsTotal - this.#engine.mem.slotsFree(),
      slotsTotal: this.#slotsTotal,
    };
  }

  /** A program outside that speaks with xenstored as dom0 (xenstore-socket.ts). */
  openXenstore(output: StreamOutput): XenstoreLine {
    const peer = new StreamPeer(this.#xenstored, output);
    return {
      receive: (bytes) => this.#enter(() => peer.receive(bytes)),
      drained: () => this.#enter(() => peer.drained()),
      close: () => this.#enter(() => peer.close()),
      get isFull() {
        return peer.isFull;
      },
    };
  }

  /** Called once if the model breaks: our mistake, and the end of this machine. */
  onFailure(hear: (error: unknown) => void): void {
    this.#onFailure = hear;
    if (this.#failure !== undefined) hear(this.#failure);
  }

  stop(): Promise<void> {
    this.#stopped ??= this.#switchOff();
    return this.#stopped;
  }

  async #switchOff(): Promise<void> {
    this.#pacer.stop();
    this.#consoles.endAll();
    this.#abandon(new Error("the host has been stopped"));
    await this.#unpacker.stop();
    await this.#disks.closeAll();
    await this.#coreFiles.close();
    await this.#userdataFiles?.flush();
    await this.#logs.close();
  }

  #fail(error: unknown): void {
    if (this.#failure !== undefined) return;
    this.#failure = error;
    this.#pacer.stop();
    this.#consoles.endAll();
    const why = error instanceof Error ? error.message : String(error);
    this.#abandon(new Error(`the machine has stopped on a mistake of ours: ${why}`, { cause: error }));
    this.#onFailure?.(error);
  }

  #abandon(error: Error): void {
    for (const tell of [...this.#underWay]) tell(error);
    this.#underWay.clear();
    this.#waiters.clear();
  }

  #mustRun(): void {
    if (this.#failure !== undefined) {
      throw new Error("the machine has stopped on a mistake of ours", { cause: this.#failure });
    }
    if (this.#stopped !== undefined) throw new Error("the host has been stopped");
    this.#pacer.sync();
  }

  /** Runs a toolstack operation; its failure is the promise's. `then`: at the very instant it is done. */
  #run<T>(plan: Plan<T>, then?: (value: T) => void): Promise<T> {
    this.#mustRun();
    return new Promise((resolve, reject) => {
      this.#underWay.add(reject);
      this.#start(plan, (outcome) => {
        this.#underWay.delete(reject);
        if (!outcome.ok) {
          reject(outcome.error);
          return;
        }
        then?.(outcome.value);
        resolve(outcome.value);
      });
    });
  }

  #start<T>(plan: Plan<T>, ended: (outcome: Ended<T>) => void): void {
    const { clock } = this.#dom0;
    runPlan({ clock, io: (ask, answer) => this.#outside.ask(() => this.#answer(ask), answer) }, plan, ended);
    this.#pacer.kick();
  }

  #answer(question: Ask): Promise<unknown> {
    switch (question.ask) {
      case "core-file":
        return this.#coreFiles.answer(question);
      case "stream-take":
      case "stream-put":
        return this.#streams.answer(question);
      case "stat-disk":
      case "attach-disk":
      case "detach-disk":
      case "open-image":
      case "read-image":
      case "close-image":
        return this.#disks.answer(question);
      default:
        return this.#unpacker.answer(question);
    }
  }

  #monitor(wish: CreateWish, domid: Domid, { monitorLog, monitorDone }: CreateRequest): void {
    const file = this.#logs.monitor(wish.config.name);
    const log = (line: string): void => {
      file.line(line);
      monitorLog?.(line);
    };
    const ended = (): void => this.#lookForEnds();
    const monitor = { dom0: this.#dom0, recent: this.#recent, wish, log, pid: process.pid, ended };
    this.#start(monitorDomain(monitor, domid), () => {
      this.#logs.finished(file);
      monitorDone?.();
    });
  }

  /** The kernel's symbols, for a crash dump in the hypervisor log. Nobody waits for them. */
  #nameAddresses(domid: Domid, file: Uint8Array): void {
    const { gate, clock } = this.#dom0;
    const plan = function* (): Plan<void> {
      yield* sleep(clock, 1_000_000); // what the guest is made of is unpacked first
      const symbols = yield* ask({ ask: "read-symbols", file });
      gate.domctl.setSymbols(domid, symbols);
    };
    this.#start(plan(), () => {});
  }

  #held(file: CreateRequest["files"]["kernel"]): CreateWish["kernel"] {
    if (file === undefined || !("bytes" in file)) return file;
    return { path: file.path, bytes: this.#files.intern(file.bytes) };
  }

  /** From outside into the model: at the first scheduling point not before `at`. */
  #atPoint(at: Nanos, act: () => void): void {
    if (this.#stopped !== undefined || this.#failure !== undefined) return;
    this.#pacer.sync();
    this.#xen.clock.at(at, act);
    this.#pacer.kick();
  }

  /** From outside into dom0, right now: between two slices the model stands still. */
  #enter(act: () => void): void {
    if (this.#stopped !== undefined || this.#failure !== undefined) return;
    this.#pacer.sync();
    try {
      act();
    } catch (error) {
      this.#fail(error);
    }
    this.#pacer.kick();
  }

  #consoleMoved(domid: Domid): void {
    if (this.#mode === "warp") this.#pacer.kick();
    else this.#atPoint(this.#xen.clock.now(), () => this.#consoled.service(domid));
  }

  /** `console/attached`: how many people are at the console. A guest may like to know whether it is worth asking. */
  #sayPeople(domid: Domid, count: number): void {
    const { xs } = this.#dom0;
    const console = `/local/domain/${domid}/console`;
    if (xs.read(`${console}/ring-ref`) === undefined) return;
    if (count > 0) xs.write(`${console}/${XENCONSOLED_ATTACHED}`, String(count));
    else xs.remove(`${console}/${XENCONSOLED_ATTACHED}`);
  }

  #endOf(domid: Domid): DomainEnd | undefined {
    const info = this.#dom0.gate.domctl.getInfo(domid);
    if (!info.ok || (info.value.dying && !info.value.shutdown)) return { how: "destroyed" };
    const reason = info.value.shutdownCode;
    if (!info.value.shutdown || reason === SHUTDOWN.suspend) return undefined; // saved, it goes on or is destroyed
    const words = reason === SHUTDOWN.crash ? this.lastWords(domid) : undefined;
    return { how: "shutdown", reason, ...(words === undefined ? {} : { lastWords: words }) };
  }

  #lookForEnds(): void {
    for (const [domid, waiters] of [...this.#waiters]) {
      const end = this.#endOf(domid);
      if (end === undefined) continue;
      this.#waiters.delete(domid);
      this.#ends.set(domid, end);
      const oldest = this.#ends.keys().next();
      if (this.#ends.size > ENDS_KEPT && oldest.done !== true) this.#ends.delete(oldest.value);
      for (const tell of waiters) tell(end);
    }
  }
}

const ENDS_KEPT = 1000;

/** Where a state directory has its unpacked kernels. */
export const cacheIn = (stateDirectory: string): string => join(stateDirectory, "cache");

const earlier = (a: Nanos | undefined, b: Nanos | undefined): Nanos | undefined =>
  a === undefined || (b !== undefined && b < a) ? b : a;

const NOT_DOM0 = [
  "Not destroying domain 0; use -f to force.",
  "This can only be done when using a disaggregated hardware domain and toolstack.",
  "",
] as const;
