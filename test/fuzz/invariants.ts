/**
 * What must hold between any two hypercalls, derived anew from page tables and records:
 *
 *   frames     every count and type is exactly what tables, pins, bases, descriptor tables, vcpu_info, grants and mappings justify
 *   isolation  no table maps a frame that is neither its domain's nor granted to it, Xen's slots hold Xen's entry alone
 *   events     channels come in matching pairs, VIRQs point at their ports
 *   grants     an entry's uses are those that the maptracks and TypeScript's mappings count
 *   timers     what is armed is what vCPUs, watchdogs, dying domains and the scheduler hold, each once
 */
import { FIRST_XEN_SLOT, LAST_XEN_SLOT } from "../../src/abi/mmu.ts";
import { DOMID_XEN } from "../../src/abi/types.ts";
import { NR_VIRQS } from "../../src/abi/xen.ts";
import type { Timer } from "../../src/lib/clock.ts";
import type { Domain } from "../../src/xen/domain/domain.ts";
import { virqIsGlobal } from "../../src/xen/evtchn/channel.ts";
import type { Machine } from "../../src/xen/machine.ts";
import {
  COUNT,
  OWNER_MASK,
  PGF_ALLOCATED,
  PGF_PINNED,
  PGF_VALIDATED,
  PGF_XEN_HEAP,
  PGT_l1,
  PGT_l4,
  PGT_writable,
  TYPE_COUNT,
  TYPE_MASK,
  TYPE_SHIFT,
} from "../../src/xen/memory/frame-table.ts";
import { users } from "./grant-users.ts";

/** The first thing that is wrong, or undefined. */
export function findFault(machine: Machine): string | undefined {
  return frameFault(machine) ?? eventFault(machine) ?? grantFault(machine) ?? timerFault(machine);
}

const typeName = ["none", "l1", "l2", "l3", "l4", "segdesc", "6", "writable"];

function frameFault(machine: Machine): string | undefined {
  const { frames, engine } = machine;
  const { info, total } = frames;
  const { mem } = engine;
  const count = new Int32Array(total);
  const typed = new Int32Array(total);
  const wanted = new Int8Array(total).fill(-1);
  let fault: string | undefined;
  const say = (text: string): void => {
    fault ??= text;
  };
  const take = (mfn: number, type: number, why: string): void => {
    if (mfn >= total) {
      say(`${why}: frame ${mfn.toString(16)} does not exist`);
      return;
    }
    count[mfn] = (count[mfn] as number) + 1;
    if (type === 0) return;
    typed[mfn] = (typed[mfn] as number) + 1;
    if (wanted[mfn] !== -1 && wanted[mfn] !== type) {
      say(
        `${why}: frame ${mfn.toString(16)} is used as ${typeName[type]} and as ${typeName[wanted[mfn] as number]}`,
      );
    }
    wanted[mfn] = type;
  };
  const pages = new Map<number, number>();
  const heap = new Map<number, number>();
  let used = 0;
  for (let mfn = 0; mfn < total; mfn++) {
    if (info[(mfn << 2) + COUNT] === 0) continue;
    used++;
    const meta = info[mfn << 2] as number;
    const owner = meta & OWNER_MASK;
    const type = (meta & TYPE_MASK) >> TYPE_SHIFT;
    if (owner === DOMID_XEN) {
      count[mfn] = info[(mfn << 2) + COUNT] as number;
      typed[mfn] = info[(mfn << 2) + TYPE_COUNT] as number;
      continue;
    }
    const domain = machine.domains.get(owner as never);
    if (domain === undefined) {
      say(`frame ${mfn.toString(16)} belongs to d${owner}, which is gone`);
      continue;
    }
    if (meta & PGF_XEN_HEAP) heap.set(owner, (heap.get(owner) ?? 0) + 1);
    else pages.set(owner, (pages.get(owner) ?? 0) + 1);
    if (meta & PGF_ALLOCATED) take(mfn, meta & PGF_XEN_HEAP ? PGT_writable : 0, "allocation");
    if (meta & PGF_PINNED) take(mfn, type, "pin");
    if (type < PGT_l1 || type > PGT_l4 || (meta & PGF_VALIDATED) === 0) continue;
    if (info[(mfn << 2) + TYPE_COUNT] === 0) say(`table ${mfn.toString(16)} is validated and nobody's`);
    const base = mem.readAddress(mfn) >>> 2;
    for (let slot = 0; slot < 512; slot++) {
      const low = mem.u32[base + slot * 2] as number;
      const high = mem.u32[base + slot * 2 + 1] as number;
      if (type === PGT_l4 && slot >= FIRST_XEN_SLOT && slot <= LAST_XEN_SLOT) {
        const right = slot === FIRST_XEN_SLOT ? ((frames.xenL3 << 12) | 0x25) >>> 0 : 0;
        if (low !== right || high !== 0)
          say(`L4 ${mfn.toString(16)} slot ${slot} is ${high.toString(16)}:${low.toString(16)}`);
        continue;
      }
      if ((low & 1) === 0) continue;
      const to = ((low >>> 12) | ((high & 0xf_ffff) << 20)) >>> 0;
      const where = `${typeName[type]} ${mfn.toString(16)} slot ${slot}`;
      if (type === PGT_l1) {
        take(to, low & 2 ? PGT_writable : 0, where);
        if (to < total && frames.owner(to) !== owner && !isGranted(domain, to)) {
          say(`${where} maps frame ${to.toString(16)} of d${frames.owner(to)}`);
        }
        continue;
      }
      if (low & 0x80) say(`${where} is a superpage`);
      if (to === mfn) {
        if (low & 2) say(`${where} maps itself writable`);
        continue;
      }
      const below = ((info[to << 2] as number) & TYPE_MASK) >> TYPE_SHIFT;
      if (frames.owner(to) !== owner) say(`${where} points at a frame of d${frames.owner(to)}`);
      if (below === type && low & 2) say(`${where} maps a table of its level writable`);
      if (below !== type && below !== type - 1) say(`${where} points at a frame of type ${typeName[below]}`);
      take(to, below, where);
    }
  }
  for (const domain of machine.domains.values())
    domainUses(domain, (mfn) => ((info[mfn << 2] as number) & TYPE_MASK) >> TYPE_SHIFT, take);
  for (let mfn = 0; mfn < total; mfn++) {
    const has = info[(mfn << 2) + COUNT] as number;
    const hasTyped = info[(mfn << 2) + TYPE_COUNT] as number;
    const meta = info[mfn << 2] as number;
    if (has !== count[mfn])
      say(`frame ${mfn.toString(16)} (${meta.toString(16)}): count ${has}, justified ${count[mfn]}`);
    if (hasTyped !== typed[mfn])
      say(
        `frame ${mfn.toString(16)} (${meta.toString(16)}): type count ${hasTyped}, justified ${typed[mfn]}`,
      );
    const type = (meta & TYPE_MASK) >> TYPE_SHIFT;
    if (hasTyped > 0 && wanted[mfn] !== -1 && wanted[mfn] !== type)
      say(`frame ${mfn.toString(16)} is ${typeName[type]}, used as ${typeName[wanted[mfn] as number]}`);
  }
  for (const domain of machine.domains.values()) {
    const owned = pages.get(domain.domid) ?? 0;
    if (owned !== domain.memory.totPages)
      say(`d${domain.domid} owns ${owned} pages, its record says ${domain.memory.totPages}`);
  }
  for (const domain of machine.domains.values()) {
    const owned = heap.get(domain.domid) ?? 0;
    if (owned !== domain.memory.heapPages)
      say(`d${domain.domid} has ${owned} of Xen's frames, its record says ${domain.memory.heapPages}`);
  }
  if (frames.freePages() !== total - used)
    say(`${frames.freePages()} frames are free, ${total - used} are nobody's`);
  return fault;
}

const isGranted = (domain: Domain, mfn: number): boolean =>
  domain.grants.maptrack.some((mapping) => mapping?.granter.grants.active.get(mapping.ref)?.mfn === mfn);

function domainUses(
  domain: Domain,
  typeOf: (mfn: number) => number,
  take: (mfn: number, type: number, why: string) => void,
): void {
  const name = `d${domain.domid}`;
  for (const vcpu of domain.vcpus) {
    if (vcpu.guestTable !== 0) take(vcpu.guestTable, PGT_l4, `${name} base`);
    if (vcpu.guestTableUser !== 0) take(vcpu.guestTableUser, PGT_l4, `${name} user base`);
    for (const mfn of vcpu.gdtFrames) take(mfn, 5, `${name} gdt`);
    if (vcpu.infoFrame !== 0) take(vcpu.infoFrame, PGT_writable, `${name} vcpu_info`);
  }
  for (const pages of domain.memory.ldtFrames.values())
    for (const mfn of pages.values()) take(mfn, 5, `${name} ldt`);
  for (const mfn of [...domain.memory.prepared, ...domain.memory.releasing])
    take(mfn, typeOf(mfn), `${name} in steps`);
  for (const held of domain.memory.held) {
    const { mfn } = held as unknown as { mfn: number };
    take(mfn, held.writable ? PGT_writable : 0, `${name} mapping`);
  }
  for (const { mapping } of users(domain)) {
    const mfn = mapping.granter.grants.active.get(mapping.ref)?.mfn;
    if (mfn !== undefined && mapping.flags & 1)
      take(mfn, mapping.flags & 4 ? 0 : PGT_writable, `${name} device mapping`);
  }
}

function eventFault(machine: Machine): string | undefined {
  for (const domain of machine.domains.values()) {
    const { channels, virqPorts, lowestFree, maxPort } = domain.events;
    if (channels.length > maxPort + 1) return `d${domain.domid} has ${channels.length} ports`;
    for (let port = 1; port < lowestFree; port++)
      if (channels[port] === undefined) return `d${domain.domid} port ${port} is free below ${lowestFree}`;
    for (const [port, channel] of channels.entries()) {
      if (channel === undefined) continue;
      const where = `d${domain.domid} port ${port}`;
      if (channel.vcpu !== 0 && domain.vcpus[channel.vcpu] === undefined)
        return `${where}: no vCPU ${channel.vcpu}`;
      if (channel.state === "interdomain") {
        const other = channel.remote.events.channels[channel.remotePort];
        if (other?.state !== "interdomain" || other.remote !== domain || other.remotePort !== port)
          return `${where}: the other end does not know it`;
      }
      if (channel.state === "virq") {
        const at = (virqIsGlobal(channel.virq) ? 0 : channel.vcpu) * NR_VIRQS + channel.virq;
        if (virqPorts[at] !== port) return `${where}: its VIRQ is bound to port ${virqPorts[at]}`;
      }
    }
    for (const [at, port] of virqPorts.entries()) {
      const channel = channels[port];
      if (port !== 0 && (channel?.state !== "virq" || channel.virq !== at % NR_VIRQS))
        return `d${domain.domid} VIRQ ${at}: port ${port} is none of it`;
    }
  }
  return undefined;
}

function grantFault(machine: Machine): string | undefined {
  const expected = new Map<
    object,
    { hostRead: number; hostWrite: number; deviceRead: number; deviceWrite: number }
  >();
  for (const domain of machine.domains.values()) {
    const free = new Set(domain.grants.freeHandles);
    if (free.size !== domain.grants.freeHandles.length) return `d${domain.domid} has a free handle twice`;
    for (const [handle, mapping] of domain.grants.maptrack.entries())
      if ((mapping === undefined) !== free.has(handle)) return `d${domain.domid} handle ${handle} is lost`;
    for (const { mapping } of users(domain)) {
      const grant = mapping.granter.grants.active.get(mapping.ref);
      if (grant === undefined) return `d${domain.domid} maps a grant of d${mapping.domid} that is not active`;
      const uses = expected.get(grant) ?? { hostRead: 0, hostWrite: 0, deviceRead: 0, deviceWrite: 0 };
      const readonly = (mapping.flags & 4) !== 0;
      if (mapping.flags & 2) uses[readonly ? "hostRead" : "hostWrite"]++;
      if (mapping.flags & 1) uses[readonly ? "deviceRead" : "deviceWrite"]++;
      expected.set(grant, uses);
    }
  }
  for (const domain of machine.domains.values()) {
    for (const [ref, grant] of domain.grants.active) {
      const uses = expected.get(grant);
      for (const use of ["hostRead", "hostWrite", "deviceRead", "deviceWrite"] as const)
        if (grant[use] !== (uses?.[use] ?? 0))
          return `d${domain.domid} grant ${ref}: ${use} ${grant[use]}, justified ${uses?.[use] ?? 0}`;
    }
  }
  return undefined;
}

/** The scheduler has one timer at most: the end of its accounting period. */
const SCHEDULER_TIMERS = 1;

function timerFault(machine: Machine): string | undefined {
  const held = new Set<object>();
  /** Of dying domains and watchdogs of those that have shut down: they may be armed, or have fired. */
  let perhaps = SCHEDULER_TIMERS;
  for (const domain of machine.domains.values()) {
    const { domid, vcpus, watchdogs } = domain;
    if (domain.dying) perhaps++;
    for (const { timers, blocked, id } of vcpus)
      if (timers.poll !== undefined && !blocked) return `d${domid}v${id} does not poll and has a timeout`;
    const own: (Timer | undefined)[] = vcpus.flatMap(({ timers }) => [
      timers.singleshot,
      timers.periodic,
      timers.poll,
    ]);
    if (domain.shutdown !== undefined) perhaps += watchdogs.length;
    else own.push(...watchdogs);
    for (const timer of own) {
      if (timer === undefined) continue;
      if (domain.dying) return `d${domid} is dying and has a timer at ${timer.when}`;
      if (held.has(timer)) return `d${domid} holds a timer that somebody else holds`;
      held.add(timer);
    }
  }
  const armed = machine.time.timers.armed().length;
  return armed < held.size || armed > held.size + perhaps
    ? `${armed} timers are armed, ${held.size} are held, ${perhaps} more may be`
    : undefined;
}
