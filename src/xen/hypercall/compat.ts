/** The hypercalls of Xen 3.0: command and argument stand together in one record in guest memory (xen/arch/x86/compat.c). */
import {
  EVTCHN_OP_SIZE,
  EVTCHN_OP_UNION,
  EVTCHNOP_bind_interdomain,
  EVTCHNOP_unmask,
} from "../../abi/event-channel.ts";
import { PHYSDEV_OP_SIZE, PHYSDEV_OP_UNION } from "../../abi/physdev.ts";
import { eventChannelOp } from "../evtchn/event-channel-op.ts";
import { doPhysdevOp } from "../physdev/physdev-op.ts";
import { argument, minus } from "./argument.ts";
import type { Call, Handler } from "./context.ts";

/** event_channel_op_compat(op): the commands of that time; reset and all that is younger are none. */
export const doEventChannelOpCompat: Handler = (call) => {
  const op = argument(call, 0, EVTCHN_OP_SIZE);
  if (op === undefined) return minus("EFAULT");
  const command = op.getUint32(0, true);
  if (command < EVTCHNOP_bind_interdomain || command > EVTCHNOP_unmask) return minus("ENOSYS");
  return eventChannelOp(forwarded(call, command, call.args[0] + BigInt(EVTCHN_OP_UNION)));
};

/** physdev_op_compat(op) */
export const doPhysdevOpCompat: Handler = (call) => {
  const op = argument(call, 0, PHYSDEV_OP_SIZE);
  if (op === undefined) return minus("EFAULT");
  return doPhysdevOp(forwarded(call, op.getUint32(0, true), call.args[0] + BigInt(PHYSDEV_OP_UNION)));
};

/** The same call with (command, pointer) as its arguments. No command reached this way is ever preempted. */
function forwarded(call: Call, command: number, va: bigint): Call {
  const { machine, domain, vcpu, inMulticall } = call;
  const args = [BigInt(command), BigInt.asUintN(64, va), 0n, 0n, 0n, 0n] as const;
  return {
    machine,
    domain,
    vcpu,
    inMulticall,
    args,
    lo: (i) => Number((args[i] ?? 0n) & 0xffff_ffffn),
    hi: (i) => Number((args[i] ?? 0n) >> 32n),
    num: (i) => Number(args[i] ?? 0n),
    setArg: (i, value) => call.setArg(i, value),
  };
}
