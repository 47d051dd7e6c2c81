/**
 * What a vCPU did with its time (`vcpu_runstate_info`): running, runnable, blocked, offline.
 * The guest may have a copy of it kept in its memory (VCPUOP_register_runstate_memory_area).
 */
import {
  RUNSTATE_offline,
  RUNSTATE_running,
  vcpuRunstateInfo,
  XEN_RUNSTATE_UPDATE_HIGH,
} from "../../abi/vcpu.ts";
import { VMASST_TYPE_runstate_update_flag } from "../../abi/xen.ts";
import type { Nanos } from "../../lib/brand.ts";
import { n64 } from "../../lib/struct.ts";
import type { Vcpu } from "../domain/domain.ts";
import type { Machine } from "../machine.ts";
import { writeGuest } from "../memory/guest-access.ts";
import { withKernelTables } from "../traps/guest-mode.ts";

export interface Runstate {
  /** RUNSTATE_* */
  state: number;
  /** Since when. */
  entry: number;
  /** Nanoseconds spent in each state before `entry`. */
  readonly time: Float64Array;
  /** Virtual address of the guest's copy; 0 = none. */
  area: bigint;
}

export const createRunstate = (now: Nanos): Runstate => ({
  state: RUNSTATE_offline,
  entry: now,
  time: new Float64Array(4),
  area: 0n,
});

export function changeRunstate(vcpu: Vcpu, state: number, now: number): void {
  const runstate = vcpu.runstate;
  if (runstate.state === state) return;
  settleRunstate(vcpu, now);
  runstate.state = state;
}

/** Books the time up to now. A vCPU's own time never goes back, whichever pCPU's clock it is read from. */
export function settleRunstate(vcpu: Vcpu, now: number): void {
  const runstate = vcpu.runstate;
  if (now <= runstate.entry) return;
  runstate.time[runstate.state] = (runstate.time[runstate.state] as number) + (now - runstate.entry);
  runstate.entry = now;
}

/** Nanoseconds of pCPU time that it has used up to `now`. */
export function cpuTimeOf(vcpu: Vcpu, now: number): number {
  const { state, entry, time } = vcpu.runstate;
  const used = time[RUNSTATE_running] as number;
  return state === RUNSTATE_running && now > entry ? used + (now - entry) : used;
}

export function encodeRunstate(vcpu: Vcpu, now: number): Uint8Array {
  const { state, entry, time } = vcpu.runstate;
  const bytes = new Uint8Array(vcpuRunstateInfo.size);
  const view = new DataView(bytes.buffer);
  const { field } = vcpuRunstateInfo;
  field.state.set(view, 0, state);
  field.stateEntryTime.set(view, 0, entry);
  for (let i = 0; i < time.length; i++) {
    const since = i === state && now > entry ? now - entry : 0;
    n64.set(view, field.timeRunning.offset + i * n64.size, (time[i] as number) + since);
  }
  return bytes;
}

/** Brings the guest's copy up to date (`update_runstate_area`). The vCPU must be loaded. A bad address is the guest's loss. */
export function updateRunstateArea(machine: Machine, vcpu: Vcpu): void {
  const { area } = vcpu.runstate;
  if (area === 0n) return;
  const bytes = encodeRunstate(vcpu, vcpu.runstate.entry);
  withKernelTables(machine, vcpu, () => {
    if ((vcpu.domain.vmAssist & (1 << VMASST_TYPE_runstate_update_flag)) === 0) {
      writeGuest(machine, area, bytes);
      return;
    }
    // The guest reads entry time, states, entry time: the flag is up while the rest changes.
    const entry = vcpuRunstateInfo.field.stateEntryTime.offset;
    const view = new DataView(bytes.buffer);
    const high = view.getUint32(entry + 4, true);
    view.setUint32(entry + 4, (high | XEN_RUNSTATE_UPDATE_HIGH) >>> 0, true);
    if (!writeGuest(machine, area, bytes)) return;
    view.setUint32(entry + 4, high, true);
    writeGuest(machine, area + BigInt(entry), bytes.subarray(entry, entry + 8));
  });
}
