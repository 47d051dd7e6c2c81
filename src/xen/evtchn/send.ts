/**
 * Delivery (xen/common/event_2l.c): pending bit, selector, upcall flag, wake-up.
 * The bits are the guest's memory: each is read and written once, and nothing here trusts what they say.
 */
import type { XenResult } from "../../abi/errno.ts";
import { done, refuse } from "../../abi/errno.ts";
import { NR_VIRQS, SHARED_INFO_EVTCHN_MASK, SHARED_INFO_EVTCHN_PENDING } from "../../abi/xen.ts";
import type { Domain, Vcpu } from "../domain/domain.ts";
import type { Machine } from "../machine.ts";
import { kickVcpu, unblockVcpu } from "../sched/wake.ts";
import { isValidPort } from "./channel.ts";
import { notifyProgram } from "./upcalls.ts";

/** vcpu_info: where in it. */
const PENDING = 0;
const PENDING_SEL = 8;

/** EVTCHNOP_send */
export function sendEvent(machine: Machine, domain: Domain, port: number): XenResult {
  const channel = domain.events.channels[port];
  if (channel === undefined) return refuse("EINVAL");
  switch (channel.state) {
    case "interdomain": {
      const remote = channel.remote.events.channels[channel.remotePort];
      if (remote !== undefined) setPending(machine, channel.remote, channel.remotePort, remote.vcpu);
      return done;
    }
    case "ipi":
      setPending(machine, domain, port, channel.vcpu);
      return done;
    case "unbound": // the other end does not exist yet: nobody hears it
      return done;
    case "virq":
      return refuse("EINVAL");
  }
}

/** `send_guest_vcpu_virq` */
export function sendGuestVcpuVirq(machine: Machine, vcpu: Vcpu, virq: number): void {
  const port = vcpu.domain.events.virqPorts[vcpu.id * NR_VIRQS + virq];
  if (port !== undefined && port !== 0) setPending(machine, vcpu.domain, port, vcpu.id);
}

/** `send_guest_global_virq`: dom0's alone are sent so. */
export function sendGuestGlobalVirq(machine: Machine, domain: Domain, virq: number): void {
  const port = domain.events.virqPorts[virq];
  if (port === undefined || port === 0) return;
  setPending(machine, domain, port, domain.events.channels[port]?.vcpu ?? 0);
}

/** `evtchn_port_set_pending` */
export function setPending(machine: Machine, domain: Domain, port: number, vcpuId: number): void {
  if (domain.dying) return;
  const page = domain.sharedInfo;
  if (page === undefined || domain.program) {
    notifyProgram(machine, domain, port);
    return;
  }
  const u32 = machine.engine.mem.u32;
  const bit = 1 << (port & 31);
  const pending = ((page.address + SHARED_INFO_EVTCHN_PENDING) >>> 2) + (port >>> 5);
  const before = u32[pending] as number;
  if ((before & bit) !== 0) return;
  u32[pending] = before | bit;
  const vcpu = domain.vcpus[vcpuId];
  if (vcpu === undefined) return;
  const mask = u32[((page.address + SHARED_INFO_EVTCHN_MASK) >>> 2) + (port >>> 5)] as number;
  if ((mask & bit) === 0) select(machine, vcpu, port);
  wakePollers(machine, domain, port);
}

/** EVTCHNOP_unmask */
export function unmaskPort(machine: Machine, domain: Domain, port: number): XenResult {
  const channel = domain.events.channels[port];
  const page = domain.sharedInfo;
  if (!isValidPort(domain.events, port)) return refuse("EINVAL");
  const vcpu = domain.vcpus[channel?.vcpu ?? 0];
  if (page === undefined || vcpu === undefined) return done;
  const u32 = machine.engine.mem.u32;
  const bit = 1 << (port & 31);
  const mask = ((page.address + SHARED_INFO_EVTCHN_MASK) >>> 2) + (port >>> 5);
  const masked = u32[mask] as number;
  if ((masked & bit) === 0) return done;
  u32[mask] = masked & ~bit;
  const pending = u32[((page.address + SHARED_INFO_EVTCHN_PENDING) >>> 2) + (port >>> 5)] as number;
  if ((pending & bit) !== 0) select(machine, vcpu, port);
  return done;
}

/** Sets the selector's bit and, if it was clear, the upcall flag. */
function select(machine: Machine, vcpu: Vcpu, port: number): void {
  if (vcpu.infoAddress === 0) return;
  const u32 = machine.engine.mem.u32;
  const word = port >>> 6;
  const at = ((vcpu.infoAddress + PENDING_SEL) >>> 2) + (word >>> 5);
  const bit = 1 << (word & 31);
  const before = u32[at] as number;
  if ((before & bit) !== 0) return;
  u32[at] = before | bit;
  markEventsPending(machine, vcpu);
}

/** `vcpu_mark_events_pending` */
export function markEventsPending(machine: Machine, vcpu: Vcpu): void {
  const { u8 } = machine.engine.mem;
  if (u8[vcpu.infoAddress + PENDING] !== 0) return;
  u8[vcpu.infoAddress + PENDING] = 1;
  kickVcpu(machine, vcpu);
}

/** `local_events_need_delivery` */
export function eventsNeedDelivery(machine: Machine, vcpu: Vcpu): boolean {
  const at = vcpu.infoAddress;
  if (at === 0) return false;
  const { u8 } = machine.engine.mem;
  return u8[at] !== 0 && u8[at + 1] === 0;
}

export function isPending(machine: Machine, domain: Domain, port: number): boolean {
  const page = domain.sharedInfo;
  if (page === undefined) return domain.upcalls.pending.has(port);
  const word = machine.engine.mem.u32[
    ((page.address + SHARED_INFO_EVTCHN_PENDING) >>> 2) + (port >>> 5)
  ] as number;
  return (word & (1 << (port & 31))) !== 0;
}

export function clearPending(machine: Machine, domain: Domain, port: number): void {
  domain.upcalls.pending.delete(port);
  const page = domain.sharedInfo;
  if (page === undefined) return;
  const u32 = machine.engine.mem.u32;
  const at = ((page.address + SHARED_INFO_EVTCHN_PENDING) >>> 2) + (port >>> 5);
  u32[at] = (u32[at] as number) & ~(1 << (port & 31));
}

/** `evtchn_check_pollers`: SCHEDOP_poll hears of a port even while it is masked. */
function wakePollers(machine: Machine, domain: Domain, port: number): void {
  for (const vcpu of domain.vcpus) {
    if (vcpu.pollPort === 0) continue;
    if (vcpu.pollPort < 0 || vcpu.pollPort === port) unblockVcpu(machine, vcpu);
  }
}
