/** stack_switch and set_segment_base: what a kernel changes at every task switch. */
import {
  SEGBASE_FS,
  SEGBASE_GS_KERNEL,
  SEGBASE_GS_USER,
  SEGBASE_GS_USER_SEL,
} from "../../abi/arch-x86/xen.ts";
import { FS_BASE, GS_BASE, GS_BASE_OTHER } from "../../cpu/layout.ts";
import { minus } from "../hypercall/argument.ts";
import type { Call, Handler } from "../hypercall/context.ts";
import { isCanonicalHigh, setHalves } from "./registers.ts";
import { loadUserGs } from "./segment.ts";

/** stack_switch(ss, esp): the kernel's stack for traps from user mode. */
export const doStackSwitch: Handler = (call) => {
  const { vcpu } = call;
  vcpu.kernelSs = (call.lo(0) & 0xffff) | 3;
  vcpu.kernelSpLo = call.lo(1);
  vcpu.kernelSpHi = call.hi(1);
  return 0;
};

/** set_segment_base(which, base) */
export const doSetSegmentBase: Handler = (call) => {
  switch (call.lo(0)) {
    case SEGBASE_FS:
      return setBase(call, FS_BASE);
    case SEGBASE_GS_USER:
      return setBase(call, GS_BASE_OTHER);
    case SEGBASE_GS_KERNEL:
      return setBase(call, GS_BASE);
    case SEGBASE_GS_USER_SEL:
      loadUserGs(call.machine, call.vcpu, call.lo(1) & 0xffff);
      return 0;
    default:
      return minus("EINVAL");
  }
};

function setBase(call: Call, field: number): number {
  const high = call.hi(1);
  if (!isCanonicalHigh(high)) return minus("EINVAL");
  setHalves(call.machine, field, call.lo(1), high);
  return 0;
}
