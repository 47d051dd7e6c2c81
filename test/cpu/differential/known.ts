/** Where the engine is known not to do as the processor does. Whoever mends one of these strikes it out here. */
import type { Failure } from "./report.ts";

interface Deviation {
  readonly why: string;
  covers(f: Failure): boolean;
}

const KNOWN: readonly Deviation[] = [
  {
    why: "D9 /3 with a register (undocumented): the processor does not check for an empty source",
    covers: (f) => f.case.row === "fstp1 (d9 /3)",
  },
  {
    why: "ENTER with nesting: a frame pointer read may be one just pushed; the engine reads them all first",
    covers: (f) =>
      f.case.row.startsWith("enter") && f.verdict.differences.every((d) => d.what.startsWith("memory")),
  },
  {
    why: "BT and kin with 67: the processor cuts the address to 32 bits behind adding the bit's byte, the engine before",
    covers: (f) => /^bt[src]? Ev,Gv/.test(f.case.row) && f.case.code.includes(0x67),
  },
];

export const isKnown = (f: Failure): boolean => KNOWN.some((deviation) => deviation.covers(f));
