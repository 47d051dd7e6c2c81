/**
 * A PV vCPU's two modes: guest kernel and guest user. Both run at CPL 3; they differ in page tables, GS base, and what
 * SYSCALL means (`toggle_guest_mode`).
 */
import { CPU, CR3, GS_BASE, GS_BASE_OTHER, PV_USER } from "../../cpu/layout.ts";
import type { Vcpu } from "../domain/domain.ts";
import type { Machine } from "../machine.ts";
import { set32, setHalves } from "./registers.ts";

export function toggleGuestMode(machine: Machine, vcpu: Vcpu): void {
  const { u32 } = machine.engine.mem;
  const gs = (CPU + GS_BASE) >>> 2;
  const other = (CPU + GS_BASE_OTHER) >>> 2;
  const low = u32[gs] as number;
  const high = u32[gs + 1] as number;
  u32[gs] = u32[other] as number;
  u32[gs + 1] = u32[other + 1] as number;
  u32[other] = low;
  u32[other + 1] = high;
  vcpu.kernelMode = !vcpu.kernelMode;
  setTables(machine, vcpu.kernelMode ? vcpu.guestTable : vcpu.guestTableUser, vcpu.kernelMode);
}

/** Does something with the guest kernel's page tables in force, whatever mode the vCPU is in. */
export function withKernelTables(machine: Machine, vcpu: Vcpu, act: () => void): void {
  if (vcpu.kernelMode) {
    act();
    return;
  }
  setTables(machine, vcpu.guestTable, true);
  act();
  setTables(machine, vcpu.guestTableUser, false);
}

function setTables(machine: Machine, mfn: number, kernel: boolean): void {
  setHalves(machine, CR3, mfn << 12, mfn >>> 20);
  set32(machine, PV_USER, kernel ? 0 : 1);
}
