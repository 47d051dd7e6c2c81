/** Making and closing channels (xen/common/event_channel.c). Both doors come here; answers are Xen's. */
import type { XenResult } from "../../abi/errno.ts";
import { done, ok, refuse } from "../../abi/errno.ts";
import {
  EVTCHNSTAT_closed,
  EVTCHNSTAT_interdomain,
  EVTCHNSTAT_ipi,
  EVTCHNSTAT_unbound,
  EVTCHNSTAT_virq,
} from "../../abi/event-channel.ts";
import type { PortStatus } from "../../abi/hypercall.ts";
import { DOMID_SELF, type Domid, Port } from "../../abi/types.ts";
import { NR_VIRQS } from "../../abi/xen.ts";
import { absurd } from "../../lib/absurd.ts";
import type { Domain } from "../domain/domain.ts";
import { findDomain } from "../domain/find.ts";
import type { Machine } from "../machine.ts";
import { mayActOn } from "../memory/privilege.ts";
import { type Channel, dropChannel, freePort, isValidPort, putChannel, virqIsGlobal } from "./channel.ts";
import { clearPending, setPending } from "./send.ts";

/** EVTCHNOP_alloc_unbound. ESRCH, EPERM, ENOSPC. */
export function allocUnbound(
  machine: Machine,
  caller: Domain,
  dom: Domid,
  remoteDom: Domid,
): XenResult<Port> {
  const domain = findDomain(machine, caller, dom);
  if (domain === undefined) return refuse("ESRCH");
  if (!mayActOn(caller, domain)) return refuse("EPERM");
  const remote = remoteDom === DOMID_SELF ? caller.domid : remoteDom;
  return make(domain, { state: "unbound", remote, vcpu: 0 });
}

/** EVTCHNOP_bind_interdomain. ESRCH; EINVAL: no such port, or it waits for somebody else; ENOSPC. */
export function bindInterdomain(
  machine: Machine,
  local: Domain,
  dom: Domid,
  remotePort: number,
): XenResult<Port> {
  const remote = findDomain(machine, local, dom);
  if (remote === undefined) return refuse("ESRCH");
  const port = freePort(local.events);
  if (port === undefined) return refuse("ENOSPC");
  const theirs = remote.events.channels[remotePort];
  if (theirs?.state !== "unbound" || theirs.remote !== local.domid) return refuse("EINVAL");
  putChannel(local.events, port, { state: "interdomain", remote, remotePort, vcpu: 0 });
  putChannel(remote.events, remotePort, {
    state: "interdomain",
    remote: local,
    remotePort: port,
    vcpu: theirs.vcpu,
  });
  // Notifications may have been lost while the other end was unbound.
  setPending(machine, local, port, 0);
  return ok(Port(port));
}

/** EVTCHNOP_bind_virq. EINVAL: no such VIRQ, or a global one on another vCPU than 0; ENOENT, EEXIST, ENOSPC. */
export function bindVirq(domain: Domain, virq: number, vcpuId: number): XenResult<Port> {
  if (virq >= NR_VIRQS) return refuse("EINVAL");
  if (virqIsGlobal(virq) && vcpuId !== 0) return refuse("EINVAL");
  const vcpu = domain.vcpus[vcpuId];
  if (vcpu === undefined) return refuse("ENOENT");
  const at = vcpuId * NR_VIRQS + virq;
  if (domain.events.virqPorts[at] !== 0) return refuse("EEXIST");
  const made = make(domain, { state: "virq", virq, vcpu: vcpuId });
  if (made.ok) domain.events.virqPorts[at] = made.value;
  return made;
}

/** EVTCHNOP_bind_ipi. ENOENT, ENOSPC. */
export function bindIpi(domain: Domain, vcpuId: number): XenResult<Port> {
  if (domain.vcpus[vcpuId] === undefined) return refuse("ENOENT");
  return make(domain, { state: "ipi", vcpu: vcpuId });
}

/** EVTCHNOP_bind_vcpu. ENOENT; EINVAL: per-vCPU VIRQs and IPIs stay where they were bound. */
export function bindVcpu(domain: Domain, port: number, vcpuId: number): XenResult {
  if (domain.vcpus[vcpuId] === undefined) return refuse("ENOENT");
  const channel = domain.events.channels[port];
  if (channel === undefined || channel.state === "ipi") return refuse("EINVAL");
  if (channel.state === "virq" && !virqIsGlobal(channel.virq)) return refuse("EINVAL");
  channel.vcpu = vcpuId;
  return done;
}

/** EVTCHNOP_close. EINVAL: not open. */
export function closePort(machine: Machine, domain: Domain, port: number): XenResult {
  const channel = domain.events.channels[port];
  if (channel === undefined) return refuse("EINVAL");
  switch (channel.state) {
    case "unbound":
    case "ipi":
      break;
    case "virq": {
      const owner = virqIsGlobal(channel.virq) ? 0 : channel.vcpu;
      domain.events.virqPorts[owner * NR_VIRQS + channel.virq] = 0;
      break;
    }
    case "interdomain": {
      const { remote, remotePort } = channel;
      const theirs = remote.events.channels[remotePort];
      putChannel(remote.events, remotePort, {
        state: "unbound",
        remote: domain.domid,
        vcpu: theirs?.vcpu ?? 0,
      });
      break;
    }
    default:
      return absurd(channel);
  }
  clearPending(machine, domain, port);
  domain.upcalls.handlers.delete(port);
  dropChannel(domain.events, port);
  return done;
}

/** EVTCHNOP_reset. ESRCH, EPERM; EINVAL: another's that is not paused. */
export function resetPorts(machine: Machine, caller: Domain, dom: Domid): XenResult {
  const domain = findDomain(machine, caller, dom);
  if (domain === undefined) return refuse("ESRCH");
  if (!mayActOn(caller, domain)) return refuse("EPERM");
  if (domain !== caller && domain.pauseCount === 0) return refuse("EINVAL");
  closeAllPorts(machine, domain);
  return done;
}

/** A domain's death. */
export function closeAllPorts(machine: Machine, domain: Domain): void {
  for (let port = 1; port < domain.events.channels.length; port++) closePort(machine, domain, port);
}

/** EVTCHNOP_status. ESRCH, EPERM, EINVAL. */
export function portStatus(
  machine: Machine,
  caller: Domain,
  dom: Domid,
  port: number,
): XenResult<PortStatus> {
  const domain = findDomain(machine, caller, dom);
  if (domain === undefined) return refuse("ESRCH");
  if (!isValidPort(domain.events, port)) return refuse("EINVAL");
  if (!mayActOn(caller, domain)) return refuse("EPERM");
  const channel = domain.events.channels[port];
  if (channel === undefined) return ok({ status: EVTCHNSTAT_closed, vcpu: 0 });
  const { vcpu } = channel;
  switch (channel.state) {
    case "unbound":
      return ok({ status: EVTCHNSTAT_unbound, vcpu, dom: channel.remote });
    case "interdomain":
      return ok({
        status: EVTCHNSTAT_interdomain,
        vcpu,
        dom: channel.remote.domid,
        port: channel.remotePort,
      });
    case "virq":
      return ok({ status: EVTCHNSTAT_virq, vcpu, virq: channel.virq });
    case "ipi":
      return ok({ status: EVTCHNSTAT_ipi, vcpu });
    default:
      return absurd(channel);
  }
}

function make(domain: Domain, channel: Channel): XenResult<Port> {
  const port = freePort(domain.events);
  if (port === undefined) return refuse("ENOSPC");
  putChannel(domain.events, port, channel);
  return ok(Port(port));
}
