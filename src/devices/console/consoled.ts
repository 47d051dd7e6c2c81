/**
 * xenconsoled: finds the consoles that the toolstack describes in xenstore, and serves them.
 *
 *   const consoled = new Consoled({ gate, clock, xs, open, ttyOf });
 *   consoled.input(domid, bytes)          keys for a guest
 *   consoled.service(domid)               its sink has room again
 *
 * A console is `/local/domain/N/console` with `ring-ref` and `port` (and `type` xenconsoled). It ends when those nodes
 * are removed or the domain dies; what the guest printed until then is taken first.
 */

import type { Gate } from "../../abi/hypercall.ts";
import { GNTTAB_RESERVED_CONSOLE } from "../../abi/io/console.ts";
import { Domid, Gref, Mfn, Port } from "../../abi/types.ts";
import { Nanos } from "../../lib/brand.ts";
import type { Clock } from "../../lib/clock.ts";
import type { XsClient, XsWatch } from "../../xenstore/client/client.ts";
import { ConsoleBack, type ConsoleSink } from "./back.ts";

/**
 * A guest that prints in small pieces sends an event for each. Answered one by one, they would cost it an interrupt and a
 * thread switch per piece (measured with Linux: 8,600 instructions); so a console that was just served waits a little, as
 * it does on a real machine for xenconsoled to be scheduled.
 */
const PAUSE_NANOS = 1_000_000;

export interface ConsoledOptions {
  readonly gate: Gate;
  readonly clock: Clock;
  readonly xs: XsClient;
  /** A console has come up: says where its output goes. `name`: the domain's, for its log. */
  readonly open: (domid: Domid, name: string) => ConsoleSink;
  /** What `console/tty` says: how a client finds the console. */
  readonly ttyOf: (domid: Domid) => string;
}

interface Served {
  readonly domid: Domid;
  readonly watch: XsWatch;
  console: { readonly back: ConsoleBack; readonly port: Port; readonly place: string } | undefined;
}

export class Consoled {
  readonly #options: ConsoledOptions;
  readonly #domains = new Map<Domid, Served>();

  constructor(options: ConsoledOptions) {
    this.#options = options;
    options.xs.watch("@introduceDomain", () => this.#enumerate());
    options.xs.watch("@releaseDomain", () => this.#enumerate());
  }

  /** False: it has no console. */
  input(domid: Domid, bytes: Uint8Array): boolean {
    const back = this.#domains.get(domid)?.console?.back;
    back?.input(bytes);
    return back !== undefined;
  }

  service(domid: Domid): void {
    this.#domains.get(domid)?.console?.back.service();
  }

  #enumerate(): void {
    const { gate, xs } = this.#options;
    gate.charge("wake", 1);
    const alive = new Set<Domid>();
    for (const info of gate.domctl.listInfo(Domid(1))) {
      if (info.dying) continue;
      alive.add(info.domid);
      if (this.#domains.has(info.domid)) continue;
      const domid = info.domid;
      const watch = xs.watch(`/local/domain/${domid}/console`, () => this.#look(domid));
      this.#domains.set(domid, { domid, watch, console: undefined });
    }
    for (const served of [...this.#domains.values()]) {
      if (alive.has(served.domid)) continue;
      this.#close(served);
      served.watch.cancel();
      this.#domains.delete(served.domid);
    }
  }

  /** Something under the domain's `console` changed. */
  #look(domid: Domid): void {
    const served = this.#domains.get(domid);
    if (served === undefined) return;
    const { xs } = this.#options;
    const at = `/local/domain/${domid}/console`;
    const ringRef = xs.read(`${at}/ring-ref`);
    const port = xs.read(`${at}/port`);
    const type = xs.read(`${at}/type`) ?? "xenconsoled";
    if (ringRef === undefined || port === undefined || type !== "xenconsoled") {
      this.#close(served);
      return;
    }
    const place = `${ringRef} ${port}`;
    if (served.console?.place === place) return;
    this.#close(served);
    this.#serve(served, Mfn(Number(ringRef)), Port(Number(port)), place);
  }

  #serve(served: Served, mfn: Mfn, remotePort: Port, place: string): void {
    const { gate, xs, clock, open, ttyOf } = this.#options;
    const { domid } = served;
    let frame = gate.gnttab.map(domid, Gref(GNTTAB_RESERVED_CONSOLE), "write");
    if (!frame.ok) frame = gate.memory.mapForeign(domid, mfn, "write");
    if (!frame.ok) return;
    const bound = gate.evtchn.bindInterdomain(domid, remotePort);
    if (!bound.ok) {
      frame.value.unmap();
      return;
    }
    const port = bound.value;
    const back = new ConsoleBack({
      frame: frame.value,
      notify: () => void gate.evtchn.send(port),
      sink: open(domid, xs.read(`/local/domain/${domid}/name`) ?? String(domid)),
      charge: (bytes) => gate.charge("byte", bytes),
    });
    served.console = { back, port, place };
    let servedAt = Number.NEGATIVE_INFINITY;
    let waiting = false;
    const serve = (): void => {
      waiting = false;
      servedAt = clock.now();
      gate.charge("wake", 1);
      back.service();
    };
    gate.evtchn.onEvent(port, () => {
      if (waiting) return;
      const due = servedAt + PAUSE_NANOS;
      if (clock.now() >= due) {
        serve();
        return;
      }
      waiting = true;
      clock.at(Nanos(due), serve);
    });
    xs.write(`/local/domain/${domid}/console/tty`, ttyOf(domid));
    back.service();
  }

  #close(served: Served): void {
    if (served.console === undefined) return;
    this.#options.gate.evtchn.close(served.console.port);
    served.console.back.close();
    served.console = undefined;
  }
}
