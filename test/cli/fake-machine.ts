/**
 * A host with no machine in it, behind a real socket: domains as records, consoles that say what a test has them say.
 * The commands cannot tell it from the host process.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { createServer, type Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { PhysInfo, VcpuInfo, XenVersion } from "../../src/abi/hypercall.ts";
import { Domid, Mfn } from "../../src/abi/types.ts";
import { Blocks } from "../../src/host/blocks.ts";
import { Session } from "../../src/host/daemon/session.ts";
import type { LifeApi } from "../../src/host/life.ts";
import type { SavingApi } from "../../src/host/saving.ts";
import { createScheduling, type SchedulingApi } from "../../src/host/scheduling.ts";
import type {
  ConsoleAttachment,
  ConsoleListener,
  CreateRequest,
  DomainEnd,
  DomainRow,
  HostApi,
  HostStatus,
} from "../../src/host/types.ts";
import { Nanos } from "../../src/lib/brand.ts";
import { SOCKET_NAME } from "../../src/protocol/state-directory.ts";
import { XlError } from "../../src/toolstack/error.ts";
import { LifeBench } from "./fake-life.ts";

export function fakeDomain(
  domid: number,
  name: string | undefined,
  more: Partial<DomainRow> = {},
): DomainRow {
  return {
    domid: Domid(domid),
    name,
    dying: false,
    shutdown: false,
    shutdownCode: 0,
    paused: false,
    blocked: false,
    running: false,
    type: "pv",
    totPages: 16384 / 4,
    outstandingPages: 0,
    maxPages: 1 << 20,
    sharedInfoFrame: Mfn(0),
    cpuTime: Nanos(0),
    onlineVcpus: 1,
    maxVcpuId: 0,
    ssidref: 0,
    cpupool: 0,
    handle: new Uint8Array(16),
    ...more,
  };
}

/** dom0 as the golden transcripts have it. */
export const fakeDom0 = (seconds: number): DomainRow =>
  fakeDomain(0, "Domain-0", {
    totPages: 1024 * 256,
    onlineVcpus: 2,
    running: true,
    cpuTime: Nanos(seconds * 1e9),
  });

type ConsoleProgram = (listener: ConsoleListener, keys: AsyncIterable<string>) => Promise<void>;

export class FakeMachine implements HostApi {
  domains: DomainRow[] = [fakeDom0(510.7)];
  readonly created: CreateRequest[] = [];
  readonly calls: string[] = [];
  /** What each domain's console does; a domain without one has no console. */
  readonly consoles = new Map<number, ConsoleProgram>();
  readonly ends = new Map<number, DomainEnd>();
  readonly #waiting = new Map<number, ((end: DomainEnd) => void)[]>();
  /** Thrown by the next `create`. */
  createFails: XlError | undefined;
  log: readonly string[] = [];
  /** What is known of why a domain died. */
  readonly words = new Map<number, string>();

  readonly toolstack = new LifeBench();
  readonly life: LifeApi = this.toolstack.life;
  readonly saving: SavingApi = {
    save: () => Promise.reject(new Error("a machine without guests saves none")),
    restore: () => Promise.reject(new Error("a machine without guests restores none")),
    resume: () => [],
  };
  readonly blocks = new Blocks({
    dom0: this.toolstack.bench.dom0,
    enter: () => {},
    run: (plan) => {
      const outcome = this.toolstack.bench.run(plan);
      return outcome.ok ? Promise.resolve(outcome.value) : Promise.reject(outcome.error);
    },
  });
  readonly scheduling: SchedulingApi = createScheduling({
    dom0: this.toolstack.bench.dom0,
    enter: () => {},
    kick: () => {},
  });

  async create(request: CreateRequest): Promise<Domid> {
    for (const line of this.log) request.log?.(line);
    if (this.createFails !== undefined) throw this.createFails;
    this.created.push(request);
    const domid = Math.max(...this.domains.map((domain) => domain.domid)) + 1;
    this.domains.push(fakeDomain(domid, request.config.name, { paused: request.paused }));
    return Domid(domid);
  }

  async destroy(domid: Domid): Promise<void> {
    this.#known(domid, [
      `libxl: error: libxl_domain.c:1183:libxl__destroy_domid: Domain ${domid}:Non-existant domain`,
      `libxl: error: libxl_domain.c:1137:domain_destroy_callback: Domain ${domid}:Unable to destroy guest`,
      `libxl: error: libxl_domain.c:1064:domain_destroy_cb: Domain ${domid}:Destruction of domain failed`,
    ]);
    this.calls.push(`destroy ${domid}`);
    this.finish(domid, { how: "destroyed" });
    this.domains = this.domains.filter((domain) => domain.domid !== domid);
  }

  async pause(domid: Domid): Promise<void> {
    this.#known(domid, [
      `libxl: error: libxl_domain.c:587:libxl_domain_pause: Domain ${domid}:Pausing domain: No such process`,
    ]);
    this.calls.push(`pause ${domid}`);
  }

  async unpause(domid: Domid): Promise<void> {
    this.#known(domid, [
      `libxl: error: libxl_dom.c:37:libxl__domain_type: unable to get domain type for domid=${domid}`,
    ]);
    this.calls.push(`unpause ${domid}`);
  }

  #known(domid: Domid, lines: readonly string[]): void {
    if (this.info(domid) === undefined) throw new XlError(1, lines);
  }

  list = (): DomainRow[] => this.domains;
  info = (domid: Domid): DomainRow | undefined => this.domains.find((domain) => domain.domid === domid);
  vcpus = (): VcpuInfo[] => [];
  domidOf = (name: string): Domid | undefined => this.domains.find((domain) => domain.name === name)?.domid;
  nameOf = (domid: Domid): string | undefined => this.info(domid)?.name;

  physinfo = (): PhysInfo => ({
    threadsPerCore: 1,
    coresPerSocket: 2,
    nrCpus: 2,
    nrNodes: 1,
    cpuKhz: 2_599_998,
    totalPages: 4095 * 256,
    freePages: 3028 * 256,
    scrubPages: 0,
    outstandingPages: 0,
    maxMfn: 1 << 20,
    hwCap: [0x1fcbf3fd, 0xf6d8320b, 0xec500800, 0x77, 5, 0x18843a9, 0x20c, 0],
    virtCaps: ["pv", "hvm", "hap", "gnttab-v1", "gnttab-v2"],
  });

  version = (): XenVersion => ({
    major: 4,
    minor: 17,
    extra: ".7",
    compiler: "x86_64-linux-gnu-gcc (Debian 12.2.0-14+deb12u1) 12.2.0",
    compileBy: "pkg-xen-devel",
    compileDomain: "lists.alioth.debian.org",
    compileDate: "Wed Nov  4 16:52:28 UTC 2026",
    capabilities: "xen-3.0-x86_64 hvm-3.0-x86_32 hvm-3.0-x86_32p hvm-3.0-x86_64 ",
    changeset: "",
    virtStart: 0xffff800000000000n,
    pagesize: 4096,
    commandline:
      "dom0_mem=1024M,max:1024M console=com1 com1=115200,8n1 loglvl=all guest_loglvl=all spec-ctrl=no ucode=no ",
    buildId: "151b373fd64b321593bf987fd923cd10dabadac4",
    scheduler: "credit2",
  });

  dmesg = (): string => "(XEN) a line\n";

  attachConsole(domid: Domid, listener: ConsoleListener): ConsoleAttachment | undefined {
    const program = this.consoles.get(domid);
    if (program === undefined) return undefined;
    const keys = new Keys();
    void program(listener, keys).then(() => listener.end());
    return { write: (bytes) => keys.push(Buffer.from(bytes).toString("latin1")), detach: () => keys.close() };
  }

  waitForEnd(domid: Domid): Promise<DomainEnd> {
    const known = this.ends.get(domid);
    if (known !== undefined) return Promise.resolve(known);
    return new Promise((resolve) => {
      this.#waiting.set(domid, [...(this.#waiting.get(domid) ?? []), resolve]);
    });
  }

  finish(domid: number, end: DomainEnd): void {
    this.ends.set(domid, end);
    for (const resolve of this.#waiting.get(domid) ?? []) resolve(end);
    this.#waiting.delete(domid);
  }

  lastWords = (domid: Domid): string | undefined => this.words.get(domid);

  status = (): HostStatus => ({
    clock: "real",
    virtualNanos: 1_500_000_000,
    lagNanos: 0,
    instructions: 12,
    domains: this.domains.length,
    slotsUsed: 1,
    slotsTotal: 2,
  });

  async stop(): Promise<void> {}
}

/** What is typed, as it comes. */
class Keys implements AsyncIterable<string> {
  readonly #typed: string[] = [];
  #wake: (() => void) | undefined;
  #closed = false;

  push(text: string): void {
    this.#typed.push(text);
    this.#wake?.();
  }

  close(): void {
    this.#closed = true;
    this.#wake?.();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<string> {
    for (;;) {
      const next = this.#typed.shift();
      if (next !== undefined) yield next;
      else if (this.#closed) return;
      else
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
    }
  }
}

export interface Served<M extends HostApi> {
  readonly machine: M;
  readonly state: string;
  /** As SIGKILL would: every connection drops. */
  die(): void;
  close(): Promise<void>;
}

export type ServedMachine = Served<FakeMachine>;
export const serveMachine = (machine: FakeMachine = new FakeMachine()): Promise<ServedMachine> =>
  serveHost(machine);

/** Serves `machine` on the socket of a state directory of its own. */
export async function serveHost<M extends HostApi>(machine: M): Promise<Served<M>> {
  const state = mkdtempSync(join(tmpdir(), "xlab-fake-"));
  const sockets = new Set<import("node:net").Socket>();
  const server: Server = createServer((socket) => {
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
    new Session({
      socket,
      host: Promise.resolve(machine),
      directory: state,
      stop: () => server.close(),
      closed: () => {},
    });
  });
  await new Promise<void>((resolve) => server.listen(join(state, SOCKET_NAME), resolve));
  const die = (): void => {
    server.close();
    for (const socket of sockets) socket.destroy();
  };
  return {
    machine,
    state,
    die,
    async close() {
      die();
      rmSync(state, { recursive: true, force: true });
    },
  };
}
