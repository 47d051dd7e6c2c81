/**
 * How a guest tells the time without asking: `vcpu_time_info` beside each vCPU, the wall clock in shared_info.
 * The TSC is virtual time exactly, so one record would do for ever but for the rounding of `tsc_to_system_mul`:
 * Xen renews it every second, and so do we, when a vCPU is put on a pCPU.
 */
import { sharedInfo, VCPU_INFO_TIME, vcpuTimeInfo } from "../../abi/xen.ts";
import type { Domain, Vcpu } from "../domain/domain.ts";
import type { Machine } from "../machine.ts";
import { writeGuest } from "../memory/guest-access.ts";
import { withKernelTables } from "../traps/guest-mode.ts";
import { localTicks } from "./virtual-time.ts";

export interface TimeScale {
  readonly mul: number;
  readonly shift: number;
}

/** `set_time_scale`: ns = ((ticks << shift) * mul) >> 32 for a clock of `mhz`. */
export function timeScale(mhz: number): TimeScale {
  const billion = 1_000_000_000n;
  let hz = BigInt(mhz) * 1_000_000n;
  let shift = 0;
  while (hz > billion * 2n) {
    hz >>= 1n;
    shift--;
  }
  while (hz <= billion) {
    hz <<= 1n;
    shift++;
  }
  return { mul: Number((billion << 32n) / hz), shift };
}

/** Renews the record if it is a second old, or `always`. */
export function updateVcpuTime(machine: Machine, vcpu: Vcpu, always: boolean): void {
  const { time } = machine;
  const micros = Math.floor(Math.max(localTicks(machine), vcpu.readyAt) / time.mhz);
  if (!always && micros - vcpu.timers.timeStamp < 1_000_000) return;
  vcpu.timers.timeStamp = micros;
  if (vcpu.infoAddress !== 0) {
    writeTimeInfo(machine, machine.engine.mem.view, vcpu.infoAddress + VCPU_INFO_TIME, micros);
  }
  const { timeArea } = vcpu.timers;
  if (timeArea !== 0n && machine.current === vcpu) {
    const bytes = new Uint8Array(vcpuTimeInfo.size);
    writeTimeInfo(machine, new DataView(bytes.buffer), 0, micros);
    withKernelTables(machine, vcpu, () => writeGuest(machine, timeArea, bytes));
  }
}

function writeTimeInfo(machine: Machine, view: DataView, at: number, micros: number): void {
  const { mul, shift } = timeScale(machine.time.mhz);
  const { version } = vcpuTimeInfo.field;
  const odd = (version.get(view, at) | 1) >>> 0;
  version.set(view, at, odd);
  vcpuTimeInfo.write(view, at, {
    version: odd,
    tscTimestamp: micros * machine.time.mhz, // whole microseconds: the one pair that is exact in both units
    systemTime: micros * 1000,
    tscToSystemMul: mul,
    tscShift: shift & 0xff,
    flags: 0,
  });
  version.set(view, at, (odd + 1) >>> 0);
}

/** `update_domain_wallclock_time`: the wall clock at system time 0. */
export function updateWallclock(machine: Machine, domain: Domain): void {
  if (domain.sharedInfo === undefined) return;
  const { view } = machine.engine.mem;
  const at = domain.sharedInfo.address;
  const seconds = machine.options.wallclock + domain.timeOffset;
  const { wcVersion, wcSec, wcNsec, wcSecHi } = sharedInfo.field;
  const odd = (wcVersion.get(view, at) | 1) >>> 0;
  wcVersion.set(view, at, odd);
  wcSec.set(view, at, seconds >>> 0);
  wcSecHi.set(view, at, Math.floor(seconds / 0x1_0000_0000) >>> 0);
  wcNsec.set(view, at, 0);
  wcVersion.set(view, at, (odd + 1) >>> 0);
}
