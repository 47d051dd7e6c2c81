/** The TypeScript programs that run as domains of their own. */
import type { Gate } from "../abi/hypercall.ts";
import type { ProgramStart } from "../dombuild/program.ts";
import { miniOsDemo } from "../guests/mini-os-demo/main.ts";
import { miniOsFiles } from "../guests/mini-os-files/main.ts";
import { miniOsHello } from "../guests/mini-os-hello/main.ts";
import { miniOsMemory } from "../guests/mini-os-memory/main.ts";
import { type Main, miniOsProgram } from "../guests/minios/kernel.ts";
import { pvGrub } from "../guests/pv-grub/main.ts";
import { bug } from "../lib/absurd.ts";

const PROGRAMS = {
  "pv-grub": pvGrub,
  "mini-os": miniOsDemo,
  "mini-os-files": miniOsFiles,
  "mini-os-hello": miniOsHello,
  "mini-os-memory": miniOsMemory,
} as const satisfies Record<string, Main>;
export type ProgramName = keyof typeof PROGRAMS;

const isName = (name: string): name is ProgramName => name in PROGRAMS;

export function programOf(name: string, gate: Gate, start: ProgramStart): () => void {
  return isName(name) ? miniOsProgram(gate, start, PROGRAMS[name]) : bug(`no program ${name}`);
}
