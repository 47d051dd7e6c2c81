/** `pv_hypercall_table`: handlers by number. What is missing answers -ENOSYS. */
import { HYPERCALL, type HypercallName } from "../../abi/hypercall.ts";
import { doConsoleIo } from "../console/console-io.ts";
import { doVcpuOp } from "../domain/vcpu-op.ts";
import { doVmAssist } from "../domain/vm-assist.ts";
import { eventChannelOp } from "../evtchn/event-channel-op.ts";
import { doGrantTableOp } from "../gnttab/grant-table-op.ts";
import { doSetGdt, doUpdateDescriptor } from "../memory/descriptors.ts";
import { doMemoryOp } from "../memory/memory-op.ts";
import { doMmuUpdate } from "../memory/mmu-update.ts";
import { doMmuextOp } from "../memory/mmuext-op.ts";
import { doUpdateVaMapping, doUpdateVaMappingOtherdomain } from "../memory/update-va-mapping.ts";
import { doPhysdevOp } from "../physdev/physdev-op.ts";
import { doSchedOp, doSchedOpCompat } from "../sched/sched-op.ts";
import { doSetTimerOp } from "../time/set-timer-op.ts";
import { doCallbackOp, doNmiOp, doSetCallbacks } from "../traps/callback-op.ts";
import { doGetDebugreg, doSetDebugreg } from "../traps/debug-registers.ts";
import { doIret } from "../traps/iret.ts";
import { doSetSegmentBase, doStackSwitch } from "../traps/segment-base.ts";
import { doSetTrapTable } from "../traps/set-trap-table.ts";
import { doFpuTaskswitch } from "../traps/task-switched.ts";
import { doXenVersion } from "../version/version.ts";
import { minus } from "./argument.ts";
import { doEventChannelOpCompat, doPhysdevOpCompat } from "./compat.ts";
import type { Handler } from "./context.ts";
import { doDmOp, doDomctl, doPlatformOp, doSysctl, privilegedOnly } from "./privileged.ts";

/** HVMOP_set_param and get_param name an HVM domain, which no PV guest is. */
const HVMOP_get_param = 1;

const HANDLERS: Partial<Record<HypercallName, Handler>> = {
  set_trap_table: doSetTrapTable,
  mmu_update: doMmuUpdate,
  set_gdt: doSetGdt,
  stack_switch: doStackSwitch,
  set_callbacks: doSetCallbacks,
  fpu_taskswitch: doFpuTaskswitch,
  sched_op_compat: doSchedOpCompat,
  platform_op: doPlatformOp,
  set_debugreg: doSetDebugreg,
  get_debugreg: doGetDebugreg,
  update_descriptor: doUpdateDescriptor,
  memory_op: doMemoryOp,
  update_va_mapping: doUpdateVaMapping,
  set_timer_op: doSetTimerOp,
  event_channel_op_compat: doEventChannelOpCompat,
  xen_version: doXenVersion,
  console_io: doConsoleIo,
  physdev_op_compat: doPhysdevOpCompat,
  grant_table_op: doGrantTableOp,
  vm_assist: doVmAssist,
  update_va_mapping_otherdomain: doUpdateVaMappingOtherdomain,
  iret: doIret,
  vcpu_op: doVcpuOp,
  set_segment_base: doSetSegmentBase,
  mmuext_op: doMmuextOp,
  nmi_op: doNmiOp,
  sched_op: doSchedOp,
  callback_op: doCallbackOp,
  event_channel_op: eventChannelOp,
  physdev_op: doPhysdevOp,
  hvm_op: (call) => minus(call.lo(0) <= HVMOP_get_param ? "EINVAL" : "ENOSYS"),
  sysctl: doSysctl,
  domctl: doDomctl,
  kexec_op: privilegedOnly,
  xenpmu_op: () => minus("EOPNOTSUPP"), // Linux: "VPMU disabled by hypervisor."
  dm_op: doDmOp,
  hypfs_op: privilegedOnly,
  mca: privilegedOnly,
};

export const HYPERCALL_TABLE: readonly (Handler | undefined)[] = (() => {
  const table: (Handler | undefined)[] = new Array(64).fill(undefined);
  for (const [name, number] of Object.entries(HYPERCALL)) table[number] = HANDLERS[name as HypercallName];
  return table;
})();
