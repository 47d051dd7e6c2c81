/**
 * The domains that xenstored answers: introduced by the toolstack, forgotten when they die. VIRQ_DOM_EXC says that one
 * of them shut down or died; both are told to the watchers of @releaseDomain.
 */
import { GNTTAB_RESERVED_XENSTORE } from "../abi/io/xs-wire.ts";
import { DOMID_0, Domid, Gref, type Mfn, type Port } from "../abi/types.ts";
import { VIRQ_DOM_EXC } from "../abi/xen.ts";
import { bug } from "../lib/absurd.ts";
import { bytesHeld, type Connection } from "./connection.ts";
import { Outbox } from "./outbox.ts";
import { ACK, no, type XsResult } from "./outcome.ts";
import { markIgnored, type Perms } from "./perms.ts";
import { DomainRing } from "./ring.ts";
import type { Node } from "./tree.ts";
import type { Xenstored } from "./xenstored.ts";

interface Introduced {
  readonly connection: Connection;
  readonly ring: DomainRing;
  /** Ours, bound to the guest's. */
  port: Port | undefined;
  /** Its shutdown has been told. */
  shutdown: boolean;
}

export interface DomainUsage {
  readonly nodes: number;
  readonly watches: number;
  readonly transactions: number;
  readonly outstanding: number;
  readonly memory: number;
}

export class Domains {
  readonly #xs: Xenstored;
  readonly #domains = new Map<Domid, Introduced>();
  /** Every domain that permissions may name, and the count of changes when xenstored first heard of it. */
  readonly #known = new Map<number, number>([[DOMID_0, 0]]);

  constructor(xs: Xenstored) {
    this.#xs = xs;
    const port = xs.gate.evtchn.bindVirq(VIRQ_DOM_EXC, 0);
    if (!port.ok) bug(`xenstored: VIRQ_DOM_EXC: ${port.errno}`);
    xs.gate.evtchn.onEvent(port.value, () => this.scan());
  }

  has(domid: Domid): boolean {
    return this.#domains.has(domid);
  }

  /** Is there such a domain, introduced or not? */
  knows(domid: number): boolean {
    if (this.#known.has(domid)) return true;
    if (!this.#xs.gate.domctl.getInfo(Domid(domid)).ok) return false;
    this.#known.set(domid, this.#xs.counter.generation);
    return true;
  }

  /** A node's permissions with those marked whose domain has gone, or is younger than what the node says. */
  settled({ perms, generation }: Node): Perms {
    if (perms.length === 1) return perms;
    return markIgnored(perms, (domid) => (this.#known.get(domid) ?? Number.POSITIVE_INFINITY) <= generation);
  }

  /** Permissions as somebody says them: entries for domains that are not there are marked. */
  settle(perms: Perms): Perms {
    return markIgnored(perms, (domid) => this.knows(domid));
  }

  /** What a domain uses up of its quotas; undefined: no such domain. */
  usage(domid: number): DomainUsage | undefined {
    if (!this.#known.has(domid)) return undefined;
    const { tree } = this.#xs;
    const conn = this.#domains.get(Domid(domid))?.connection;
    return {
      nodes: tree.ownedBy(domid),
      watches: conn?.watches.length ?? 0,
      transactions: conn?.transactions.size ?? 0,
      outstanding: conn?.outbox.answers ?? 0,
      memory: tree.bytesOf(domid) + (conn === undefined ? 0 : bytesHeld(conn)),
    };
  }

  introduce(domid: Domid, mfn: Mfn, remotePort: Port): XsResult {
    if (domid === DOMID_0) return no("EINVAL");
    const known = this.#domains.get(domid);
    if (known !== undefined) {
      this.#rebind(domid, known, remotePort);
      known.ring.open(known.connection);
      return ACK;
    }
    const { gate } = this.#xs;
    let frame = gate.gnttab.map(domid, Gref(GNTTAB_RESERVED_XENSTORE), "write");
    if (!frame.ok) frame = gate.memory.mapForeign(domid, mfn, "write");
    if (!frame.ok) return no("EINVAL");

    const outbox = new Outbox(this.#xs.quota.memory);
    const connection = this.#xs.connect(domid, outbox, () => made.ring.flush());
    const made: Introduced = {
      connection,
      ring: new DomainRing({
        frame: frame.value,
        notify: () => {
          if (made.port !== undefined) gate.evtchn.send(made.port);
        },
        request: (packet) => this.#xs.request(connection, packet),
        outstanding: () => this.#xs.quota.outstanding,
      }),
      port: undefined,
      shutdown: false,
    };
    if (!this.#rebind(domid, made, remotePort)) {
      this.#xs.disconnect(connection);
      made.ring.close();
      return no("EINVAL");
    }
    this.#domains.set(domid, made);
    this.knows(domid);
    made.ring.open(connection);
    this.#xs.fire("@introduceDomain", "exact");
    return ACK;
  }

  release(domid: Domid): boolean {
    const known = this.#domains.get(domid);
    if (known === undefined) return false;
    this.#domains.delete(domid);
    known.ring.close();
    if (known.port !== undefined) this.#xs.gate.evtchn.close(known.port);
    this.#xs.disconnect(known.connection);
    this.#forget(domid);
    this.#xs.fire("@releaseDomain", "exact");
    return true;
  }

  resume(domid: Domid): boolean {
    const known = this.#domains.get(domid);
    if (known !== undefined) known.shutdown = false;
    return known !== undefined;
  }

  setTarget(domid: Domid, target: Domid): boolean {
    const known = this.#domains.get(domid);
    if (known === undefined || !this.#domains.has(target)) return false;
    known.connection.target = target;
    return true;
  }

  /** Looks at every domain; VIRQ_DOM_EXC does not say which one changed. */
  scan(): void {
    this.#xs.gate.charge("wake", 1);
    let shutdowns = false;
    for (const [domid, known] of [...this.#domains]) {
      const info = this.#xs.gate.domctl.getInfo(domid);
      if (!info.ok || info.value.dying) {
        this.release(domid);
      } else if (info.value.shutdown && !known.shutdown) {
        known.shutdown = true;
        shutdowns = true;
      }
    }
    for (const domid of [...this.#known.keys()].map(Domid)) {
      if (domid === DOMID_0 || this.#domains.has(domid)) continue;
      if (!this.#xs.gate.domctl.getInfo(domid).ok) this.#forget(domid);
    }
    if (shutdowns) this.#xs.fire("@releaseDomain", "exact");
  }

  #forget(domid: Domid): void {
    this.#xs.forget(domid);
    this.#known.delete(domid);
  }

  #rebind(domid: Domid, known: Introduced, remotePort: Port): boolean {
    const { evtchn } = this.#xs.gate;
    if (known.port !== undefined) evtchn.close(known.port);
    known.port = undefined;
    const port = evtchn.bindInterdomain(domid, remotePort);
    if (!port.ok) return false;
    known.port = port.value;
    evtchn.onEvent(port.value, () => {
      this.#xs.gate.charge("wake", 1);
      known.ring.service();
    });
    return true;
  }
}
