/** What Mini-OS says of itself when it starts (xen-project/mini-os, arch/x86/setup.c). */
import { PAGE_SIZE } from "../../abi/types.ts";
import type { MiniOs } from "./kernel.ts";

const hex = (value: number | bigint, digits = 1): string => `0x${value.toString(16).padStart(digits, "0")}`;

/** A TypeScript program has no page tables: those fields are zero, as they stand in its start_info. */
export function printBanner(os: MiniOs): void {
  const { start, console } = os;
  const lines = [
    "Xen Minimal OS (pv)!",
    `  start_info: ${hex(0)}(VA)`,
    `    nr_pages: ${hex(start.nrPages)}`,
    `  shared_inf: ${hex(start.sharedInfoMfn * PAGE_SIZE, 8)}(MA)`,
    `     pt_base: ${hex(0)}(VA)`,
    `nr_pt_frames: ${hex(0)}`,
    `    mfn_list: ${hex(0)}(VA)`,
    `   mod_start: ${hex(start.module?.pfn ?? 0)}(VA)`,
    `     mod_len: ${start.module?.length ?? 0}`,
    `       flags: ${hex(0)}`,
    `    cmd_line: ${start.cmdline}`,
  ];
  console.print(`${lines.join("\n")}\n`);
}
