/**
 * EXIT_PRIVILEGED: instructions that hardware refuses in ring 3 and Xen emulates for a guest kernel
 * (`emulate_privileged_op`). What is not in the table, or not for user mode, is a #GP.
 */
import {
  PRIV_CLI,
  PRIV_CLTS,
  PRIV_CPUID,
  PRIV_IN,
  PRIV_INS,
  PRIV_INVLPG,
  PRIV_LAR,
  PRIV_LMSW,
  PRIV_LSL,
  PRIV_MOV_FROM_CR,
  PRIV_MOV_FROM_DR,
  PRIV_MOV_TO_CR,
  PRIV_MOV_TO_DR,
  PRIV_OUT,
  PRIV_OUTS,
  PRIV_RDMSR,
  PRIV_RDTSC,
  PRIV_RDTSCP,
  PRIV_STI,
  PRIV_VERR,
  PRIV_VERW,
  PRIV_WBINVD,
  PRIV_WRMSR,
  RAX,
  RCX,
  RDX,
  RIP,
  TSC_AUX,
  X_LENGTH,
  X_PRIV,
  X_VA,
} from "../../cpu/layout.ts";
import type { Vcpu } from "../domain/domain.ts";
import type { Machine } from "../machine.ts";
import { chargeWork } from "../time/cost-table.ts";
import { localTicks } from "../time/virtual-time.ts";
import { lmsw, moveFromCr, moveToCr } from "./control-registers.ts";
import { cpuid } from "./cpuid.ts";
import { moveFromDr, moveToDr } from "./debug-registers.ts";
import { injectGp } from "./inject.ts";
import { readMsr, writeMsr } from "./msr.ts";
import { isIoplOkay, portIn, portOut, portString } from "./ports.ts";
import { add64, get32, getHigh, setHalves } from "./registers.ts";
import { querySelector } from "./selector-query.ts";
import { setTaskSwitched } from "./task-switched.ts";

/** "next": done, go on behind it. "again": done, RIP is right already. "#GP": not allowed. */
export type Emulated = "next" | "again" | "#GP";
type Emulation = (machine: Machine, vcpu: Vcpu) => Emulated;

const kernelOnly =
  (emulate: Emulation): Emulation =>
  (machine, vcpu) =>
    vcpu.kernelMode ? emulate(machine, vcpu) : "#GP";

const EMULATIONS: ReadonlyMap<number, Emulation> = new Map<number, Emulation>([
  [
    PRIV_CPUID,
    (machine, vcpu) => {
      cpuid(machine, vcpu);
      return "next";
    },
  ],
  [PRIV_RDTSC, readTsc],
  [
    PRIV_RDTSCP,
    (machine) => {
      setHalves(machine, RCX, get32(machine, TSC_AUX), 0);
      return readTsc(machine);
    },
  ],
  [PRIV_RDMSR, kernelOnly(emulateRdmsr)],
  [PRIV_WRMSR, kernelOnly(emulateWrmsr)],
  // No effect: POPF could not be seen to undo it. The guest's real mask is in vcpu_info.
  [PRIV_CLI, (_, vcpu) => (isIoplOkay(vcpu) ? "next" : "#GP")],
  [PRIV_STI, (_, vcpu) => (isIoplOkay(vcpu) ? "next" : "#GP")],
  [
    PRIV_CLTS,
    kernelOnly((machine, vcpu) => {
      setTaskSwitched(machine, vcpu, false);
      return "next";
    }),
  ],
  [PRIV_MOV_FROM_CR, kernelOnly(moveFromCr)],
  [PRIV_MOV_TO_CR, kernelOnly(moveToCr)],
  [PRIV_LMSW, kernelOnly(lmsw)],
  [PRIV_MOV_FROM_DR, kernelOnly(moveFromDr)],
  [PRIV_MOV_TO_DR, kernelOnly(moveToDr)],
  [PRIV_IN, portIn],
  [PRIV_OUT, portOut],
  [PRIV_INS, portString],
  [PRIV_OUTS, portString],
  [
    PRIV_INVLPG,
    kernelOnly((machine) => {
      machine.engine.invlpg(get32(machine, X_VA), getHigh(machine, X_VA));
      return "next";
    }),
  ],
  [PRIV_WBINVD, kernelOnly(() => "next")],
  [PRIV_VERR, querySelector],
  [PRIV_VERW, querySelector],
  [PRIV_LAR, querySelector],
  [PRIV_LSL, querySelector],
]);

export function emulatePrivileged(machine: Machine, vcpu: Vcpu): void {
  const emulate = EMULATIONS.get(get32(machine, X_PRIV));
  const length = get32(machine, X_LENGTH);
  const outcome = emulate === undefined ? "#GP" : emulate(machine, vcpu);
  if (outcome === "#GP") {
    injectGp(machine, vcpu, 0);
    return;
  }
  chargeWork(machine, "emulate");
  if (outcome === "next") add64(machine, RIP, length);
}

function readTsc(machine: Machine): Emulated {
  const ticks = localTicks(machine);
  setHalves(machine, RAX, ticks % 0x1_0000_0000, 0);
  setHalves(machine, RDX, Math.floor(ticks / 0x1_0000_0000), 0);
  return "next";
}

function emulateRdmsr(machine: Machine, vcpu: Vcpu): Emulated {
  const value = readMsr(machine, vcpu, get32(machine, RCX));
  if (value === undefined) return "#GP";
  setHalves(machine, RAX, Number(value & 0xffff_ffffn), 0);
  setHalves(machine, RDX, Number(value >> 32n), 0);
  return "next";
}

function emulateWrmsr(machine: Machine, vcpu: Vcpu): Emulated {
  const value = (BigInt(get32(machine, RDX)) << 32n) | BigInt(get32(machine, RAX));
  return writeMsr(machine, vcpu, get32(machine, RCX), value) ? "next" : "#GP";
}
