/**
 * A hypercall in flight, as its handler sees it.
 */
import type { Domain, Vcpu } from "../domain/domain.ts";
import type { Machine } from "../machine.ts";

export interface Call {
  readonly machine: Machine;
  readonly domain: Domain;
  readonly vcpu: Vcpu;
  /** rdi rsi rdx r10 r8 r9. */
  readonly args: readonly [bigint, bigint, bigint, bigint, bigint, bigint];
  /** True inside a multicall. */
  readonly inMulticall: boolean;
}

/**
 * What goes to rax: a value ≥ 0, -errno, or "preempted" (the instruction is executed anew, arguments as the handler
 * left them in the registers; a handler should end one slice of work within about 1 ms of host time).
 * "done": the handler has set the whole register state itself (iret).
 */
export type CallResult = number | bigint | "preempted" | "done";

export type Handler = (call: Call) => CallResult;
