/** `show_execution_state`: a vCPU's registers in Xen's layout, its code and its stack, into the hypervisor log. */

import { vcpuInfo } from "../../abi/xen.ts";
import * as L from "../../cpu/layout.ts";
import type { Machine } from "../machine.ts";
import { readGuest } from "../memory/guest-access.ts";
import { XEN_MAJOR, XEN_MINOR, XEN_VERSION } from "../version/version.ts";
import type { Domain, Vcpu } from "./domain.ts";

const WORDS_PER_LINE = 4;
const STACK_LINES = 20;
/** Bytes shown before RIP, and in all. */
const CODE_BEFORE = 20;
const CODE_BYTES = 48;

const hex16 = (value: bigint): string => value.toString(16).padStart(16, "0");
const hex4 = (value: number): string => value.toString(16).padStart(4, "0");

export function showExecutionState(machine: Machine, vcpu: Vcpu): void {
  if (vcpu.engineVcpu === undefined) return;
  const { engine, log } = machine;
  const loaded = machine.current === undefined || machine.current === vcpu;
  if (machine.current === undefined) engine.select(vcpu.engineVcpu);
  const state = engine.stateAddress(vcpu.engineVcpu);
  const u64 = (field: number): bigint => engine.mem.u64[(state + field) >>> 3] as bigint;
  const reg = (field: number): string => hex16(u64(field));
  const sel = (field: number): string => hex4(engine.mem.u16[(state + field) >>> 1] as number);
  const { domain } = vcpu;
  const rip = u64(L.RIP);
  const mode = vcpu.kernelMode ? 1 : 0;
  const cr2 = vcpuInfo.field.archCr2.get(engine.mem.view, vcpu.infoAddress);

  log(`----[ Xen-${XEN_MAJOR}.${XEN_MINOR}${XEN_VERSION.extra}  x86_64  debug=n  Not tainted ]----`);
  log(`CPU:    ${vcpu.processor}`);
  log(`RIP:    ${sel(L.SEL_CS)}:[<${hex16(rip)}>]${symbolOf(domain, rip)}`);
  log(`RFLAGS: ${reg(L.RFLAGS)}   EM: ${mode}   CONTEXT: pv guest (d${domain.domid}v${vcpu.id})`);
  log(`rax: ${reg(L.RAX)}   rbx: ${reg(L.RBX)}   rcx: ${reg(L.RCX)}`);
  log(`rdx: ${reg(L.RDX)}   rsi: ${reg(L.RSI)}   rdi: ${reg(L.RDI)}`);
  log(`rbp: ${reg(L.RBP)}   rsp: ${reg(L.RSP)}   r8:  ${reg(L.R8)}`);
  log(`r9:  ${reg(L.R9)}   r10: ${reg(L.R10)}   r11: ${reg(L.R11)}`);
  log(`r12: ${reg(L.R12)}   r13: ${reg(L.R13)}   r14: ${reg(L.R14)}`);
  log(`r15: ${reg(L.R15)}   cr0: ${reg(L.CR0)}   cr4: ${hex16(BigInt(vcpu.cr4))}`);
  log(`cr3: ${reg(L.CR3)}   cr2: ${hex16(cr2)}`);
  log(`fsb: ${reg(L.FS_BASE)}   gsb: ${reg(L.GS_BASE)}   gss: ${reg(L.GS_BASE_OTHER)}`);
  log(
    `ds: ${sel(L.SEL_DS)}   es: ${sel(L.SEL_ES)}   fs: ${sel(L.SEL_FS)}   gs: ${sel(L.SEL_GS)}   ` +
      `ss: ${sel(L.SEL_SS)}   cs: ${sel(L.SEL_CS)}`,
  );
  if (!loaded) return;
  showCode(machine, rip);
  showStack(machine, domain, u64(L.RSP));
}

/** The bytes around RIP, that at RIP in angle brackets. */
function showCode(machine: Machine, rip: bigint): void {
  const byte = new Uint8Array(1);
  const words: string[] = [];
  for (let i = 0; i < CODE_BYTES; i++) {
    const va = BigInt.asUintN(64, rip + BigInt(i - CODE_BEFORE));
    const text = readGuest(machine, va, byte) ? (byte[0] as number).toString(16).padStart(2, "0") : "..";
    words.push(i === CODE_BEFORE ? `<${text}>` : text);
  }
  machine.log(`Code: ${words.join(" ")}`);
}

function showStack(machine: Machine, domain: Domain, rsp: bigint): void {
  machine.log(`Guest stack trace from rsp=${hex16(rsp)}:`);
  const word = new Uint8Array(8);
  const view = new DataView(word.buffer);
  const calls: string[] = [];
  let line: string[] = [];
  let ended = "";
  for (let i = 0; i < WORDS_PER_LINE * STACK_LINES; i++) {
    const va = BigInt.asUintN(64, rsp + BigInt(i * 8));
    if (!readGuest(machine, va, word)) {
      ended = i === 0 ? "Fault while accessing guest memory." : "";
      break;
    }
    const value = view.getBigUint64(0, true);
    line.push(hex16(value));
    const symbol = symbolOf(domain, value);
    if (symbol !== "") calls.push(`   [<${hex16(value)}>]${symbol}`);
    if (line.length === WORDS_PER_LINE) {
      machine.log(`   ${line.join(" ")}`);
      line = [];
    }
  }
  if (line.length > 0) machine.log(`   ${line.join(" ")}`);
  if (ended !== "") machine.log(`   ${ended}`);
  if (calls.length > 0) machine.log("Guest code addresses on the stack:");
  for (const call of calls) machine.log(call);
}

/** No function of a kernel is larger. */
const LARGEST_FUNCTION = 0x1_0000n;

/** " name+0x17", or "" where nothing is known. */
function symbolOf(domain: Domain, address: bigint): string {
  const { symbols } = domain;
  let low = 0;
  let high = symbols.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((symbols[middle]?.address ?? 0n) <= address) low = middle + 1;
    else high = middle;
  }
  const symbol = symbols[low - 1];
  // Behind the last one no end is known; and what lies far behind any is data, or a hole.
  if (symbol === undefined || low === symbols.length || address - symbol.address > LARGEST_FUNCTION)
    return "";
  return ` ${symbol.name}+0x${(address - symbol.address).toString(16)}`;
}
