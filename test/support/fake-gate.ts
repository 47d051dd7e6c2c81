/**
 * A Gate with no Xen behind it: domains as records, frames as byte arrays, event channels that remember. Small on purpose:
 * what dom0's programs need to be tried alone. `FakeMachine.settle()` runs everything that is due.
 */
import type { Errno, XenResult } from "../../src/abi/errno.ts";
import { done, ok, refuse } from "../../src/abi/errno.ts";
import type { CreateDomain, DomainInfo, Gate, MappedFrame } from "../../src/abi/hypercall.ts";
import { Domid, type Gfn, type Gref, Mfn, Port } from "../../src/abi/types.ts";
import { VIRQ_DOM_EXC } from "../../src/abi/xen.ts";
import { Nanos } from "../../src/lib/brand.ts";
import type { Clock, Timer } from "../../src/lib/clock.ts";
import { noMigration } from "./no-migration.ts";

export class FakeClock implements Clock {
  #now = 0;
  #made = 0;
  readonly #timers: { when: number; order: number; fire: () => void }[] = [];

  now(): Nanos {
    return Nanos(this.#now);
  }

  at(when: Nanos, fire: () => void): Timer {
    const entry = { when: Math.max(when, this.#now), order: this.#made++, fire };
    this.#timers.push(entry);
    return {
      when,
      cancel: () => {
        const index = this.#timers.indexOf(entry);
        if (index >= 0) this.#timers.splice(index, 1);
      },
    };
  }

  /** Fires what is due until `until` (nanoseconds), moving time on. */
  run(until: number): void {
    for (;;) {
      const next = this.#timers
        .filter((timer) => timer.when <= until)
        .sort((a, b) => a.when - b.when || a.order - b.order)[0];
      if (next === undefined) break;
      this.#timers.splice(this.#timers.indexOf(next), 1);
      this.#now = Math.max(this.#now, next.when);
      next.fire();
    }
    this.#now = Math.max(this.#now, until);
  }
}

export class FakeFrame implements MappedFrame {
  readonly writable = true;
  readonly bytes: Uint8Array;
  readonly view: DataView;
  unmapped = 0;

  constructor(bytes = new Uint8Array(4096)) {
    this.bytes = bytes;
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  }
  getUint8(offset: number): number {
    return this.view.getUint8(offset);
  }
  getUint32(offset: number): number {
    return this.view.getUint32(offset, true);
  }
  getBigUint64(offset: number): bigint {
    return this.view.getBigUint64(offset, true);
  }
  setUint8(offset: number, value: number): void {
    this.view.setUint8(offset, value);
  }
  setUint32(offset: number, value: number): void {
    this.view.setUint32(offset, value, true);
  }
  setBigUint64(offset: number, value: bigint): void {
    this.view.setBigUint64(offset, value, true);
  }
  read(offset: number, length: number): Uint8Array {
    if (offset < 0 || offset + length > this.bytes.length) throw new Error("read beyond the frame");
    return this.bytes.slice(offset, offset + length);
  }
  write(offset: number, bytes: Uint8Array): void {
    if (offset < 0 || offset + bytes.length > this.bytes.length) throw new Error("write beyond the frame");
    this.bytes.set(bytes, offset);
  }
  unmap(): void {
    this.unmapped++;
  }
}

export interface FakeDomain {
  info: { -readonly [K in keyof DomainInfo]: DomainInfo[K] };
  readonly wanted: CreateDomain;
  readonly granted: Map<number, FakeFrame>;
  /** Ports of the guest: who is at the other end of dom0's. */
  readonly ports: Map<number, { peer: Port | undefined; notified: number }>;
  pauses: number;
}

export class FakeMachine {
  readonly clock = new FakeClock();
  readonly domains = new Map<number, FakeDomain>();
  readonly frames = new Map<number, FakeFrame>();
  readonly log: string[] = [];
  readonly charged = new Map<string, number>();
  /** Free pages; populate takes from them. */
  freePages = 1 << 20;
  claimed = 0;
  commandline = "dom0_mem=1024M";
  nextDomid = 1;
  #nextMfn = 1000;
  #nextPort = 1;
  readonly #handlers = new Map<number, () => void>();
  readonly #peers = new Map<number, { domid: number; port: number }>();
  #domExc: number | undefined;
  readonly gate: Gate = this.#makeGate();

  /** Runs upcalls and timers that are due now; with nanoseconds: lets that much time pass. */
  settle(nanos = 0): void {
    this.clock.run(this.clock.now() + nanos);
  }

  domain(domid: number): FakeDomain {
    const found = this.domains.get(domid);
    if (found === undefined) throw new Error(`no domain ${domid}`);
    return found;
  }

  frame(mfn: number): FakeFrame {
    const found = this.frames.get(mfn) ?? new FakeFrame();
    this.frames.set(mfn, found);
    return found;
  }

  /** A domain as if built, with a ring page behind each reserved grant. */
  addDomain(domid: number, grants: readonly number[] = [0, 1]): FakeDomain {
    this.nextDomid = domid;
    const made = this.gate.domctl.create({
      handle: new Uint8Array(16),
      type: "pv",
      maxVcpus: 1,
      maxEvtchnPort: 1023,
      maxGrantFrames: 1,
      maxMaptrackFrames: 1,
    });
    if (!made.ok) throw new Error(made.errno);
    const domain = this.domain(domid);
    for (const ref of grants) domain.granted.set(ref, this.frame(this.#nextMfn++));
    return domain;
  }

  /** The guest sends on one of its ports. */
  guestSends(domid: number, port: number): void {
    const peer = this.domain(domid).ports.get(port)?.peer;
    if (peer !== undefined) this.#raise(peer);
  }

  guestShutsDown(domid: number, reason: number): void {
    const { info } = this.domain(domid);
    info.shutdown = true;
    info.shutdownCode = reason;
    this.#raiseDomExc();
  }

  /** The last of the domain is gone. */
  reap(domid: number): void {
    const domain = this.domain(domid);
    this.freePages += domain.info.totPages;
    this.domains.delete(domid);
    this.#raiseDomExc();
  }

  #raiseDomExc(): void {
    if (this.#domExc !== undefined) this.#raise(Port(this.#domExc));
  }

  readonly #pending = new Set<number>();
  #raise(port: Port): void {
    if (this.#pending.has(port)) return;
    this.#pending.add(port);
    this.clock.at(this.clock.now(), () => {
      this.#pending.delete(port);
      this.#handlers.get(port)?.();
    });
  }

  #withDomain<T>(domid: number, then: (domain: FakeDomain) => XenResult<T>): XenResult<T> {
    const domain = this.domains.get(domid);
    return domain === undefined ? refuse("ESRCH") : then(domain);
  }

  #makeGate(): Gate {
    const simply =
      (change: (domain: FakeDomain) => Errno | undefined) =>
      (domid: Domid): XenResult =>
        this.#withDomain(domid, (domain) => {
          const errno = change(domain);
          return errno === undefined ? done : refuse(errno);
        });
    const info = (domid: number): DomainInfo => ({ ...this.domain(domid).info });
    return {
      domid: Domid(0),
      evtchn: {
        allocUnbound: (domid) =>
          this.#withDomain(domid, (domain) => {
            const port = Port(domain.ports.size + 1);
            domain.ports.set(port, { peer: undefined, notified: 0 });
            return ok(port);
          }),
        bindInterdomain: (domid, remote) =>
          this.#withDomain(domid, (domain) => {
            const end = domain.ports.get(remote) ?? { peer: undefined, notified: 0 };
            if (end.peer !== undefined) return refuse("EINVAL");
            domain.ports.set(remote, end);
            const port = Port(this.#nextPort++);
            end.peer = port;
            this.#peers.set(port, { domid, port: remote });
            this.#raise(port);
            return ok(port);
          }),
        bindVirq: (virq) => {
          const port = Port(this.#nextPort++);
          if (virq === VIRQ_DOM_EXC) {
            if (this.#domExc !== undefined) return refuse("EEXIST");
            this.#domExc = port;
          }
          return ok(port);
        },
        close: (port) => {
          const peer = this.#peers.get(port);
          this.#peers.delete(port);
          this.#handlers.delete(port);
          const end = peer && this.domains.get(peer.domid)?.ports.get(peer.port);
          if (end) end.peer = undefined;
          return done;
        },
        send: (port) => {
          const peer = this.#peers.get(port);
          const end = peer && this.domains.get(peer.domid)?.ports.get(peer.port);
          if (end) end.notified++;
          return done;
        },
        bindIpi: () => ok(Port(this.#nextPort++)),
        unmask: () => done,
        status: () => refuse("ENOSYS"),
        reset: () => done,
        onEvent: (port, handler) => {
          if (handler === undefined) this.#handlers.delete(port);
          else this.#handlers.set(port, handler);
        },
      },
      gnttab: {
        map: (domid, ref) =>
          this.#withDomain(domid, (domain) => {
            const frame = domain.granted.get(ref);
            return frame === undefined ? refuse("EINVAL") : ok(frame);
          }),
        copyFrom: (domid, ref, offset, length) =>
          this.#withDomain(domid, ({ granted }) => {
            const frame = granted.get(ref);
            return frame === undefined || offset + length > 4096
              ? refuse("EINVAL")
              : ok(frame.read(offset, length));
          }),
        copyTo: (domid, ref, offset, bytes) =>
          this.#withDomain(domid, ({ granted }) => {
            const frame = granted.get(ref);
            if (frame === undefined || offset + bytes.length > 4096) return refuse("EINVAL");
            frame.write(offset, bytes);
            return done;
          }),
        setupTable: () => refuse("ENOSYS"),
        seed: (domid: Domid, ref: Gref, _to: Domid, frame: Gfn) =>
          this.#withDomain(domid, (domain) => {
            domain.granted.set(ref, this.frame(frame));
            return done;
          }),
      },
      memory: {
        populate: (domid, _first, count) =>
          this.#withDomain(domid, (domain) => {
            const got = Math.min(count, this.freePages);
            if (got === 0) return refuse("ENOMEM");
            this.freePages -= got;
            domain.info.totPages += got;
            return ok(Array.from({ length: got }, () => Mfn(this.#nextMfn++)));
          }),
        claim: (domid, pages) =>
          this.#withDomain(domid, () => {
            if (pages > this.freePages) return refuse("ENOMEM");
            this.claimed = pages;
            return done;
          }),
        setMemoryMap: () => done,
        mapForeign: (domid, mfn) => this.#withDomain(domid, () => ok(this.frame(mfn))),
      },
      mmu: { prepareL4: () => ok(true), pinL4: () => done, unpin: () => done, setMachphys: () => done },
      vcpu: { up: () => done, down: () => done },
      domctl: {
        setProgram: () => refuse("ENOSYS"),
        setTarget: () => refuse("EPERM"),
        create: (wanted) => {
          const domid = Domid(wanted.domid ?? this.nextDomid);
          if (this.domains.has(domid)) return refuse("EEXIST");
          this.nextDomid = domid + 1;
          this.domains.set(domid, {
            wanted,
            granted: new Map(),
            ports: new Map(),
            pauses: 1,
            info: {
              domid,
              dying: false,
              shutdown: false,
              shutdownCode: 0,
              paused: true,
              blocked: false,
              running: false,
              type: wanted.type,
              totPages: 0,
              outstandingPages: 0,
              maxPages: 0,
              sharedInfoFrame: Mfn(this.#nextMfn++),
              cpuTime: Nanos(0),
              onlineVcpus: 1,
              maxVcpuId: wanted.maxVcpus - 1,
              ssidref: 0,
              cpupool: 0,
              handle: wanted.handle,
            },
          });
          return ok(domid);
        },
        setMaxMem: (domid, kib) =>
          this.#withDomain(domid, (domain) => {
            domain.info.maxPages = kib / 4;
            return done;
          }),
        hypercallInit: () => done,
        setVcpuContext: () => done,
        getVcpuContext: () => refuse("ENOSYS"),
        getInfo: (domid) => this.#withDomain(domid, () => ok(info(domid))),
        listInfo: (first) =>
          [...this.domains.keys()]
            .filter((domid) => domid >= first)
            .sort((a, b) => a - b)
            .map(info),
        getVcpuInfo: () => refuse("ENOSYS"),
        setVcpuAffinity: () => done,
        getSharedInfoFrame: (domid) => this.#withDomain(domid, (domain) => ok(domain.info.sharedInfoFrame)),
        pause: simply((domain) => {
          domain.pauses++;
          domain.info.paused = true;
          return undefined;
        }),
        unpause: simply((domain) => {
          if (domain.pauses === 0) return "EINVAL";
          domain.pauses--;
          domain.info.paused = domain.pauses > 0;
          return undefined;
        }),
        destroy: simply((domain) => {
          domain.info.dying = true;
          this.#raiseDomExc();
          this.clock.at(Nanos(this.clock.now() + 1_000_000), () => {
            if (this.domains.get(domain.info.domid) === domain) this.reap(domain.info.domid);
          });
          return undefined;
        }),
        shutdown: (domid, reason) =>
          this.#withDomain(domid, () => {
            this.guestShutsDown(domid, reason);
            return done;
          }),
        setTimeOffset: () => done,
        setSchedCredit: () => done,
        getSchedCredit: () => ok({ weight: 256, cap: 0 }),
        sendTrigger: (domid, trigger) =>
          this.#withDomain(domid, () => (trigger === 0 ? done : refuse(trigger >= 3 ? "EINVAL" : "ENOSYS"))),
        softReset: () => refuse("EINVAL"),
        setSymbols: () => done,
      },
      migration: noMigration,
      sysctl: {
        getCreditParams: () => ok({ tsliceMs: 30, ratelimitUs: 1000, migrationDelayUs: 0 }),
        setCreditParams: () => done,
        physinfo: () =>
          ok({
            threadsPerCore: 1,
            coresPerSocket: 4,
            nrCpus: 4,
            nrNodes: 1,
            cpuKhz: 1_000_000,
            totalPages: 1 << 22,
            freePages: this.freePages,
            scrubPages: 0,
            outstandingPages: 0,
            maxMfn: 1 << 22,
            hwCap: [],
            virtCaps: ["pv"],
          }),
        version: () => ({
          major: 4,
          minor: 17,
          extra: ".7",
          compiler: "",
          compileBy: "",
          compileDomain: "",
          compileDate: "",
          capabilities: "xen-3.0-x86_64 ",
          changeset: "",
          virtStart: 0xffff800000000000n,
          pagesize: 4096,
          commandline: this.commandline,
          buildId: "",
          scheduler: "credit2",
        }),
        debugKeys: (keys) => {
          this.log.push(`(XEN) keys ${keys}`);
          return done;
        },
        readConsole: () => ok(this.log.join("\n")),
      },
      sched: {
        now: () => Nanos(0),
        setTimer: () => {},
        resume: () => {},
        shutdown: () => {},
        become: () => refuse("ENOSYS"),
      },
      consoleWrite: (text) => void this.log.push(text),
      charge: (work, count) => void this.charged.set(work, (this.charged.get(work) ?? 0) + count),
    };
  }
}
