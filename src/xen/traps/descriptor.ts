/** Descriptors behind a selector: the guest's GDT frames and LDT, and Xen's own flat segments at the end of every GDT. */
import { FIRST_RESERVED_GDT_ENTRY } from "../../abi/arch-x86/xen.ts";
import { absurd } from "../../lib/absurd.ts";
import type { Vcpu } from "../domain/domain.ts";
import type { Machine } from "../machine.ts";
import { ldtFrame } from "../memory/descriptors.ts";
import { TRAP_gp_fault, TRAP_no_segment, TRAP_stack_error } from "./registers.ts";

/** Answers of the checks: it may be loaded, or this vector with the selector as error code. */
export const MAY_LOAD = 0;

/** The descriptor that {@link findDescriptor} found. */
const found = { low: 0, high: 0 };

const P = 1 << 15;
const S = 1 << 12;
const CODE = 1 << 11;
/** Code: readable. Data: writable. */
const RW = 1 << 9;
/** Code: conforming. */
const CONFORMING = 1 << 10;
const L = 1 << 21;
const D = 1 << 22;
/** Limit in pages. */
const G = 1 << 23;
const dpl = (high: number): number => (high >>> 13) & 3;

/** Xen's flat segments, by entry from FIRST_RESERVED_GDT_ENTRY on: high words; the low word is 0xffff. */
const FLAT: readonly number[] = [
  0,
  0x00af_9b00, // 0xe008 ring 0 code, 64-bit
  0x00cf_9300, // 0xe010 ring 0 data
  0,
  0x00cf_fb00, // 0xe023 ring 3 code, compatibility
  0x00cf_f300, // 0xe02b ring 3 data
  0x00af_fb00, // 0xe033 ring 3 code, 64-bit
];

function findDescriptor(machine: Machine, vcpu: Vcpu, selector: number): boolean {
  const index = selector >>> 3;
  let frame: number;
  if ((selector & 4) !== 0) {
    if (index >= vcpu.ldtEntries) return false;
    frame = ldtFrame(machine, vcpu, index >>> 9);
  } else if (index >= FIRST_RESERVED_GDT_ENTRY) {
    found.low = 0xffff;
    found.high = FLAT[index - FIRST_RESERVED_GDT_ENTRY] ?? 0;
    return found.high !== 0;
  } else {
    if (index >= vcpu.gdtEntries) return false;
    frame = vcpu.gdtFrames[index >>> 9] ?? 0;
  }
  if (frame === 0) return false;
  const { mem } = machine.engine;
  const at = (mem.readAddress(frame) + (index & 511) * 8) >>> 2;
  found.low = mem.u32[at] as number;
  found.high = mem.u32[at + 1] as number;
  return true;
}

/** Base address of the descriptor that the last successful check looked at. */
export const foundBase = (): number =>
  ((found.low >>> 16) | ((found.high & 0xff) << 16) | (found.high & 0xff00_0000)) >>> 0;

/** May CS become `selector` by a transfer at CPL 3 (IRET, far return and jump)? 64-bit code only. */
export function checkCode(machine: Machine, vcpu: Vcpu, selector: number): number {
  if ((selector & 0xfffc) === 0 || (selector & 3) !== 3) return TRAP_gp_fault;
  if (!findDescriptor(machine, vcpu, selector)) return TRAP_gp_fault;
  const { high } = found;
  if ((high & S) === 0 || (high & CODE) === 0) return TRAP_gp_fault;
  if ((high & CONFORMING) === 0 && dpl(high) !== 3) return TRAP_gp_fault;
  if ((high & P) === 0) return TRAP_no_segment;
  if ((high & L) === 0 || (high & D) !== 0) return TRAP_gp_fault;
  return MAY_LOAD;
}

/** Is it present code of the kind that this engine does not execute (compatibility mode)? */
export function isCompatibilityCode(machine: Machine, vcpu: Vcpu, selector: number): boolean {
  if (!findDescriptor(machine, vcpu, selector)) return false;
  return (found.high & (S | CODE | P)) === (S | CODE | P) && (found.high & L) === 0;
}

/** May SS become `selector`? */
export function checkStack(machine: Machine, vcpu: Vcpu, selector: number): number {
  if ((selector & 0xfffc) === 0 || (selector & 3) !== 3) return TRAP_gp_fault;
  if (!findDescriptor(machine, vcpu, selector)) return TRAP_gp_fault;
  const { high } = found;
  if ((high & S) === 0 || (high & CODE) !== 0 || (high & RW) === 0 || dpl(high) !== 3) return TRAP_gp_fault;
  return (high & P) === 0 ? TRAP_stack_error : MAY_LOAD;
}

/** May DS, ES, FS or GS become `selector`, which is not null? */
export function checkData(machine: Machine, vcpu: Vcpu, selector: number): number {
  if (!findDescriptor(machine, vcpu, selector)) return TRAP_gp_fault;
  const { high } = found;
  if ((high & S) === 0) return TRAP_gp_fault;
  if ((high & CODE) !== 0 && (high & RW) === 0) return TRAP_gp_fault;
  const conforming = (high & CODE) !== 0 && (high & CONFORMING) !== 0;
  if (!conforming && dpl(high) !== 3) return TRAP_gp_fault;
  return (high & P) === 0 ? TRAP_no_segment : MAY_LOAD;
}

/** System descriptors that LAR and LSL speak of: LDT, TSS, and for LAR call gates. */
const LDT = 2;
const TSS_AVAILABLE = 9;
const TSS_BUSY = 11;
const CALL_GATE = 12;

export type SelectorQuestion = "readable" | "writable" | "rights" | "limit";

/** What VERR, VERW, LAR and LSL answer in ring 3; undefined: ZF = 0. */
export function askSelector(
  machine: Machine,
  vcpu: Vcpu,
  selector: number,
  question: SelectorQuestion,
): number | undefined {
  if ((selector & 0xfffc) === 0 || !findDescriptor(machine, vcpu, selector)) return undefined;
  const { low, high } = found;
  const isSegment = (high & S) !== 0;
  const isCode = isSegment && (high & CODE) !== 0;
  if (!(isCode && (high & CONFORMING) !== 0) && dpl(high) !== 3) return undefined;
  if (!isSegment) {
    const type = (high >>> 8) & 15;
    const known = type === LDT || type === TSS_AVAILABLE || type === TSS_BUSY;
    if (
      !(question === "rights" && type === CALL_GATE) &&
      !(known && (question === "rights" || question === "limit"))
    )
      return undefined;
  }
  switch (question) {
    case "readable":
      return isCode && (high & RW) === 0 ? undefined : 1;
    case "writable":
      return isCode || (high & RW) === 0 ? undefined : 1;
    case "rights":
      return high & 0x00ff_ff00;
    case "limit": {
      const limit = (low & 0xffff) | (high & 0xf_0000);
      return ((high & G) === 0 ? limit : (limit << 12) | 0xfff) >>> 0;
    }
    default:
      return absurd(question);
  }
}
