/** physdev_op, as far as it concerns a domain without devices: IOPL. */
import {
  PHYSDEVOP_eoi,
  PHYSDEVOP_irq_status_query,
  PHYSDEVOP_set_iobitmap,
  PHYSDEVOP_set_iopl,
  physdevSetIopl,
} from "../../abi/physdev.ts";
import { argument, minus } from "../hypercall/argument.ts";
import type { Handler } from "../hypercall/context.ts";

const MAX_PORTS = 65_536;

const COMMANDS: Readonly<Record<number, Handler>> = {
  [PHYSDEVOP_set_iopl]: (call) => {
    const arg = argument(call, 1, physdevSetIopl.size);
    if (arg === undefined) return minus("EFAULT");
    const iopl = physdevSetIopl.field.iopl.get(arg, 0);
    if (iopl > 3) return minus("EINVAL");
    call.vcpu.iopl = iopl;
    return 0;
  },
  // Ports beyond IOPL: no domain may reach one, so the map has nothing to say.
  [PHYSDEVOP_set_iobitmap]: (call) => {
    const arg = argument(call, 1, 16);
    if (arg === undefined) return minus("EFAULT");
    return arg.getUint32(8, true) > MAX_PORTS ? minus("EINVAL") : 0;
  },
  // There are no physical interrupts.
  [PHYSDEVOP_eoi]: () => minus("EINVAL"),
  [PHYSDEVOP_irq_status_query]: () => minus("EINVAL"),
};

/** physdev_op(cmd, arg) */
export const doPhysdevOp: Handler = (call) => COMMANDS[call.lo(0)]?.(call) ?? minus("ENOSYS");
