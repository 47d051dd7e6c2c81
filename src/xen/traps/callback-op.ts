/** set_callbacks, callback_op, nmi_op: where the guest wants to be entered. */
import * as abi from "../../abi/callback.ts";
import type { Vcpu } from "../domain/domain.ts";
import { argument, minus } from "../hypercall/argument.ts";
import type { Handler } from "../hypercall/context.ts";
import { isCanonical } from "./registers.ts";

/** Types that exist; the deprecated sysenter is of 32-bit hypervisors. */
const TYPES: ReadonlySet<number> = new Set([
  abi.CALLBACKTYPE_event,
  abi.CALLBACKTYPE_failsafe,
  abi.CALLBACKTYPE_syscall,
  abi.CALLBACKTYPE_nmi,
  abi.CALLBACKTYPE_sysenter,
  abi.CALLBACKTYPE_syscall32,
]);

function register(vcpu: Vcpu, type: number, flags: number, address: bigint): number {
  if (!isCanonical(address)) return minus("EINVAL");
  if (!TYPES.has(type)) return minus("ENOSYS");
  vcpu.callbacks.set(
    type,
    Number(address & 0xffff_ffffn),
    Number(address >> 32n),
    flags & abi.CALLBACKF_mask_events,
  );
  return 0;
}

/** set_callbacks(event, failsafe, syscall) */
export const doSetCallbacks: Handler = (call) => {
  const [event, failsafe, syscall] = call.args;
  register(call.vcpu, abi.CALLBACKTYPE_event, 0, event);
  register(call.vcpu, abi.CALLBACKTYPE_failsafe, 0, failsafe);
  register(call.vcpu, abi.CALLBACKTYPE_syscall, 0, syscall);
  return 0;
};

/** callback_op(cmd, arg) */
export const doCallbackOp: Handler = (call) => {
  switch (call.lo(0)) {
    case abi.CALLBACKOP_register: {
      const arg = argument(call, 1, abi.callbackRegister.size);
      if (arg === undefined) return minus("EFAULT");
      const { type, flags, address } = abi.callbackRegister.read(arg, 0);
      return register(call.vcpu, type, flags, address);
    }
    case abi.CALLBACKOP_unregister: {
      const arg = argument(call, 1, abi.callbackUnregister.size);
      if (arg === undefined) return minus("EFAULT");
      const type = abi.callbackUnregister.field.type.get(arg, 0);
      if (type !== abi.CALLBACKTYPE_nmi) return minus(TYPES.has(type) ? "EINVAL" : "ENOSYS");
      call.vcpu.callbacks.set(type, 0, 0, 0);
      return 0;
    }
    default:
      return minus("ENOSYS");
  }
};

/** nmi_op(cmd, arg) */
export const doNmiOp: Handler = (call) => {
  switch (call.lo(0)) {
    case abi.XENNMI_register_callback: {
      const arg = argument(call, 1, abi.xennmiCallback.size);
      if (arg === undefined) return minus("EFAULT");
      return register(
        call.vcpu,
        abi.CALLBACKTYPE_nmi,
        0,
        abi.xennmiCallback.field.handlerAddress.get(arg, 0),
      );
    }
    case abi.XENNMI_unregister_callback:
      call.vcpu.callbacks.set(abi.CALLBACKTYPE_nmi, 0, 0, 0);
      return 0;
    default:
      return minus("ENOSYS");
  }
};
