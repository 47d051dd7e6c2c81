/** A machine with xenstored on it and Mini-OS domains whose program the test gives; the test is their console's reader. */
import type { Gate } from "../../../src/abi/hypercall.ts";
import {
  XENCONS_IN_SIZE,
  XENCONS_OUT_RING,
  XENCONS_OUT_SIZE,
  xenconsInterface,
} from "../../../src/abi/io/console.ts";
import { DOMID_0, type Domid, type Port } from "../../../src/abi/types.ts";
import { buildProgramSteps, type ProgramStart } from "../../../src/dombuild/program.ts";
import { type Main, miniOsProgram } from "../../../src/guests/minios/kernel.ts";
import type { Domain } from "../../../src/xen/domain/domain.ts";
import { createGate } from "../../../src/xen/gate.ts";
import { LogRing } from "../../../src/xen/log.ts";
import { connectLocal, type XsClient } from "../../../src/xenstore/client/client.ts";
import { Xenstored } from "../../../src/xenstore/xenstored.ts";
import { makeWorld, must, type World } from "../../xen/support/world.ts";

const { in_cons, in_prod, out_cons, out_prod } = xenconsInterface.field;

export interface Stub {
  readonly domid: Domid;
  readonly domain: Domain;
  readonly gate: Gate;
  readonly start: ProgramStart;
  /** What it has printed and the reader has taken. */
  printed(): string;
  /** A reader that takes nothing leaves the ring as it is. */
  reads: boolean;
  type(text: string): void;
  /** The reader lets go of the ring. */
  detach(): void;
  /** SHUTDOWN_*; undefined: it lives. */
  end(): number | undefined;
}

export interface StubOptions {
  readonly memMib?: number;
  readonly cmdline?: string;
  readonly maxGrantFrames?: number;
  readonly maxEvtchnPort?: number;
  readonly vcpus?: number;
  /** Hears what it writes to the hypervisor's log. */
  readonly log?: (line: string) => void;
}

export interface StubWorld extends World {
  readonly xs: XsClient;
  /** Builds and unpauses it. */
  stub(main: Main, options?: StubOptions): Stub;
  /** Until the machine is idle for good, or the limit, nanoseconds. */
  settle(limit?: number, budget?: () => number): ReturnType<World["settle"]>;
}

export function makeStubWorld(): StubWorld {
  const world = makeWorld({ memoryMib: 512 });
  const { machine, dom0 } = world;
  const store = new Xenstored(dom0);
  const xs = connectLocal(store, machine.clock);

  function stub(main: Main, options: StubOptions = {}): Stub {
    const { memMib = 4, cmdline = "", maxGrantFrames = 8, maxEvtchnPort = 1023, vcpus = 1 } = options;
    const { domctl, evtchn, memory } = dom0;
    const domid = must(
      domctl.create({
        handle: new Uint8Array(16).fill(7),
        type: "pv",
        maxVcpus: vcpus,
        maxEvtchnPort,
        maxGrantFrames,
        maxMaptrackFrames: 4,
      }),
    );
    must(domctl.setMaxMem(domid, memMib * 1024));
    const storePort = must(evtchn.allocUnbound(domid, DOMID_0));
    const consolePort = must(evtchn.allocUnbound(domid, DOMID_0));
    const domain = machine.domains.get(domid) as Domain;
    const ring = new LogRing();
    ring.onLine = options.log;
    const gate = createGate(machine, domain, ring);
    const steps = buildProgramSteps(dom0, domid, {
      module: undefined,
      cmdline,
      memKib: memMib * 1024,
      storePort,
      consolePort,
    });
    let step = steps.next();
    while (step.done !== true) step = steps.next();
    if (!step.value.ok) throw new Error(step.value.why);
    const start = step.value.value;
    const home = `/local/domain/${domid}`;
    for (const node of ["", "/control", "/control/shutdown", "/device", "/data"]) {
      xs.mkdir(`${home}${node}`);
      xs.setPerms(`${home}${node}`, [{ domid, access: "n" }]);
    }
    xs.write(`${home}/name`, `stub-${domid}`);
    xs.introduce(domid, start.storeMfn, storePort);

    const page = must(memory.mapForeign(domid, start.consoleMfn, "write"));
    const port: Port = must(evtchn.bindInterdomain(domid, consolePort));
    let text = "";
    const self: Stub = {
      domid,
      domain,
      gate,
      start,
      reads: true,
      printed() {
        take();
        return text;
      },
      type(typed) {
        for (const byte of new TextEncoder().encode(typed)) {
          const prod = page.getUint32(in_prod.offset);
          if ((prod - page.getUint32(in_cons.offset)) >>> 0 >= XENCONS_IN_SIZE)
            throw new Error("ring is full");
          page.setUint8(prod % XENCONS_IN_SIZE, byte);
          page.setUint32(in_prod.offset, (prod + 1) >>> 0);
        }
        evtchn.send(port);
      },
      detach() {
        evtchn.close(port);
        page.unmap();
      },
      end: () => domain.shutdown?.code,
    };
    const take = (): void => {
      if (!self.reads) return;
      const cons = page.getUint32(out_cons.offset);
      const filled = (page.getUint32(out_prod.offset) - cons) >>> 0;
      if (filled > XENCONS_OUT_SIZE) throw new Error(`the ring holds ${filled}`);
      const bytes = Uint8Array.from({ length: filled }, (_, i) =>
        page.getUint8(XENCONS_OUT_RING + ((cons + i) % XENCONS_OUT_SIZE)),
      );
      text += new TextDecoder().decode(bytes);
      page.setUint32(out_cons.offset, (cons + filled) >>> 0);
      if (filled > 0) evtchn.send(port);
    };
    evtchn.onEvent(port, take);
    must(domctl.setProgram(domid, miniOsProgram(gate, start, main)));
    must(domctl.unpause(domid));
    return self;
  }
  return { ...world, xs, stub };
}

export const SECOND = 1e9;
