/**
 * Port I/O of a guest without devices: it may try if its IOPL lets it. Reads answer all ones, writes are dropped; what is
 * written to 0xcf8 and 0x70 is remembered, so Linux finds an empty PCI bus of "type 1".
 */
import { VMASST_TYPE_architectural_iopl } from "../../abi/xen.ts";
import {
  CPU,
  PRIV_INS,
  RAX,
  RCX,
  RDI,
  RFLAGS,
  RSI,
  X_PRIV,
  X_REG,
  X_REG2,
  X_SIZE,
} from "../../cpu/layout.ts";
import type { Vcpu } from "../domain/domain.ts";
import type { Machine } from "../machine.ts";
import { readGuest, writeGuest } from "../memory/guest-access.ts";
import { injectPageFault } from "./inject.ts";
import type { Emulated } from "./privileged.ts";
import { add64, get32, get64, setHalves, X86_EFLAGS_DF } from "./registers.ts";

const PCI_CONFIG_ADDRESS = 0xcf8;
const RTC_INDEX = 0x70;
const PFEC_WRITE = 2;

/** `iopl_ok`: the guest kernel counts as ring 1, or ring 0 with VMASST architectural_iopl. */
export function isIoplOkay(vcpu: Vcpu): boolean {
  const architectural = (vcpu.domain.vmAssist & (1 << VMASST_TYPE_architectural_iopl)) !== 0;
  const cpl = vcpu.kernelMode ? (architectural ? 0 : 1) : 3;
  return cpl <= vcpu.iopl;
}

export function portIn(machine: Machine, vcpu: Vcpu): Emulated {
  if (!isIoplOkay(vcpu)) return "#GP";
  const { u8, u16 } = machine.engine.mem;
  const size = get32(machine, X_SIZE);
  const value = read(vcpu, get32(machine, X_REG2) & 0xffff, size);
  if (size === 1) u8[CPU + RAX] = value;
  else if (size === 2) u16[(CPU + RAX) >>> 1] = value;
  else setHalves(machine, RAX, value, 0);
  return "next";
}

export function portOut(machine: Machine, vcpu: Vcpu): Emulated {
  if (!isIoplOkay(vcpu)) return "#GP";
  write(vcpu, get32(machine, X_REG2) & 0xffff, get32(machine, X_SIZE), get32(machine, RAX));
  return "next";
}

/** INS and OUTS: one element; with REP the instruction stands still until RCX is 0. */
export function portString(machine: Machine, vcpu: Vcpu): Emulated {
  if (!isIoplOkay(vcpu)) return "#GP";
  const repeated = (get32(machine, X_REG) & 1) !== 0;
  if (repeated && get64(machine, RCX) === 0n) return "next";
  const size = get32(machine, X_SIZE);
  const port = get32(machine, X_REG2) & 0xffff;
  const isIn = get32(machine, X_PRIV) === PRIV_INS;
  const pointer = isIn ? RDI : RSI;
  const va = get64(machine, pointer);
  const bytes = new Uint8Array(4);
  const view = new DataView(bytes.buffer);
  const element = bytes.subarray(0, size);
  let reached: boolean;
  if (isIn) {
    view.setUint32(0, read(vcpu, port, size), true);
    reached = writeGuest(machine, va, element);
  } else {
    reached = readGuest(machine, va, element);
    if (reached) write(vcpu, port, size, view.getUint32(0, true));
  }
  if (!reached) {
    injectPageFault(machine, vcpu, isIn ? PFEC_WRITE : 0, Number(va & 0xffff_ffffn), Number(va >> 32n));
    return "again";
  }
  add64(machine, pointer, (get32(machine, RFLAGS) & X86_EFLAGS_DF) !== 0 ? -size : size);
  if (!repeated) return "next";
  add64(machine, RCX, -1);
  return get64(machine, RCX) === 0n ? "next" : "again";
}

function read(vcpu: Vcpu, port: number, size: number): number {
  if (port === PCI_CONFIG_ADDRESS && size === 4) return vcpu.domain.ports.pciConfigAddress;
  if (port === RTC_INDEX && size === 1) return vcpu.domain.ports.rtcIndex;
  return size === 4 ? 0xffff_ffff : (1 << (size * 8)) - 1;
}

function write(vcpu: Vcpu, port: number, size: number, value: number): void {
  if (port === PCI_CONFIG_ADDRESS && size === 4) vcpu.domain.ports.pciConfigAddress = value >>> 0;
  if (port === RTC_INDEX && size === 1) vcpu.domain.ports.rtcIndex = value & 0x7f;
}
