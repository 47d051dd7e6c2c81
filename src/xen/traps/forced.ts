/**
 * The forced emulation prefix: `ud2; .ascii "xen"` before an instruction asks Xen to emulate it although it would not trap.
 * CPUID alone is granted.
 */
import { CPU, RIP } from "../../cpu/layout.ts";
import type { Vcpu } from "../domain/domain.ts";
import type { Machine } from "../machine.ts";
import { readGuestAt } from "../memory/guest-access.ts";
import { chargeWork } from "../time/cost-table.ts";
import { cpuid } from "./cpuid.ts";
import { add64 } from "./registers.ts";

const CPUID = [0x0f, 0x0b, 0x78, 0x65, 0x6e, 0x0f, 0xa2];
const code = new Uint8Array(CPUID.length);

/** True: it was one, and is done. */
export function emulateForced(machine: Machine, vcpu: Vcpu): boolean {
  const { u32 } = machine.engine.mem;
  const at = (CPU + RIP) >>> 2;
  if (!readGuestAt(machine, u32[at] as number, u32[at + 1] as number, code)) return false;
  if (!CPUID.every((byte, i) => code[i] === byte)) return false;
  chargeWork(machine, "emulate");
  cpuid(machine, vcpu);
  add64(machine, RIP, CPUID.length);
  return true;
}
