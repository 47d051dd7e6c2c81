/** public/vcpu.h: VCPUOP_* and their arguments. */
import { at, n64, s32, struct, u32, u64 } from "../lib/struct.ts";

export const VCPUOP_initialise = 0;
export const VCPUOP_up = 1;
export const VCPUOP_down = 2;
export const VCPUOP_is_up = 3;
export const VCPUOP_get_runstate_info = 4;
export const VCPUOP_register_runstate_memory_area = 5;
export const VCPUOP_set_periodic_timer = 6;
export const VCPUOP_stop_periodic_timer = 7;
export const VCPUOP_set_singleshot_timer = 8;
export const VCPUOP_stop_singleshot_timer = 9;
export const VCPUOP_register_vcpu_info = 10;
export const VCPUOP_send_nmi = 11;
export const VCPUOP_get_physid = 12;
export const VCPUOP_register_vcpu_time_memory_area = 13;

export const RUNSTATE_running = 0;
export const RUNSTATE_runnable = 1;
export const RUNSTATE_blocked = 2;
export const RUNSTATE_offline = 3;
/** Bit 63 of state_entry_time while Xen writes (with VMASST_TYPE_runstate_update_flag), as bit 31 of the high half. */
export const XEN_RUNSTATE_UPDATE_HIGH = 0x8000_0000;

/** `vcpu_runstate_info` [XEN]; times in ns. */
export const vcpuRunstateInfo = struct("vcpu_runstate_info", 48, {
  state: at(0, s32),
  stateEntryTime: at(8, n64),
  timeRunning: at(16, n64),
  timeRunnable: at(24, n64),
  timeBlocked: at(32, n64),
  timeOffline: at(40, n64),
});
/** Of `vcpu_register_runstate_memory_area` and `vcpu_register_time_memory_area`: one pointer. */
export const vcpuRegisterArea = struct("vcpu_register_runstate_memory_area", 8, { v: at(0, u64) });
export const vcpuSetPeriodicTimer = struct("vcpu_set_periodic_timer", 8, { periodNs: at(0, u64) });
export const vcpuSetSingleshotTimer = struct("vcpu_set_singleshot_timer", 16, {
  timeoutAbsNs: at(0, n64),
  flags: at(8, u32),
});
export const VCPU_SSHOTTMR_future = 1;
export const vcpuRegisterVcpuInfo = struct("vcpu_register_vcpu_info", 16, {
  mfn: at(0, n64),
  offset: at(8, u32),
  rsvd: at(12, u32),
});
export const vcpuGetPhysid = struct("vcpu_get_physid", 8, { physId: at(0, u64) });
