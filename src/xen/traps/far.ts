/** EXIT_FAR: IRET, far return, far jump within ring 3, checked as hardware does. */
import {
  FAR_CALL,
  FAR_IRET,
  FAR_RET,
  RFLAGS,
  RIP,
  RSP,
  SEL_CS,
  SEL_SS,
  X_FAR_CS,
  X_FAR_KIND,
  X_FAR_RFLAGS,
  X_FAR_RIP,
  X_FAR_RSP,
  X_FAR_SS,
} from "../../cpu/layout.ts";
import type { Vcpu } from "../domain/domain.ts";
import type { Machine } from "../machine.ts";
import { checkCode, checkStack, isCompatibilityCode, MAY_LOAD } from "./descriptor.ts";
import { inject, injectGp } from "./inject.ts";
import { get32, get64, isCanonical, set32, set64, setSelector, X86_EFLAGS_NT } from "./registers.ts";

/** What IRET may change at CPL 3 with IOPL 0: CF PF AF ZF SF TF DF OF NT RF AC ID. */
const IRET_MASK = 0x25_4dd5;

export function handleFar(machine: Machine, vcpu: Vcpu): void {
  const kind = get32(machine, X_FAR_KIND);
  const cs = get32(machine, X_FAR_CS) & 0xffff;
  const rip = get64(machine, X_FAR_RIP);
  const flags = get32(machine, RFLAGS);
  if (kind === FAR_CALL || (kind === FAR_IRET && (flags & X86_EFLAGS_NT) !== 0)) {
    injectGp(machine, vcpu, 0);
    return;
  }
  const trap = checkCode(machine, vcpu, cs);
  if (trap !== MAY_LOAD) {
    noteCompatibility(machine, vcpu, cs);
    inject(machine, vcpu, trap, cs & 0xfffc);
    return;
  }
  const ss = get32(machine, X_FAR_SS) & 0xffff;
  if (kind === FAR_IRET) {
    const bad = checkStack(machine, vcpu, ss);
    if (bad !== MAY_LOAD) {
      inject(machine, vcpu, bad, ss & 0xfffc);
      return;
    }
  }
  if (!isCanonical(rip)) {
    injectGp(machine, vcpu, 0);
    return;
  }
  if (kind === FAR_IRET) {
    set32(machine, RFLAGS, (flags & ~IRET_MASK) | (get32(machine, X_FAR_RFLAGS) & IRET_MASK));
    setSelector(machine, SEL_SS, ss);
  }
  if (kind === FAR_IRET || kind === FAR_RET) set64(machine, RSP, get64(machine, X_FAR_RSP));
  setSelector(machine, SEL_CS, cs);
  set64(machine, RIP, rip);
}

/** The engine executes 64-bit code only: says so once a domain, since the guest sees but a #GP. */
export function noteCompatibility(machine: Machine, vcpu: Vcpu, cs: number): void {
  const { domain } = vcpu;
  if (domain.told.compatibility || !isCompatibilityCode(machine, vcpu, cs)) return;
  domain.told.compatibility = true;
  machine.log(`d${domain.domid}v${vcpu.id} 32-bit code (cs ${cs.toString(16)}) is not modelled: #GP`);
}
