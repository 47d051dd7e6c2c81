/**
 * Event channels of a domain: ports 1.. and what each is bound to (2-level ABI: bitmaps in shared_info).
 * bind.ts makes and closes channels, send.ts delivers, upcalls.ts wakes TypeScript programs.
 */
import { EVTCHN_2L_NR_CHANNELS } from "../../abi/event-channel.ts";
import type { Domid } from "../../abi/types.ts";
import { NR_VIRQS, VIRQ_DEBUG, VIRQ_TIMER, VIRQ_XENOPROF, VIRQ_XENPMU } from "../../abi/xen.ts";
import type { Domain } from "../domain/domain.ts";

/** A port in use; a closed one is undefined. `vcpu`: which one is told (`notify_vcpu_id`). */
export type Channel =
  | { readonly state: "unbound"; readonly remote: Domid; vcpu: number }
  | { readonly state: "interdomain"; readonly remote: Domain; readonly remotePort: number; vcpu: number }
  | { readonly state: "virq"; readonly virq: number; vcpu: number }
  | { readonly state: "ipi"; vcpu: number };

export interface DomainEvents {
  /** By port; 0 is never used. */
  readonly channels: (Channel | undefined)[];
  /** Highest port that may be used. */
  readonly maxPort: number;
  /** Port that a VIRQ is bound to, 0 = none: [vcpu * NR_VIRQS + virq]; global ones under vCPU 0. */
  readonly virqPorts: Uint16Array;
  /** No port below is free. */
  lowestFree: number;
}

export const createDomainEvents = (vcpus: number, maxPort: number): DomainEvents => ({
  channels: [undefined],
  maxPort: Math.max(1, Math.min(maxPort, EVTCHN_2L_NR_CHANNELS - 1)),
  virqPorts: new Uint16Array(vcpus * NR_VIRQS),
  lowestFree: 1,
});

/** `virq_is_global` */
export const virqIsGlobal = (virq: number): boolean =>
  virq !== VIRQ_TIMER && virq !== VIRQ_DEBUG && virq !== VIRQ_XENOPROF && virq !== VIRQ_XENPMU;

/** `port_is_valid`: has ever been within what the domain allocated, or could be. */
export const isValidPort = (events: DomainEvents, port: number): boolean =>
  port >= 0 && port < Math.max(events.channels.length, 64) && port <= events.maxPort;

/** Lowest free port; undefined when all are taken. */
export function freePort(events: DomainEvents): number | undefined {
  let port = events.lowestFree;
  while (port <= events.maxPort && events.channels[port] !== undefined) port++;
  if (port > events.maxPort) return undefined;
  return port;
}

export function putChannel(events: DomainEvents, port: number, channel: Channel): void {
  while (events.channels.length <= port) events.channels.push(undefined);
  events.channels[port] = channel;
  if (port === events.lowestFree) events.lowestFree = port + 1;
}

export function dropChannel(events: DomainEvents, port: number): void {
  events.channels[port] = undefined;
  if (port < events.lowestFree) events.lowestFree = port;
}
