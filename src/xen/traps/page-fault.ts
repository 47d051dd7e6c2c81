/**
 * EXIT_FAULT with vector 14. A write of the guest kernel to one of its own page tables is no fault to it: Xen looks at the
 * instruction, checks the entry that it would store and stores it (`ptwr`). All other faults are the guest's.
 */
import { VMASST_TYPE_writable_pagetables } from "../../abi/xen.ts";
import {
  EXIT_BUDGET,
  EXIT_STORE,
  STORE_COMMIT,
  X_ERROR,
  X_FRAME,
  X_OFFSET,
  X_SIZE,
  X_VA,
  X_VALUE,
} from "../../cpu/layout.ts";
import type { Vcpu } from "../domain/domain.ts";
import type { Machine } from "../machine.ts";
import { emulatePtWrite } from "../memory/ptwr.ts";
import { chargeWork } from "../time/cost-table.ts";
import { injectPageFault } from "./inject.ts";
import { get32, get64, getHigh, set64 } from "./registers.ts";

const PFEC_page_present = 1;
const PFEC_write_access = 2;
const PFEC_reserved_bit = 8;
const PFEC_insn_fetch = 16;

/** Answers the exit that follows: EXIT_BUDGET, unless an emulated store met something else. */
export function handlePageFault(machine: Machine, vcpu: Vcpu): number {
  const error = get32(machine, X_ERROR);
  const low = get32(machine, X_VA);
  const high = getHigh(machine, X_VA);
  const kinds = PFEC_page_present | PFEC_write_access | PFEC_reserved_bit | PFEC_insn_fetch;
  if (
    vcpu.kernelMode &&
    (error & kinds) === (PFEC_page_present | PFEC_write_access) &&
    (vcpu.domain.vmAssist & (1 << VMASST_TYPE_writable_pagetables)) !== 0
  ) {
    const exit = emulateWrite(machine, vcpu);
    if (exit !== undefined) return exit;
  }
  injectPageFault(machine, vcpu, error, low, high);
  return EXIT_BUDGET;
}

/** The exit after the emulated instruction; undefined: it is no store to a page table of his, or one that is refused. */
function emulateWrite(machine: Machine, vcpu: Vcpu): number | undefined {
  const { engine } = machine;
  if (engine.probeStore() === 0) return undefined;
  let exit: number = EXIT_STORE;
  for (let part = 0; exit === EXIT_STORE; part++) {
    const fixed = emulatePtWrite(
      machine,
      vcpu,
      get32(machine, X_FRAME),
      get32(machine, X_OFFSET),
      get32(machine, X_SIZE),
      get64(machine, X_VALUE),
    );
    if (fixed === "refused") return part === 0 ? undefined : exit;
    chargeWork(machine, "emulate");
    set64(machine, X_VALUE, fixed.commit);
    exit = engine.finishStore(STORE_COMMIT);
  }
  return exit;
}
