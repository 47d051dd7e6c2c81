/** physdev_op of a domain without devices: IOPL is its own, interrupts and buses are others'. */
import * as abi from "../../abi/physdev.ts";
import { DOMID_SELF, Domid } from "../../abi/types.ts";
import { argument, copyBack, minus } from "../hypercall/argument.ts";
import type { Handler } from "../hypercall/context.ts";

const MAX_PORTS = 65_536;
/** `nr_irqs_gsi` of a machine with one I/O APIC. */
const NR_GSIS = 24;
/** `nr_pirqs` of a domU: the machine's GSIs and 32 more (`extra_guest_irqs`). */
const NR_PIRQS = NR_GSIS + 32;

/** Dom0's: the argument, `size` bytes, is read before one is sent away. */
const privilegedAfter =
  (size: number): Handler =>
  (call) =>
    minus(argument(call, 1, size) === undefined ? "EFAULT" : "EPERM");

/** map_pirq and unmap_pirq: a domid first, then dom0's business. */
const ofDomain =
  (size: number): Handler =>
  (call) => {
    const arg = argument(call, 1, size);
    if (arg === undefined) return minus("EFAULT");
    const domid = arg.getUint16(0, true);
    const known = domid === DOMID_SELF || call.machine.domains.has(Domid(domid));
    return minus(known ? "EPERM" : "ESRCH");
  };

const COMMANDS: Readonly<Record<number, Handler>> = {
  [abi.PHYSDEVOP_set_iopl]: (call) => {
    const arg = argument(call, 1, abi.physdevSetIopl.size);
    if (arg === undefined) return minus("EFAULT");
    const iopl = abi.physdevSetIopl.field.iopl.get(arg, 0);
    if (iopl > 3) return minus("EINVAL");
    call.vcpu.iopl = iopl;
    return 0;
  },
  // Ports beyond IOPL: no domain may reach one, so the map has nothing to say.
  [abi.PHYSDEVOP_set_iobitmap]: (call) => {
    const arg = argument(call, 1, 16);
    if (arg === undefined) return minus("EFAULT");
    return arg.getUint32(8, true) > MAX_PORTS ? minus("EINVAL") : 0;
  },
  // No pirq of a domU is bound to anything.
  [abi.PHYSDEVOP_eoi]: (call) => minus(argument(call, 1, 4) === undefined ? "EFAULT" : "EINVAL"),
  [abi.PHYSDEVOP_irq_status_query]: (call) => {
    const arg = argument(call, 1, abi.physdevIrqStatusQuery.size);
    if (arg === undefined) return minus("EFAULT");
    const { irq, flags } = abi.physdevIrqStatusQuery.field;
    if (irq.get(arg, 0) >= NR_PIRQS) return minus("EINVAL");
    flags.set(arg, 0, abi.XENIRQSTAT_needs_eoi);
    return copyBack(call, 1, arg) ? 0 : minus("EFAULT");
  },
  [abi.PHYSDEVOP_apic_read]: privilegedAfter(16),
  [abi.PHYSDEVOP_apic_write]: privilegedAfter(16),
  [abi.PHYSDEVOP_alloc_irq_vector]: privilegedAfter(8),
  [abi.PHYSDEVOP_map_pirq]: ofDomain(40),
  [abi.PHYSDEVOP_unmap_pirq]: ofDomain(8),
  [abi.PHYSDEVOP_manage_pci_add]: privilegedAfter(2),
  [abi.PHYSDEVOP_manage_pci_remove]: privilegedAfter(2),
  [abi.PHYSDEVOP_setup_gsi]: (call) => {
    const arg = argument(call, 1, 8);
    if (arg === undefined) return minus("EFAULT");
    return minus(arg.getUint32(0, true) >= NR_GSIS ? "EINVAL" : "EPERM");
  },
  [abi.PHYSDEVOP_pci_mmcfg_reserved]: () => minus("EPERM"),
  [abi.PHYSDEVOP_dbgp_op]: () => minus("EPERM"),
};

/** physdev_op(cmd, arg) */
export const doPhysdevOp: Handler = (call) => COMMANDS[call.lo(0)]?.(call) ?? minus("ENOSYS");
