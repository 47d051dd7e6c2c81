/** MSRs that a PV kernel may read and write: a table. Everything else is a #GP, which Linux's *_safe accessors expect. */
import { EFER, FS_BASE, GS_BASE, GS_BASE_OTHER, TSC_AUX } from "../../cpu/layout.ts";
import type { Vcpu } from "../domain/domain.ts";
import type { Machine } from "../machine.ts";
import { localTicks } from "../time/virtual-time.ts";
import { get32, get64, isCanonical, set64 } from "./registers.ts";

const MSR_IA32_TSC = 0x10;
const MSR_IA32_PLATFORM_ID = 0x17;
const MSR_APIC_BASE = 0x1b;
const MSR_IA32_UCODE_REV = 0x8b;
const MSR_IA32_MISC_ENABLE = 0x1a0;
const MSR_IA32_CR_PAT = 0x277;
const MSR_EFER = 0xc000_0080;
const MSR_FS_BASE = 0xc000_0100;
const MSR_GS_BASE = 0xc000_0101;
const MSR_SHADOW_GS_BASE = 0xc000_0102;
const MSR_TSC_AUX = 0xc000_0103;

/** Xen's PAT: WB WT UC- UC WC WP UC UC. */
const XEN_MSR_PAT = 0x0000_0501_0007_0406n;
const APIC_DEFAULT_PHYS_BASE = 0xfee0_0000n;
const APIC_BASE_ENABLE = 1n << 11n;
const APIC_BASE_BSP = 1n << 8n;
/** Fast strings; branch trace and PEBS unavailable; no MONITOR. */
const MISC_ENABLE = 1n | (1n << 11n) | (1n << 12n);
/** Revision in the upper half, as Intel keeps it. */
const MICROCODE = 1n << 32n;

interface Msr {
  read(machine: Machine, vcpu: Vcpu): bigint;
  /** False: #GP. */
  write(machine: Machine, vcpu: Vcpu, value: bigint): boolean;
}

const never = (): boolean => false;

/** Can be read; a write of what it holds is let pass (Linux does that), any other is not. */
const constant = (value: (machine: Machine, vcpu: Vcpu) => bigint): Msr => ({
  read: value,
  write: (machine, vcpu, wanted) => wanted === value(machine, vcpu),
});

/** A segment base in the engine's state. */
const base = (field: (vcpu: Vcpu) => number): Msr => ({
  read: (machine, vcpu) => get64(machine, field(vcpu)),
  write(machine, vcpu, value) {
    if (!isCanonical(value)) return false;
    set64(machine, field(vcpu), value);
    return true;
  },
});

const MSRS: ReadonlyMap<number, Msr> = new Map<number, Msr>([
  [MSR_IA32_TSC, { read: (machine) => BigInt(localTicks(machine)), write: never }],
  [MSR_IA32_PLATFORM_ID, { read: () => 0n, write: never }],
  [
    MSR_APIC_BASE,
    {
      read: (_, vcpu) => APIC_DEFAULT_PHYS_BASE | APIC_BASE_ENABLE | (vcpu.id === 0 ? APIC_BASE_BSP : 0n),
      write: never,
    },
  ],
  // Writes come before reads of the revision, and are dropped.
  [MSR_IA32_UCODE_REV, { read: () => MICROCODE, write: () => true }],
  [MSR_IA32_MISC_ENABLE, constant(() => MISC_ENABLE)],
  [MSR_IA32_CR_PAT, { read: () => XEN_MSR_PAT, write: never }],
  [MSR_EFER, constant((machine) => get64(machine, EFER))],
  [MSR_FS_BASE, base(() => FS_BASE)],
  [MSR_GS_BASE, base(() => GS_BASE)],
  [MSR_SHADOW_GS_BASE, base(() => GS_BASE_OTHER)],
  [MSR_TSC_AUX, { read: (machine) => BigInt(get32(machine, TSC_AUX)), write: never }],
]);

/** undefined: #GP */
export const readMsr = (machine: Machine, vcpu: Vcpu, index: number): bigint | undefined =>
  MSRS.get(index)?.read(machine, vcpu);

/** False: #GP */
export const writeMsr = (machine: Machine, vcpu: Vcpu, index: number, value: bigint): boolean =>
  MSRS.get(index)?.write(machine, vcpu, value) ?? false;
