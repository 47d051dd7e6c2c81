/**
 * Sets of pCPUs as `xl vcpu-pin`, `cpus=` and `cpus_soft=` write them (xl's parse_cpurange): `0-2,^1,node:0`, evaluated
 * from left to right on an empty set. Throws XlError with xl's words.
 */
import { XlError } from "../error.ts";

/** What xl knows of the machine. One node has all pCPUs. */
export interface CpuMap {
  /** pCPUs that there are. */
  readonly cpus: number;
  /** Bits of libxl's map: `all` sets them, ids beyond are ignored. */
  readonly bits: number;
}

/** libxl's maps are whole bytes. */
export const cpuMapFor = (cpus: number): CpuMap => ({ cpus, bits: Math.ceil(cpus / 8) * 8 });

/** The set's members, ascending. */
export function parseCpuRange(text: string, map: CpuMap): number[] {
  const chosen = new Set<number>();
  for (const item of text.split(",")) {
    if (item !== "") applyItem(item, map, chosen);
  }
  return [...chosen].sort((a, b) => a - b);
}

function applyItem(item: string, { cpus, bits }: CpuMap, chosen: Set<number>): void {
  const removes = item.startsWith("^");
  const unsigned = removes ? item.slice(1) : item;
  const node = /^nodes?:/.exec(unsigned)?.[0] ?? "";
  const range = unsigned.slice(node.length);
  if (range === "all") {
    if (removes) throw new XlError(1, ['Can\'t combine "^" and "all".']);
    for (let cpu = 0; cpu < bits; cpu++) chosen.add(cpu);
    return;
  }
  const match = /^\s*\+?([0-9]+)(?:-\s*\+?([0-9]+))?$/.exec(range);
  const first = Number(match?.[1]);
  const last = Number(match?.[2] ?? match?.[1]);
  if (match === null || !(last >= first)) throw new XlError(1, [`Invalid pcpu range: ${range}.`]);
  const members = node === "" ? span(first, Math.min(last, bits - 1)) : first === 0 ? span(0, cpus - 1) : [];
  for (const cpu of members) {
    if (removes) chosen.delete(cpu);
    else chosen.add(cpu);
  }
}

const span = (first: number, last: number): number[] =>
  Array.from({ length: Math.max(0, last - first + 1) }, (_, i) => first + i);
