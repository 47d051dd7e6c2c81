/** Event channels for TypeScript domains: bind.ts and send.ts without registers. */
import type { EvtchnCalls } from "../../abi/hypercall.ts";
import type { Domain } from "../domain/domain.ts";
import type { Machine } from "../machine.ts";
import { chargeDomain } from "../time/cost-table.ts";
import {
  allocUnbound,
  bindInterdomain,
  bindIpi,
  bindVirq,
  closePort,
  portStatus,
  resetPorts,
} from "./bind.ts";
import { sendEvent, unmaskPort } from "./send.ts";
import { setHandler } from "./upcalls.ts";

export function evtchnCalls(machine: Machine, caller: Domain): EvtchnCalls {
  const charge = (): void => chargeDomain(machine, caller, "hypercall");
  return {
    allocUnbound(dom, remote) {
      charge();
      return allocUnbound(machine, caller, dom, remote);
    },
    bindInterdomain(remote, remotePort) {
      charge();
      return bindInterdomain(machine, caller, remote, remotePort);
    },
    bindVirq(virq, vcpu) {
      charge();
      return bindVirq(caller, virq, vcpu);
    },
    bindIpi(vcpu) {
      charge();
      return bindIpi(caller, vcpu);
    },
    close(port) {
      charge();
      return closePort(machine, caller, port);
    },
    send(port) {
      charge();
      return sendEvent(machine, caller, port);
    },
    unmask(port) {
      charge();
      return unmaskPort(machine, caller, port);
    },
    status(dom, port) {
      charge();
      return portStatus(machine, caller, dom, port);
    },
    reset(dom) {
      charge();
      return resetPorts(machine, caller, dom);
    },
    onEvent(port, handler) {
      setHandler(machine, caller, port, handler);
    },
  };
}
