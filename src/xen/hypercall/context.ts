/**
 * A hypercall in flight, as its handler sees it: who calls, and six 64-bit arguments, whichever door they came through
 * (registers, or an entry of a multicall).
 */
import type { Domain, Vcpu } from "../domain/domain.ts";
import type { Machine } from "../machine.ts";

export interface Call {
  readonly machine: Machine;
  readonly domain: Domain;
  readonly vcpu: Vcpu;
  /** rdi rsi rdx r10 r8 r9. Made on demand: where 32 bits do, `lo`/`hi` are cheaper. */
  readonly args: readonly [bigint, bigint, bigint, bigint, bigint, bigint];
  /** Low and high half of argument `i` as u32. */
  lo(i: number): number;
  hi(i: number): number;
  /** Argument `i` as a non-negative number; what lies above 2^53 loses its low bits. */
  num(i: number): number;
  /** Changes argument `i` where the guest keeps it, before a handler answers "preempted". */
  setArg(i: number, value: bigint): void;
  /** True inside a multicall. */
  readonly inMulticall: boolean;
}

/**
 * What goes to rax: a value ≥ 0, -errno, or "preempted" (the instruction is executed anew, arguments as the handler
 * left them with `setArg`; a handler should end one slice of work within about 1 ms of host time).
 * "done": the handler has set the whole register state itself (iret).
 */
export type CallResult = number | bigint | "preempted" | "done";

export type Handler = (call: Call) => CallResult;
