/** sched_op(cmd, arg), as a table by command. */
import { SHUTDOWN } from "../../abi/hypercall.ts";
import * as abi from "../../abi/sched.ts";
import { Domid } from "../../abi/types.ts";
import { Nanos } from "../../lib/brand.ts";
import { reportCrash } from "../domain/crash.ts";
import { shutdownDomain, watchdogFired } from "../domain/shutdown.ts";
import { isValidPort } from "../evtchn/channel.ts";
import { eventsNeedDelivery, isPending } from "../evtchn/send.ts";
import { argument, argumentAt, minus } from "../hypercall/argument.ts";
import type { Call, CallResult, Handler } from "../hypercall/context.ts";
import { mayActOn } from "../memory/privilege.ts";
import { isGuestAddress } from "../memory/walk.ts";
import { localNanos } from "../time/virtual-time.ts";
import { yieldVcpu } from "./spin.ts";
import { blockVcpu, unblockVcpu } from "./wake.ts";

const MAX_POLL_PORTS = 128;
const NANOS_PER_SECOND = 1_000_000_000;

const doYield: Handler = ({ machine, vcpu }) => {
  yieldVcpu(machine, vcpu);
  return 0;
};

/** `vcpu_block_enable_events` */
const doBlock: Handler = ({ machine, vcpu }) => {
  machine.engine.mem.u8[vcpu.infoAddress + 1] = 0;
  if (!eventsNeedDelivery(machine, vcpu)) blockVcpu(machine, vcpu);
  return 0;
};

function shutdown(call: Call, reason: number): CallResult {
  const { machine, domain } = call;
  if ((reason & 0xff) === SHUTDOWN.crash && domain.shutdown === undefined) reportCrash(machine, domain);
  shutdownDomain(machine, domain, reason & 0xff);
  return 0;
}

const COMMANDS: Readonly<Record<number, Handler>> = {
  [abi.SCHEDOP_yield]: doYield,
  [abi.SCHEDOP_block]: doBlock,
  [abi.SCHEDOP_shutdown]: (call) => {
    const arg = argument(call, 1, abi.schedShutdown.size);
    return arg === undefined ? minus("EFAULT") : shutdown(call, arg.getUint32(0, true));
  },
  [abi.SCHEDOP_poll]: poll,
  [abi.SCHEDOP_remote_shutdown]: (call) => {
    const arg = argument(call, 1, abi.schedRemoteShutdown.size);
    if (arg === undefined) return minus("EFAULT");
    const { domainId, reason } = abi.schedRemoteShutdown.read(arg, 0);
    const target = call.machine.domains.get(Domid(domainId));
    if (target === undefined) return minus("ESRCH");
    if (target === call.domain || !mayActOn(call.domain, target)) return minus("EPERM");
    shutdownDomain(call.machine, target, reason & 0xff);
    return 0;
  },
  [abi.SCHEDOP_shutdown_code]: (call) => {
    const arg = argument(call, 1, abi.schedShutdown.size);
    if (arg === undefined) return minus("EFAULT");
    call.domain.shutdownCode ??= arg.getUint32(0, true) & 0xff; // the first word counts
    return 0;
  },
  [abi.SCHEDOP_watchdog]: (call) => {
    const arg = argument(call, 1, abi.schedWatchdog.size);
    if (arg === undefined) return minus("EFAULT");
    const { id, timeout } = abi.schedWatchdog.read(arg, 0);
    return watchdog(call, id, timeout);
  },
  [abi.SCHEDOP_pin_override]: () => minus("EPERM"), // dom0's
};

export const doSchedOp: Handler = (call) => COMMANDS[call.lo(0)]?.(call) ?? minus("ENOSYS");

/** sched_op_compat: the reason of a shutdown stands in the argument itself. */
export const doSchedOpCompat: Handler = (call) => {
  switch (call.lo(0)) {
    case abi.SCHEDOP_yield:
      return doYield(call);
    case abi.SCHEDOP_block:
      return doBlock(call);
    case abi.SCHEDOP_shutdown:
      return shutdown(call, call.lo(1));
    default:
      return minus("ENOSYS");
  }
};

/** `do_poll`: sleeps until one of the ports is pending, masked or not, or a deadline. */
function poll(call: Call): CallResult {
  const { machine, domain, vcpu } = call;
  const arg = argument(call, 1, abi.schedPoll.size);
  if (arg === undefined) return minus("EFAULT");
  const { ports, nrPorts, timeout } = abi.schedPoll.read(arg, 0);
  if (nrPorts > MAX_POLL_PORTS) return minus("EINVAL");
  if (!isGuestAddress(Number(ports >> 32n))) return minus("EFAULT");
  if (eventsNeedDelivery(machine, vcpu)) return 0;
  let port = 0;
  for (let i = 0; i < nrPorts; i++) {
    const word = argumentAt(call, ports + BigInt(i * 4), 4);
    if (word === undefined) return minus("EFAULT");
    port = word.getUint32(0, true);
    if (!isValidPort(domain.events, port)) return minus("EINVAL");
    if (isPending(machine, domain, port)) return 0;
  }
  vcpu.pollPort = nrPorts === 1 ? port : -1;
  if (timeout !== 0) {
    vcpu.timers.poll = machine.time.at(Nanos(timeout), () => {
      vcpu.timers.poll = undefined;
      unblockVcpu(machine, vcpu);
    });
  }
  blockVcpu(machine, vcpu);
  return 0;
}

/**
 * `domain_watchdog`: id 0 takes a free timer and answers its id; any other sets that one anew, or for timeout 0 gives it
 * back. ENOSPC: both are taken; EINVAL: no such id, or it is not taken.
 */
function watchdog(call: Call, id: number, timeout: number): CallResult {
  const { machine, domain } = call;
  const { watchdogs } = domain;
  if (id > watchdogs.length) return minus("EINVAL");
  const start = (slot: number): void => {
    const when = Nanos(localNanos(machine) + timeout * NANOS_PER_SECOND);
    watchdogs[slot] = machine.time.at(when, () => watchdogFired(machine, domain));
  };
  if (id === 0) {
    const slot = watchdogs.indexOf(undefined);
    if (slot < 0) return minus("ENOSPC");
    start(slot);
    return slot + 1;
  }
  const slot = id - 1;
  if (watchdogs[slot] === undefined) return minus("EINVAL");
  watchdogs[slot].cancel();
  watchdogs[slot] = undefined;
  if (timeout !== 0) start(slot);
  return 0;
}
