/**
 * CPUID as every PV guest here sees it. One policy: x86-64 of the first generation with SSE2, named so that a kernel takes
 * its cheapest paths.
 *
 *   GenuineIntel 6/0x36 (an in-order Atom)   Linux: "Not affected" by any speculation flaw, no mitigation, no retpolines
 *   leaves 0x15, 0x16                        the clock's frequency: no calibration loop of 50,000 PIT reads
 *   no XSAVE, AVX, SSE3.., CX16              the engine does not execute them
 *   no MTRR, MCA, PSE, PGE, VME              as Xen hides them from a PV guest, or as good as useless to it
 *   APIC                                     shown, as Xen does: Linux then uses its own driver for Xen's
 */
import {
  XEN_CPUID_FIRST_LEAF,
  XEN_CPUID_MAX_NUM_LEAVES,
  XEN_CPUID_SIGNATURE_EBX,
  XEN_CPUID_SIGNATURE_ECX,
  XEN_CPUID_SIGNATURE_EDX,
} from "../../abi/arch-x86/cpuid.ts";
import { RAX, RBX, RCX, RDX } from "../../cpu/layout.ts";
import type { Vcpu } from "../domain/domain.ts";
import type { Machine } from "../machine.ts";
import { timeScale } from "../time/pvclock.ts";
import { XEN_MAJOR, XEN_MINOR } from "../version/version.ts";
import { get32, setHalves } from "./registers.ts";

/** eax, ebx, ecx, edx */
export type Leaf = readonly [number, number, number, number];
const NOTHING: Leaf = [0, 0, 0, 0];

const text = (s: string): number =>
  (s.charCodeAt(0) | (s.charCodeAt(1) << 8) | (s.charCodeAt(2) << 16) | (s.charCodeAt(3) << 24)) >>> 0;

const MAX_BASIC = 0x16;
const MAX_EXTENDED = 0x8000_0008;
/** Family 6, model 0x36, stepping 9. */
const SIGNATURE = 0x0003_0669;

const bits = (...n: number[]): number => n.reduce((mask, bit) => mask | (1 << bit), 0) >>> 0;

/** Leaf 1 EDX: FPU TSC MSR PAE CX8 APIC CMOV PAT CLFLUSH MMX FXSR SSE SSE2. */
const FEATURES_1D = bits(0, 4, 5, 6, 8, 9, 15, 16, 19, 23, 24, 25, 26);
/** Leaf 1 ECX: HYPERVISOR. */
const FEATURES_1C = bits(31);
/** Leaf 0x80000001 EDX: SYSCALL NX LM. */
const FEATURES_E1D = bits(11, 20, 29);
/** ECX: LAHF in 64-bit mode. */
const FEATURES_E1C = bits(0);
/** Leaf 0x80000007 EDX: invariant TSC. Virtual time never changes its pace. */
const ADVANCED_POWER = bits(8);

const CLFLUSH_LINE_QWORDS = 8;
const PHYSICAL_BITS = 40;
const VIRTUAL_BITS = 48;

function brand(mhz: number): Uint8Array {
  const name = `xlab virtual CPU @ ${(mhz / 1000).toFixed(2)}GHz`;
  return Uint8Array.from({ length: 48 }, (_, i) => name.charCodeAt(i) || 0);
}

/** The policy's answer to one leaf. */
export function cpuidLeaf(mhz: number, vcpuId: number, leaf: number, subleaf: number): Leaf {
  if (leaf >>> 8 === XEN_CPUID_FIRST_LEAF >>> 8) return xenLeaf(mhz, leaf - XEN_CPUID_FIRST_LEAF, subleaf);
  switch (leaf) {
    case 0:
      return [MAX_BASIC, text("Genu"), text("ntel"), text("ineI")];
    case 1:
      return [
        SIGNATURE,
        ((((vcpuId * 2) & 0xff) << 24) | (CLFLUSH_LINE_QWORDS << 8) | (1 << 16)) >>> 0,
        FEATURES_1C,
        FEATURES_1D,
      ];
    case 4:
      return cacheLeaf(subleaf);
    case 0x15: // TSC = crystal * numerator / denominator
      return [1, 1, mhz * 1_000_000, 0];
    case 0x16: // base, maximum and bus MHz
      return [mhz & 0xffff, mhz & 0xffff, 100, 0];
    case 0x8000_0000:
      return [MAX_EXTENDED, 0, 0, 0];
    case 0x8000_0001:
      return [0, 0, FEATURES_E1C, FEATURES_E1D];
    case 0x8000_0002:
    case 0x8000_0003:
    case 0x8000_0004: {
      const view = new DataView(brand(mhz).buffer, (leaf - 0x8000_0002) * 16, 16);
      return [0, 4, 8, 12].map((at) => view.getUint32(at, true)) as unknown as Leaf;
    }
    case 0x8000_0006: // L2: 512 KiB, 8 ways, 64-byte lines
      return [0, 0, (512 << 16) | (6 << 12) | 64, 0];
    case 0x8000_0007:
      return [0, 0, 0, ADVANCED_POWER];
    case 0x8000_0008:
      return [(VIRTUAL_BITS << 8) | PHYSICAL_BITS, 0, 0, 0];
    default:
      return NOTHING;
  }
}

/** Deterministic cache parameters: L1d 32 KiB, L1i 32 KiB, L2 512 KiB; 8 ways, 64-byte lines. */
function cacheLeaf(subleaf: number): Leaf {
  const cache = (type: number, level: number, kib: number): Leaf => [
    type | (level << 5) | (1 << 8),
    ((8 - 1) << 22) | (64 - 1),
    (kib * 1024) / (8 * 64) - 1,
    0,
  ];
  if (subleaf === 0) return cache(1, 1, 32);
  if (subleaf === 1) return cache(2, 1, 32);
  return subleaf === 2 ? cache(3, 2, 512) : NOTHING;
}

function xenLeaf(mhz: number, index: number, subleaf: number): Leaf {
  const scale = timeScale(mhz);
  switch (index) {
    case 0:
      return [
        XEN_CPUID_FIRST_LEAF + XEN_CPUID_MAX_NUM_LEAVES,
        XEN_CPUID_SIGNATURE_EBX,
        XEN_CPUID_SIGNATURE_ECX,
        XEN_CPUID_SIGNATURE_EDX,
      ];
    case 1:
      return [(XEN_MAJOR << 16) | XEN_MINOR, 0, 0, 0];
    case 2: // no hypercall page MSR for PV; MMU_PT_UPDATE_PRESERVE_AD
      return [0, 0, 1, 0];
    case 3:
      if (subleaf === 0) return [2, 0, mhz * 1000, 1]; // the host's TSC is reliable, tsc_mode default
      if (subleaf === 1) return [0, 0, scale.mul, scale.shift & 0xff];
      return subleaf === 2 ? [mhz * 1000, 0, 0, 0] : NOTHING;
    case 5:
      return subleaf === 0 ? [0, PHYSICAL_BITS, 0, 0] : NOTHING;
    default:
      return NOTHING;
  }
}

/** The instruction: EAX and ECX choose, all four are answered. */
export function cpuid(machine: Machine, vcpu: Vcpu): void {
  const leaf = cpuidLeaf(machine.time.mhz, vcpu.id, get32(machine, RAX), get32(machine, RCX));
  setHalves(machine, RAX, leaf[0], 0);
  setHalves(machine, RBX, leaf[1], 0);
  setHalves(machine, RCX, leaf[2], 0);
  setHalves(machine, RDX, leaf[3], 0);
}
