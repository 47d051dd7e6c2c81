/** VERR, VERW, LAR, LSL: no privilege needed, but the descriptors are Xen's to look at. The answer is ZF, and a register. */
import {
  CPU,
  GPR,
  PRIV_LAR,
  PRIV_LSL,
  PRIV_VERR,
  RFLAGS,
  X_PRIV,
  X_REG,
  X_REG2,
  X_SIZE,
} from "../../cpu/layout.ts";
import type { Vcpu } from "../domain/domain.ts";
import type { Machine } from "../machine.ts";
import { askSelector, type SelectorQuestion } from "./descriptor.ts";
import type { Emulated } from "./privileged.ts";
import { get32, set32, setHalves, X86_EFLAGS_ZF } from "./registers.ts";

const questionOf = (kind: number): SelectorQuestion => {
  if (kind === PRIV_LAR) return "rights";
  if (kind === PRIV_LSL) return "limit";
  return kind === PRIV_VERR ? "readable" : "writable";
};

export function querySelector(machine: Machine, vcpu: Vcpu): Emulated {
  const kind = get32(machine, X_PRIV);
  const answer = askSelector(machine, vcpu, get32(machine, X_REG2) & 0xffff, questionOf(kind));
  const flags = get32(machine, RFLAGS);
  set32(machine, RFLAGS, answer === undefined ? flags & ~X86_EFLAGS_ZF : flags | X86_EFLAGS_ZF);
  if (answer === undefined || (kind !== PRIV_LAR && kind !== PRIV_LSL)) return "next";
  const register = GPR + (get32(machine, X_REG) & 15) * 8;
  if (get32(machine, X_SIZE) === 2) machine.engine.mem.u16[(CPU + register) >>> 1] = answer;
  else setHalves(machine, register, answer, 0);
  return "next";
}
