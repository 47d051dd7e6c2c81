/** Failures for people: grouped by row, the row that fails most first, with a few examples each. */
import {
  Decoder,
  DecoderOptions,
  Formatter,
  FormatterSyntax,
  InstructionInfoFactory,
  OpAccess,
  Register,
} from "iced-x86";
import {
  type Case,
  GPR_NAMES,
  type Result,
  S_FCW,
  S_FS_BASE,
  S_FSW,
  S_FTW,
  S_GPR,
  S_GS_BASE,
  S_MXCSR,
  S_RFLAGS,
  S_RIP,
  viewOf,
} from "./case.ts"; // prettier-ignore
import { describeOutcome, flagNames, fswNames, hex, st, type Verdict, xmm } from "./compare.ts";
import { MAPPINGS, PAGE } from "./machine.ts";

export interface Failure {
  readonly class: string;
  readonly index: number;
  readonly case: Case;
  readonly expected: Result;
  readonly verdict: Verdict;
}

export interface Tally {
  readonly class: string;
  cases: number;
  failed: number;
  /** Cases that have something undefined and completed; of these, in how many the engine does not do as the processor. */
  open: number;
  openDiffers: number;
}

function disassemble(code: Uint8Array, rip: bigint): string {
  const decoder = new Decoder(64, code, DecoderOptions.None);
  decoder.ip = rip;
  const formatter = new Formatter(FormatterSyntax.Nasm);
  const text: string[] = [];
  while (decoder.canDecode) {
    const instruction = decoder.decode();
    text.push(formatter.format(instruction));
    instruction.free();
  }
  formatter.free();
  decoder.free();
  return text.join("; ");
}

/** Registers that the instruction reads, by number: general, vector; and whether x87 or MMX state matters. */
function inputsOf(code: Uint8Array): { gpr: number[]; xmm: number[]; x87: boolean } {
  const gpr = new Set<number>();
  const vector = new Set<number>();
  let x87 = code.some((byte, i) => i < 4 && ((byte >= 0xd8 && byte <= 0xdf) || byte === 0x9b));
  const decoder = new Decoder(64, code, DecoderOptions.None);
  const instruction = decoder.decode();
  const factory = new InstructionInfoFactory();
  const info = factory.info(instruction);
  const note = (register: number): void => {
    if (register >= Register.RAX && register <= Register.R15) gpr.add(register - Register.RAX);
    else if (register >= Register.EAX && register <= Register.R15D) gpr.add(register - Register.EAX);
    else if (register >= Register.AX && register <= Register.R15W) gpr.add(register - Register.AX);
    else if (register >= Register.AL && register <= Register.BL) gpr.add(register - Register.AL);
    else if (register >= Register.AH && register <= Register.BH) gpr.add(register - Register.AH);
    else if (register >= Register.SPL && register <= Register.R15L) gpr.add(register - Register.SPL + 4);
    else if (register >= Register.XMM0 && register <= Register.XMM15) vector.add(register - Register.XMM0);
    else if (register >= Register.MM0 && register <= Register.MM7) x87 = true;
  };
  for (const used of info.usedRegisters()) {
    if (used.access !== OpAccess.None) note(used.register);
    used.free();
  }
  for (const used of info.usedMemory()) {
    note(used.base);
    note(used.index);
    used.free();
  }
  for (const thing of [info, factory, instruction, decoder]) thing.free();
  return { gpr: [...gpr].sort((a, b) => a - b), xmm: [...vector].sort((a, b) => a - b), x87 };
}

function addressOf(offset: number): string {
  const m = MAPPINGS.find((each) => offset >= each.page * PAGE && offset < (each.page + each.pages) * PAGE);
  return m ? hex(m.va + BigInt(offset - m.page * PAGE)) : `+${hex(offset)}`;
}

function describeCase(c: Case): string[] {
  const view = viewOf(c.state);
  const rip = view.getBigUint64(S_RIP, true);
  const used = inputsOf(c.code);
  const bytes = Buffer.from(c.code)
    .toString("hex")
    .replace(/(..)(?=.)/g, "$1 ");
  const lines = [`${bytes}   ${disassemble(c.code, rip)}   @ ${hex(rip)}`];
  const input = used.gpr.map((r) => `${GPR_NAMES[r]}=${hex(view.getBigUint64(S_GPR + 8 * r, true))}`);
  input.push(`flags=${flagNames(view.getUint32(S_RFLAGS, true))}`);
  if (c.code.includes(0x64)) input.push(`fs=${hex(view.getBigUint64(S_FS_BASE, true))}`);
  if (c.code.includes(0x65)) input.push(`gs=${hex(view.getBigUint64(S_GS_BASE, true))}`);
  lines.push(`  in   ${input.join(" ")}`);
  for (const r of used.xmm) lines.push(`       xmm${r}=${xmm(c.state, r)}`);
  if (used.xmm.length > 0) lines.push(`       mxcsr=${hex(view.getUint32(S_MXCSR, true))}`);
  if (used.x87) {
    const fsw = view.getUint16(S_FSW, true);
    lines.push(
      `       fcw=${hex(view.getUint16(S_FCW, true))} fsw=${fswNames(fsw)} tags=${hex(view.getUint8(S_FTW))}`,
    );
    const registers = [0, 1, 2, 3, 4, 5, 6, 7].map((r) => `R${r}=${st(c.state, r)}`);
    lines.push(`       ${registers.slice(0, 4).join(" ")}`, `       ${registers.slice(4).join(" ")}`);
  }
  for (const p of c.patches)
    lines.push(`       [${addressOf(p.offset)}]=${Buffer.from(p.bytes.subarray(0, 32)).toString("hex")}`);
  return lines;
}

function describeFailure(f: Failure): string {
  const lines = describeCase(f.case).map((line) => `    ${line}`);
  lines.push(`      processor: ${describeOutcome(f.expected.vector, f.expected.error, f.expected.cr2)}`);
  for (const d of f.verdict.differences) lines.push(`      ${d.what}: expected ${d.expected}, got ${d.got}`);
  return lines.join("\n");
}

/** Examples chosen so that they differ in what went wrong. */
function examples(failures: readonly Failure[], n: number): Failure[] {
  const kind = (f: Failure): string => f.verdict.differences.map((d) => d.what.replace(/\+.*/, "")).join();
  const chosen: Failure[] = [];
  const seen = new Set<string>();
  for (const f of failures) {
    if (chosen.length === n) break;
    if (seen.has(kind(f))) continue;
    seen.add(kind(f));
    chosen.push(f);
  }
  for (const f of failures) if (chosen.length < n && !chosen.includes(f)) chosen.push(f);
  return chosen;
}

function groupFailures(failures: readonly Failure[]): [string, Failure[]][] {
  const groups = new Map<string, Failure[]>();
  for (const f of failures) {
    const name = `${f.class}: ${f.case.row}`;
    const list = groups.get(name);
    if (list) list.push(f);
    else groups.set(name, [f]);
  }
  return [...groups].sort((a, b) => b[1].length - a[1].length);
}

export function describeFailures(failures: readonly Failure[], perGroup = 3): string {
  return groupFailures(failures)
    .map(([name, list]) =>
      [`${name}  (${list.length} failed)`, ...examples(list, perGroup).map(describeFailure)].join("\n"),
    )
    .join("\n\n");
}

export function describeTallies(tallies: readonly Tally[]): string {
  const row = (t: Tally): string => {
    const rate = (100 * (t.cases - t.failed)) / t.cases;
    const open = t.open ? `   undefined parts: ${t.open - t.openDiffers} of ${t.open} as the processor` : "";
    return `${t.class.padEnd(20)} ${String(t.cases - t.failed).padStart(6)} of ${String(t.cases).padStart(6)}  ${rate.toFixed(2).padStart(6)} %${open}`;
  };
  const total: Tally = { class: "all", cases: 0, failed: 0, open: 0, openDiffers: 0 };
  for (const t of tallies) {
    total.cases += t.cases;
    total.failed += t.failed;
    total.open += t.open;
    total.openDiffers += t.openDiffers;
  }
  return [...tallies, total].map(row).join("\n");
}
