/** SYSCALL from a guest kernel: the hypercall in RAX. */
import { HYPERCALL } from "../../abi/hypercall.ts";
import { CPU, RAX, RIP } from "../../cpu/layout.ts";
import type { Vcpu } from "../domain/domain.ts";
import type { Machine } from "../machine.ts";
import { chargeWork } from "../time/cost-table.ts";
import { add64 } from "../traps/registers.ts";
import { minus } from "./argument.ts";
import type { CallResult, Handler } from "./context.ts";
import { doMulticall } from "./multicall.ts";
import { RegisterCall } from "./register-call.ts";
import { HYPERCALL_TABLE } from "./table.ts";

/** SYSCALL's length: a preempted hypercall is executed anew. */
const SYSCALL_BYTES = 2;
const HIGH = 0x1_0000_0000;

const calls = new WeakMap<Machine, RegisterCall>();

export function dispatchHypercall(machine: Machine, vcpu: Vcpu): void {
  const { u32 } = machine.engine.mem;
  chargeWork(machine, "hypercall");
  const number = u32[(CPU + RAX + 4) >>> 2] === 0 ? (u32[(CPU + RAX) >>> 2] as number) : HIGH;
  const handler: Handler | undefined = number === HYPERCALL.multicall ? doMulticall : HYPERCALL_TABLE[number];
  if (handler === undefined) {
    answer(u32, minus("ENOSYS"));
    return;
  }
  let call = calls.get(machine);
  if (call === undefined) {
    call = new RegisterCall(machine, vcpu);
    calls.set(machine, call);
  }
  call.load(vcpu);
  const result = handler(call);
  if (result === "done") return;
  if (result === "preempted") add64(machine, RIP, -SYSCALL_BYTES);
  else answer(u32, result);
}

function answer(u32: Uint32Array, result: Exclude<CallResult, string>): void {
  const at = (CPU + RAX) >>> 2;
  if (typeof result === "bigint") {
    u32[at] = Number(result & 0xffff_ffffn);
    u32[at + 1] = Number((result >> 32n) & 0xffff_ffffn);
    return;
  }
  u32[at] = result % HIGH;
  u32[at + 1] = Math.floor(result / HIGH);
}
