/** What to do when the engine stops: a table by EXIT_*. */

import { FLAT_KERNEL_CS, FLAT_KERNEL_SS } from "../../abi/arch-x86/xen.ts";
import { CALLBACKTYPE_syscall } from "../../abi/callback.ts";
import {
  EXIT_BUDGET,
  EXIT_FAR,
  EXIT_FAULT,
  EXIT_INT,
  EXIT_NO_MEMORY,
  EXIT_PAUSE,
  EXIT_PRIVILEGED,
  EXIT_SEGMENT,
  EXIT_STORE,
  EXIT_SYSCALL,
  EXIT_VMCALL,
  RFLAGS,
  RIP,
  SEL_CS,
  SEL_SS,
  X_ERROR,
  X_FRAME,
  X_LENGTH,
  X_VECTOR,
} from "../../cpu/layout.ts";
import { bug } from "../../lib/absurd.ts";
import { crashDomain } from "../domain/crash.ts";
import type { Vcpu } from "../domain/domain.ts";
import { dispatchHypercall } from "../hypercall/dispatch.ts";
import type { Machine } from "../machine.ts";
import { spin } from "../sched/spin.ts";
import { chargeWork } from "../time/cost-table.ts";
import { bounce, NO_ERROR_CODE } from "./bounce.ts";
import { handleFar } from "./far.ts";
import { emulateForced } from "./forced.ts";
import { inject, injectGp } from "./inject.ts";
import { handlePageFault } from "./page-fault.ts";
import { emulatePrivileged } from "./privileged.ts";
import {
  add64,
  get32,
  set32,
  setSelector,
  TRAP_int3,
  TRAP_invalid_op,
  TRAP_no_device,
  TRAP_overflow,
  TRAP_page_fault,
  X86_EFLAGS_DF,
} from "./registers.ts";
import { handleSegmentLoad } from "./segment.ts";
import { setTaskSwitched } from "./task-switched.ts";

/** Answers the exit that follows from handling it; EXIT_BUDGET: none. */
type ExitHandler = (machine: Machine, vcpu: Vcpu) => number;

const done =
  (handle: (machine: Machine, vcpu: Vcpu) => void): ExitHandler =>
  (machine, vcpu) => {
    handle(machine, vcpu);
    return EXIT_BUDGET;
  };

const HANDLERS: readonly (ExitHandler | undefined)[] = (() => {
  const table: (ExitHandler | undefined)[] = [];
  table[EXIT_SYSCALL] = done(handleSyscall);
  table[EXIT_FAULT] = handleFault;
  table[EXIT_INT] = done(handleSoftwareInterrupt);
  table[EXIT_PRIVILEGED] = done(emulatePrivileged);
  table[EXIT_STORE] = done((machine, vcpu) => {
    const frame = get32(machine, X_FRAME).toString(16);
    crashDomain(
      machine,
      vcpu.domain,
      `a store to frame ${frame}, which is protected, and nobody who decides on it`,
    );
  });
  table[EXIT_FAR] = done(handleFar);
  table[EXIT_SEGMENT] = done(handleSegmentLoad);
  table[EXIT_NO_MEMORY] = done((machine, vcpu) => {
    if (machine.frames.drain() > 0) return; // freed frames gave memory back: the store is tried anew
    crashDomain(machine, vcpu.domain, "the model has no memory left to back this domain's pages");
  });
  table[EXIT_PAUSE] = done(spin);
  table[EXIT_VMCALL] = done((machine, vcpu) => inject(machine, vcpu, TRAP_invalid_op, 0));
  return table;
})();

export function handleExit(machine: Machine, vcpu: Vcpu, first: number): void {
  for (let exit = first; exit !== EXIT_BUDGET; ) {
    const handle = HANDLERS[exit] ?? bug(`the engine stopped for no known reason: ${exit}`);
    exit = handle(machine, vcpu);
  }
}

function handleSyscall(machine: Machine, vcpu: Vcpu): void {
  if (vcpu.kernelMode) {
    dispatchHypercall(machine, vcpu);
    return;
  }
  const { callbacks } = vcpu;
  if (!callbacks.isSet(CALLBACKTYPE_syscall)) {
    add64(machine, RIP, -2);
    inject(machine, vcpu, TRAP_invalid_op, 0);
    return;
  }
  chargeWork(machine, "trap");
  setSelector(machine, SEL_CS, FLAT_KERNEL_CS); // as SYSCALL leaves them, whatever user mode had
  setSelector(machine, SEL_SS, FLAT_KERNEL_SS);
  const low = callbacks.low[CALLBACKTYPE_syscall] as number;
  const high = callbacks.high[CALLBACKTYPE_syscall] as number;
  bounce(machine, vcpu, low, high, callbacks.masksEvents(CALLBACKTYPE_syscall), NO_ERROR_CODE);
  set32(machine, RFLAGS, get32(machine, RFLAGS) & ~X86_EFLAGS_DF);
}

function handleFault(machine: Machine, vcpu: Vcpu): number {
  const vector = get32(machine, X_VECTOR);
  if (vector === TRAP_page_fault) return handlePageFault(machine, vcpu);
  if (vector === TRAP_invalid_op && emulateForced(machine, vcpu)) return EXIT_BUDGET;
  if (vector === TRAP_no_device) setTaskSwitched(machine, vcpu, false); // Xen clears TS on the guest's behalf
  inject(machine, vcpu, vector, get32(machine, X_ERROR));
  return EXIT_BUDGET;
}

/** INT n: INT3 and INTO always, others if the trap table lets this mode; else #GP at the instruction. */
function handleSoftwareInterrupt(machine: Machine, vcpu: Vcpu): void {
  const vector = get32(machine, X_VECTOR) & 0xff;
  const allowed =
    vector === TRAP_int3 ||
    vector === TRAP_overflow ||
    (vcpu.traps.isSet(vector) && vcpu.traps.dpl(vector) >= (vcpu.kernelMode ? 1 : 3));
  if (allowed) {
    inject(machine, vcpu, vector, 0);
    return;
  }
  add64(machine, RIP, -get32(machine, X_LENGTH));
  injectGp(machine, vcpu, vector * 8 + 2);
}
