/**
 * Hardware breakpoints. While DR7 enables one, the vCPU executes instruction by instruction: the engine steps by RFLAGS.TF,
 * and what the guest must not see of that is put right behind it. Without one nothing of this is looked at.
 *
 *   execute        a fault before the instruction, unless RFLAGS.RF is set
 *   write, access  a trap behind it; what Xen does on the guest's behalf (hypercalls, page-table stores, INS and OUTS) and loads
 *                  of segment registers do not count
 */
import {
  CPU,
  EXIT_BUDGET,
  EXIT_FAULT,
  EXIT_SYSCALL,
  FS_BASE,
  GPR,
  GS_BASE,
  R11,
  RFLAGS,
  RIP,
  RSP,
  X_VECTOR,
} from "../../cpu/layout.ts";
import type { Vcpu } from "../domain/domain.ts";
import type { Machine } from "../machine.ts";
import { readGuest, writeGuest } from "../memory/guest-access.ts";
import { chargeWork } from "../time/cost-table.ts";
import { type Access, accessesOf, isPopf, isPushf } from "./accesses.ts";
import { DR_EXECUTE, DR_WRITE, DR6, DR7, DR7_ACTIVE } from "./debug-registers.ts";
import { inject } from "./inject.ts";
import { get32, get64, set32, TRAP_debug, X86_EFLAGS_RF, X86_EFLAGS_TF } from "./registers.ts";

const DR0 = DR6 - 0x20;
/** DR6: single step. */
const BS = 0x4000;
const MAX_INSTRUCTION = 15;
/** DR7's LEN field, in bytes. */
const LENGTHS = [1, 2, 8, 4] as const;

export const hasBreakpoints = (machine: Machine): boolean => (get32(machine, DR7) & DR7_ACTIVE) !== 0;

/** One instruction; the exit that follows from it, as `Engine.run` answers. */
export function stepWatched(machine: Machine, vcpu: Vcpu): number {
  const flags = get32(machine, RFLAGS);
  const rip = get64(machine, RIP);
  if ((flags & X86_EFLAGS_RF) === 0) {
    const hits = matching(machine, (kind, at) => kind === DR_EXECUTE && at === rip);
    if (hits !== 0) return debugException(machine, vcpu, hits);
  }
  chargeWork(machine, "emulate"); // what it costs the host, so that a slice stays one
  const code = fetch(machine, rip);
  const { u64 } = machine.engine.mem;
  const first = (CPU + GPR) >>> 3;
  const gpr = u64.slice(first, first + 16);
  const fsBase = get64(machine, FS_BASE);
  const gsBase = get64(machine, GS_BASE);
  const status = get32(machine, DR6);
  set32(machine, DR6, status & ~BS);
  set32(machine, RFLAGS, flags | X86_EFLAGS_TF);
  const exit = machine.engine.run(1);
  const isDone =
    exit === EXIT_FAULT && get32(machine, X_VECTOR) === TRAP_debug && (get32(machine, DR6) & BS) !== 0;
  const traces = (flags & X86_EFLAGS_TF) !== 0;
  if (!traces) hideStep(machine, exit, isDone, code);
  if (!(traces && isDone)) set32(machine, DR6, (get32(machine, DR6) & ~BS) | (status & BS));
  if (!isDone) return exit;
  const accesses = accessesOf(code, { gpr, fsBase, gsBase, rip, next: get64(machine, RIP) });
  const hits = matching(machine, (kind, at, length) =>
    accesses.some((each) => touches(each, kind, at, length)),
  );
  set32(machine, DR6, get32(machine, DR6) | hits);
  if (traces) return exit; // the guest's own single step, and it may find both in DR6
  return hits === 0 ? EXIT_BUDGET : debugException(machine, vcpu, hits);
}

/** Bits of the enabled breakpoints that match. */
function matching(machine: Machine, matches: (kind: number, at: bigint, length: number) => boolean): number {
  const control = get32(machine, DR7);
  let hits = 0;
  for (let i = 0; i < 4; i++) {
    if (((control >>> (i * 2)) & 3) === 0) continue;
    const kind = (control >>> (16 + i * 4)) & 3;
    const length = LENGTHS[((control >>> (18 + i * 4)) & 3) as 0 | 1 | 2 | 3];
    const at = get64(machine, DR0 + i * 8);
    if (matches(kind, kind === DR_EXECUTE ? at : at & ~BigInt(length - 1), length)) hits |= 1 << i;
  }
  return hits;
}

/** Is it an access that a data breakpoint on these bytes waits for? */
const touches = ({ va, size, isWrite }: Access, kind: number, at: bigint, length: number): boolean =>
  kind !== DR_EXECUTE && (kind !== DR_WRITE || isWrite) && va < at + BigInt(length) && at < va + BigInt(size);

function debugException(machine: Machine, vcpu: Vcpu, hits: number): number {
  set32(machine, DR6, get32(machine, DR6) | hits);
  inject(machine, vcpu, TRAP_debug, 0);
  return EXIT_BUDGET;
}

/** Takes the TF that was set for the step out of wherever the instruction has put it. */
function hideStep(machine: Machine, exit: number, isDone: boolean, code: Uint8Array): void {
  if (!(isDone && isPopf(code))) set32(machine, RFLAGS, get32(machine, RFLAGS) & ~X86_EFLAGS_TF);
  if (exit === EXIT_SYSCALL) set32(machine, R11, get32(machine, R11) & ~X86_EFLAGS_TF);
  if (!isDone || !isPushf(code)) return;
  const image = new Uint8Array(1);
  const at = get64(machine, RSP) + 1n;
  if (!readGuest(machine, at, image)) return;
  image[0] = (image[0] as number) & ~(X86_EFLAGS_TF >>> 8);
  writeGuest(machine, at, image);
}

/** The bytes at `rip` that can be read, zeros behind them. */
function fetch(machine: Machine, rip: bigint): Uint8Array {
  const code = new Uint8Array(MAX_INSTRUCTION + 1);
  const inPage = Math.min(MAX_INSTRUCTION, 4096 - Number(rip & 4095n));
  readGuest(machine, rip, code.subarray(0, inPage));
  if (inPage < MAX_INSTRUCTION)
    readGuest(machine, rip + BigInt(inPage), code.subarray(inPage, MAX_INSTRUCTION));
  return code;
}
