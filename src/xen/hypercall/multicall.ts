/** multicall(call_list, nr_calls): several hypercalls in order, each with its result in its entry. */
import { HYPERCALL } from "../../abi/hypercall.ts";
import { multicallEntry } from "../../abi/xen.ts";
import type { Machine } from "../machine.ts";
import { readGuest, writeGuestU64 } from "../memory/guest-access.ts";
import { warn } from "../memory/warn.ts";
import { isRunnable } from "../sched/wake.ts";
import { chargeWork } from "../time/cost-table.ts";
import { minus } from "./argument.ts";
import type { Call, CallResult } from "./context.ts";
import { MulticallCall } from "./register-call.ts";
import { HYPERCALL_TABLE } from "./table.ts";

/** Entries in one go; then the guest executes SYSCALL again for the rest. */
const SLICE = 64;
/** … or so many page-table entries that they looked at. */
const ENTRIES_A_SLICE = 16 * 512;
const ENTRY = BigInt(multicallEntry.size);
const RESULT = BigInt(multicallEntry.field.result.offset);
const FIRST_ARGUMENT = multicallEntry.field.arg0.offset / 4;

const calls = new WeakMap<Machine, MulticallCall>();
const entry = new Uint32Array(multicallEntry.size / 4);
const entryBytes = new Uint8Array(entry.buffer);

export function doMulticall(outer: Call): CallResult {
  const { machine, vcpu } = outer;
  let inner = calls.get(machine);
  if (inner === undefined) {
    inner = new MulticallCall(machine, vcpu);
    calls.set(machine, inner);
  }
  let va = outer.args[0];
  const count = outer.lo(1); // unsigned int in Xen, too
  const enough = machine.frames.walked + ENTRIES_A_SLICE;
  let i = 0;
  const later = (): CallResult => {
    outer.setArg(0, va);
    outer.setArg(1, BigInt(count - i));
    return "preempted";
  };
  for (; i < count; i++, va += ENTRY) {
    if (i === SLICE || machine.frames.walked >= enough) return later();
    if (!readGuest(machine, va, entryBytes)) return minus("EFAULT");
    if (i > 0) chargeWork(machine, "multicallEntry");
    inner.load(vcpu, va);
    inner.words.set(entry.subarray(FIRST_ARGUMENT, FIRST_ARGUMENT + 12));
    const number = entry[1] === 0 ? (entry[0] as number) : -1;
    const result = perform(inner, number);
    if (result === "preempted") return later();
    if (!writeGuestU64(machine, va + RESULT, toU64(result))) return minus("EFAULT");
    if (!isRunnable(vcpu)) {
      // Blocked, paused or worse: the rest follows when it runs again.
      i++;
      va += ENTRY;
      return i < count ? later() : 0;
    }
  }
  return 0;
}

function perform(call: MulticallCall, number: number): CallResult {
  if (number === HYPERCALL.multicall) {
    warn(call.machine, "Multicall reentry is disallowed.");
    return minus("EINVAL");
  }
  if (number === HYPERCALL.iret) return minus("ENOSYS"); // it would put RAX and RIP where the multicall returns to
  return HYPERCALL_TABLE[number]?.(call) ?? minus("ENOSYS");
}

const toU64 = (result: CallResult): bigint =>
  typeof result === "string" ? 0n : BigInt.asUintN(64, BigInt(result));
