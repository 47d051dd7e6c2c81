/** `event_channel_op`: the guest's door to bind.ts and send.ts, as a table by command. */
import type { XenResult } from "../../abi/errno.ts";
import * as abi from "../../abi/event-channel.ts";
import { Domid } from "../../abi/types.ts";
import { argument, copyBack, minus } from "../hypercall/argument.ts";
import type { Call, CallResult, Handler } from "../hypercall/context.ts";
import {
  allocUnbound,
  bindInterdomain,
  bindIpi,
  bindVcpu,
  bindVirq,
  closePort,
  portStatus,
  resetPorts,
} from "./bind.ts";
import { sendEvent, unmaskPort } from "./send.ts";

const code = (result: XenResult): CallResult => (result.ok ? 0 : minus(result.errno));

/** Writes the port that was made into the argument. */
function answerPort(
  call: Call,
  result: XenResult<number>,
  view: DataView,
  field: { offset: number },
): CallResult {
  if (!result.ok) return minus(result.errno);
  view.setUint32(field.offset, result.value, true);
  return copyBack(call, 1, view) ? 0 : minus("EFAULT");
}

const COMMANDS: Readonly<Record<number, Handler>> = {
  [abi.EVTCHNOP_bind_interdomain]: (call) => {
    const arg = argument(call, 1, abi.evtchnBindInterdomain.size);
    if (arg === undefined) return minus("EFAULT");
    const { remoteDom, remotePort } = abi.evtchnBindInterdomain.read(arg, 0);
    const result = bindInterdomain(call.machine, call.domain, Domid(remoteDom), remotePort);
    return answerPort(call, result, arg, abi.evtchnBindInterdomain.field.localPort);
  },
  [abi.EVTCHNOP_bind_virq]: (call) => {
    const arg = argument(call, 1, abi.evtchnBindVirq.size);
    if (arg === undefined) return minus("EFAULT");
    const { virq, vcpu } = abi.evtchnBindVirq.read(arg, 0);
    return answerPort(call, bindVirq(call.domain, virq, vcpu), arg, abi.evtchnBindVirq.field.port);
  },
  // No domain of ours has physical interrupts.
  [abi.EVTCHNOP_bind_pirq]: (call) =>
    minus(argument(call, 1, abi.evtchnBindPirq.size) === undefined ? "EFAULT" : "EPERM"),
  [abi.EVTCHNOP_close]: (call) => {
    const arg = argument(call, 1, abi.evtchnClose.size);
    if (arg === undefined) return minus("EFAULT");
    return code(closePort(call.machine, call.domain, arg.getUint32(0, true)));
  },
  [abi.EVTCHNOP_send]: (call) => {
    const arg = argument(call, 1, abi.evtchnSend.size);
    if (arg === undefined) return minus("EFAULT");
    return code(sendEvent(call.machine, call.domain, arg.getUint32(0, true)));
  },
  [abi.EVTCHNOP_status]: (call) => {
    const arg = argument(call, 1, abi.evtchnStatus.size);
    if (arg === undefined) return minus("EFAULT");
    const { dom, port } = abi.evtchnStatus.field;
    const result = portStatus(call.machine, call.domain, Domid(dom.get(arg, 0)), port.get(arg, 0));
    if (!result.ok) return minus(result.errno);
    const { status, vcpu, dom: remote, port: remotePort, virq } = result.value;
    abi.evtchnStatus.field.status.set(arg, 0, status);
    abi.evtchnStatus.field.vcpu.set(arg, 0, vcpu);
    if (remote !== undefined) abi.evtchnStatus.field.unionDom.set(arg, 0, remote);
    if (remotePort !== undefined) abi.evtchnStatus.field.unionPort.set(arg, 0, remotePort);
    if (virq !== undefined) abi.evtchnStatusNumber.field.number.set(arg, 0, virq);
    return copyBack(call, 1, arg) ? 0 : minus("EFAULT");
  },
  [abi.EVTCHNOP_alloc_unbound]: (call) => {
    const arg = argument(call, 1, abi.evtchnAllocUnbound.size);
    if (arg === undefined) return minus("EFAULT");
    const { dom, remoteDom } = abi.evtchnAllocUnbound.read(arg, 0);
    const result = allocUnbound(call.machine, call.domain, Domid(dom), Domid(remoteDom));
    return answerPort(call, result, arg, abi.evtchnAllocUnbound.field.port);
  },
  [abi.EVTCHNOP_bind_ipi]: (call) => {
    const arg = argument(call, 1, abi.evtchnBindIpi.size);
    if (arg === undefined) return minus("EFAULT");
    const result = bindIpi(call.domain, arg.getUint32(0, true));
    return answerPort(call, result, arg, abi.evtchnBindIpi.field.port);
  },
  [abi.EVTCHNOP_bind_vcpu]: (call) => {
    const arg = argument(call, 1, abi.evtchnBindVcpu.size);
    if (arg === undefined) return minus("EFAULT");
    const { port, vcpu } = abi.evtchnBindVcpu.read(arg, 0);
    return code(bindVcpu(call.domain, port, vcpu));
  },
  [abi.EVTCHNOP_unmask]: (call) => {
    const arg = argument(call, 1, abi.evtchnUnmask.size);
    if (arg === undefined) return minus("EFAULT");
    return code(unmaskPort(call.machine, call.domain, arg.getUint32(0, true)));
  },
  [abi.EVTCHNOP_reset]: (call) => {
    const arg = argument(call, 1, abi.evtchnReset.size);
    if (arg === undefined) return minus("EFAULT");
    return code(resetPorts(call.machine, call.domain, Domid(arg.getUint16(0, true))));
  },
  // No FIFO ABI: Linux then says "Using 2-level ABI".
  [abi.EVTCHNOP_init_control]: () => minus("ENOSYS"),
  [abi.EVTCHNOP_expand_array]: () => minus("ENOSYS"),
  [abi.EVTCHNOP_set_priority]: () => minus("ENOSYS"),
};

export const eventChannelOp: Handler = (call) => {
  const command = COMMANDS[call.lo(0)];
  return command === undefined ? minus("ENOSYS") : command(call);
};
