/** The CPU that guests see here, as a policy: what a saved guest takes with it, and whether this machine can offer as much. */
import { XEN_CPUID_FIRST_LEAF, XEN_CPUID_MAX_NUM_LEAVES } from "../../abi/arch-x86/cpuid.ts";
import {
  type CpuidLeaf,
  type CpuPolicy,
  type PolicyFault,
  XEN_CPUID_NO_SUBLEAF,
} from "../../abi/migration.ts";
import { cpuidLeaf } from "./cpuid.ts";

const MSR_INTEL_PLATFORM_INFO = 0xce;
const MSR_ARCH_CAPABILITIES = 0x10a;
/** Leaves with subleaves, and how many this CPU has of each. */
const SUBLEAVES: ReadonlyMap<number, number> = new Map([
  [4, 4],
  [XEN_CPUID_FIRST_LEAF + 3, 3],
  [XEN_CPUID_FIRST_LEAF + 5, 1],
]);
/** Leaves whose registers (by name) are sets of features: a guest may have fewer than the machine, not more. */
const FEATURES: ReadonlyMap<number, readonly ("a" | "b" | "c" | "d")[]> = new Map([
  [1, ["c", "d"]],
  [7, ["b", "c", "d"]],
  [0xd, ["a", "d"]],
  [0x8000_0001, ["c", "d"]],
]);
const MAX_LEAF: ReadonlySet<number> = new Set([0, 0x8000_0000]);

export function cpuPolicy(mhz: number): CpuPolicy {
  const leaves: CpuidLeaf[] = [];
  const add = (leaf: number): void => {
    const count = SUBLEAVES.get(leaf);
    for (let subleaf = 0; subleaf < (count ?? 1); subleaf++) {
      const [a, b, c, d] = cpuidLeaf(mhz, 0, leaf, subleaf).map((word) => word >>> 0) as [
        number,
        number,
        number,
        number,
      ];
      leaves.push({ leaf, subleaf: count === undefined ? XEN_CPUID_NO_SUBLEAF : subleaf, a, b, c, d });
    }
  };
  const upTo = (first: number, last: number): void => {
    for (let leaf = first; leaf <= last; leaf++) add(leaf);
  };
  upTo(0, cpuidLeaf(mhz, 0, 0, 0)[0]);
  upTo(XEN_CPUID_FIRST_LEAF, XEN_CPUID_FIRST_LEAF + XEN_CPUID_MAX_NUM_LEAVES);
  upTo(0x8000_0000, cpuidLeaf(mhz, 0, 0x8000_0000, 0)[0] >>> 0);
  return {
    leaves,
    msrs: [
      { idx: MSR_INTEL_PLATFORM_INFO, val: 0n },
      { idx: MSR_ARCH_CAPABILITIES, val: 0n },
    ],
  };
}

/** The first entry that asks for more than this machine has. */
export function auditPolicy(mhz: number, { leaves, msrs }: CpuPolicy): PolicyFault | undefined {
  for (const { leaf, subleaf, ...wanted } of leaves) {
    const [a, b, c, d] = cpuidLeaf(mhz, 0, leaf, subleaf === XEN_CPUID_NO_SUBLEAF ? 0 : subleaf);
    const here = { a, b, c, d };
    const beyond = MAX_LEAF.has(leaf)
      ? wanted.a >>> 0 > here.a >>> 0
      : FEATURES.get(leaf)?.some((register) => (wanted[register] & ~here[register]) !== 0);
    if (beyond === true) return { leaf, subleaf };
  }
  const known = new Map(cpuPolicy(mhz).msrs.map(({ idx, val }) => [idx, val]));
  for (const { idx, val } of msrs) if ((val & ~(known.get(idx) ?? 0n)) !== 0n) return { msr: idx };
  return undefined;
}
