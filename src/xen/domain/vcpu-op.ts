/** vcpu_op(cmd, vcpuid, arg), as a table by command. */
import { readVcpuGuestContext, vcpuGuestContext } from "../../abi/arch-x86/xen.ts";
import { SHUTDOWN } from "../../abi/hypercall.ts";
import * as abi from "../../abi/vcpu.ts";
import { VCPU_INFO_SIZE, vcpuInfo } from "../../abi/xen.ts";
import { argument, copyOut, minus } from "../hypercall/argument.ts";
import type { Call, CallResult } from "../hypercall/context.ts";
import { getWritableFrame, putWritableFrame } from "../memory/references.ts";
import { isGuestAddress } from "../memory/walk.ts";
import { kickVcpu, sleepVcpu, wakeVcpu } from "../sched/wake.ts";
import { updateVcpuTime } from "../time/pvclock.ts";
import { encodeRunstate, updateRunstateArea } from "../time/runstate.ts";
import { setPeriodic, setSingleshot } from "../time/timer-virq.ts";
import { stopSingleshot } from "../time/vcpu-timers.ts";
import { localNanos, localTicks } from "../time/virtual-time.ts";
import type { Vcpu } from "./domain.ts";
import { shutdownDomain } from "./shutdown.ts";
import { setVcpuContext } from "./vcpu-context.ts";

type Command = (call: Call, vcpu: Vcpu) => CallResult;

const MIN_PERIOD = 1_000_000n;
/** STIME_DELTA_MAX */
const MAX_PERIOD = (1n << 62n) - 1n;
const ALL_WORDS = 0xffff_ffff_ffff_ffffn;

const COMMANDS: Readonly<Record<number, Command>> = {
  [abi.VCPUOP_initialise]: (call, vcpu) => {
    if (vcpu.infoAddress === call.machine.dummyInfo) return minus("EINVAL");
    const arg = argument(call, 2, vcpuGuestContext.size);
    if (arg === undefined) return minus("EFAULT");
    if (vcpu.initialised) return minus("EEXIST");
    const context = readVcpuGuestContext(arg);
    const result = setVcpuContext(call.machine, vcpu, context);
    vcpu.down = true; // until VCPUOP_up, whatever the flags say
    return result.ok ? 0 : minus(result.errno);
  },
  [abi.VCPUOP_up]: (call, vcpu) => {
    if (!vcpu.initialised) return minus("EINVAL");
    vcpu.down = false;
    wakeVcpu(call.machine, vcpu);
    return 0;
  },
  [abi.VCPUOP_down]: (call, vcpu) => {
    if (call.domain.vcpus.every((other) => other === vcpu || other.down)) {
      shutdownDomain(call.machine, call.domain, SHUTDOWN.poweroff);
      return 0;
    }
    vcpu.down = true;
    sleepVcpu(call.machine, vcpu);
    return 0;
  },
  [abi.VCPUOP_is_up]: (_, vcpu) => (vcpu.down ? 0 : 1),
  [abi.VCPUOP_get_runstate_info]: (call, vcpu) => {
    const now = call.machine.time.nanosOf(Math.max(localTicks(call.machine), vcpu.readyAt));
    return copyOut(call, call.args[2], encodeRunstate(vcpu, now)) ? 0 : minus("EFAULT");
  },
  [abi.VCPUOP_register_runstate_memory_area]: (call, vcpu) => {
    const arg = argument(call, 2, abi.vcpuRegisterArea.size);
    if (arg === undefined) return minus("EFAULT");
    const area = abi.vcpuRegisterArea.field.v.get(arg, 0);
    if (!isGuestAddress(Number(area >> 32n))) return minus("EFAULT");
    vcpu.runstate.area = area;
    if (vcpu === call.machine.current) updateRunstateArea(call.machine, vcpu);
    else copyOut(call, vcpu.runstate.area, encodeRunstate(vcpu, vcpu.runstate.entry));
    return 0;
  },
  [abi.VCPUOP_set_periodic_timer]: (call, vcpu) => {
    const arg = argument(call, 2, abi.vcpuSetPeriodicTimer.size);
    if (arg === undefined) return minus("EFAULT");
    const period = abi.vcpuSetPeriodicTimer.field.periodNs.get(arg, 0);
    if (period < MIN_PERIOD || period > MAX_PERIOD) return minus("EINVAL");
    setPeriodic(call.machine, vcpu, Number(period));
    return 0;
  },
  [abi.VCPUOP_stop_periodic_timer]: (call, vcpu) => {
    setPeriodic(call.machine, vcpu, 0);
    return 0;
  },
  [abi.VCPUOP_set_singleshot_timer]: (call, vcpu) => {
    if (vcpu !== call.vcpu) return minus("EINVAL");
    const arg = argument(call, 2, abi.vcpuSetSingleshotTimer.size);
    if (arg === undefined) return minus("EFAULT");
    const { timeoutAbsNs, flags } = abi.vcpuSetSingleshotTimer.read(arg, 0);
    if ((flags & abi.VCPU_SSHOTTMR_future) !== 0 && timeoutAbsNs < localNanos(call.machine))
      return minus("ETIME");
    setSingleshot(call.machine, vcpu, timeoutAbsNs);
    return 0;
  },
  [abi.VCPUOP_stop_singleshot_timer]: (call, vcpu) => {
    if (vcpu !== call.vcpu) return minus("EINVAL");
    stopSingleshot(vcpu);
    return 0;
  },
  [abi.VCPUOP_register_vcpu_info]: registerVcpuInfo,
  [abi.VCPUOP_send_nmi]: (call, vcpu) => {
    if (call.args[2] !== 0n) return minus("EINVAL");
    vcpu.nmiPending = true;
    kickVcpu(call.machine, vcpu);
    return 0;
  },
  [abi.VCPUOP_get_physid]: () => minus("EINVAL"), // for a dom0 whose vCPUs are pinned
  [abi.VCPUOP_register_vcpu_time_memory_area]: (call, vcpu) => {
    const arg = argument(call, 2, abi.vcpuRegisterArea.size);
    if (arg === undefined) return minus("EFAULT");
    const area = abi.vcpuRegisterArea.field.v.get(arg, 0);
    if (!isGuestAddress(Number(area >> 32n))) return minus("EFAULT");
    vcpu.timers.timeArea = area;
    updateVcpuTime(call.machine, vcpu, true);
    return 0;
  },
};

/** Ids that do not exist are asked for thousands of times by a booting Linux: they are refused first. */
export function doVcpuOp(call: Call): CallResult {
  const vcpu = call.domain.vcpus[call.lo(1)];
  if (vcpu === undefined) return minus("ENOENT");
  return COMMANDS[call.lo(0)]?.(call, vcpu) ?? minus("ENOSYS");
}

/** `map_vcpu_info`: moves the live page. Everything is marked pending, so nothing is lost on the way. */
function registerVcpuInfo(call: Call, vcpu: Vcpu): CallResult {
  const { machine, domain } = call;
  const arg = argument(call, 2, abi.vcpuRegisterVcpuInfo.size);
  if (arg === undefined) return minus("EFAULT");
  const { mfn, offset } = abi.vcpuRegisterVcpuInfo.read(arg, 0);
  if (offset > 4096 - VCPU_INFO_SIZE || (offset & 7) !== 0) return minus("ENXIO");
  if (vcpu.infoFrame !== 0) return minus("EINVAL");
  if (vcpu !== call.vcpu && !vcpu.down) return minus("EINVAL");
  if (mfn > 0xffff_ffff || !getWritableFrame(machine, mfn, domain.domid)) return minus("EINVAL");
  const { mem } = machine.engine;
  const page = mem.writeAddress(mfn);
  if (page === 0) {
    putWritableFrame(machine, mfn);
    return minus("ENOMEM");
  }
  const address = page + offset;
  mem.u8.copyWithin(address, vcpu.infoAddress, vcpu.infoAddress + VCPU_INFO_SIZE);
  mem.noteWrite(mfn, offset, VCPU_INFO_SIZE);
  vcpu.infoAddress = address;
  vcpu.infoFrame = mfn;
  vcpuInfo.field.evtchnUpcallPending.set(mem.view, address, 1);
  vcpuInfo.field.evtchnPendingSel.set(mem.view, address, ALL_WORDS);
  updateVcpuTime(machine, vcpu, true);
  return 0;
}
