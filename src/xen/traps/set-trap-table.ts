/** set_trap_table(table): entries up to one with address 0; NULL takes all handlers away. */
import { trapInfo } from "../../abi/arch-x86/xen.ts";
import { minus } from "../hypercall/argument.ts";
import type { Handler } from "../hypercall/context.ts";
import { readGuest } from "../memory/guest-access.ts";
import { isCanonicalHigh } from "./registers.ts";

/** Longer than that, the rest is read in a further go. */
const SLICE = 256;
const entry = new Uint8Array(trapInfo.size);
const words = new Uint32Array(entry.buffer);

export const doSetTrapTable: Handler = (call) => {
  const { machine, vcpu } = call;
  let va = call.args[0];
  if (va === 0n) {
    vcpu.traps.clear();
    return 0;
  }
  for (let i = 0; i < SLICE; i++, va += BigInt(trapInfo.size)) {
    if (!readGuest(machine, va, entry)) return minus("EFAULT");
    const low = words[2] as number;
    const high = words[3] as number;
    if (low === 0 && high === 0) return 0;
    if (!isCanonicalHigh(high)) return minus("EINVAL");
    vcpu.traps.set(entry[0] as number, entry[1] as number, (words[0] as number) >>> 16, low, high);
  }
  call.setArg(0, va);
  return "preempted";
};
