/**
 * A vCPU's x87 and SSE state as the 512 bytes of FXSAVE64 (SDM vol. 1, 10.5.1), which is how `vcpu_guest_context` and save
 * files hold it. The engine keeps registers by number; the image has them by their place on the stack.
 */
import { FPU, MXCSR, XMM } from "../../cpu/layout.ts";
import type { MachineMemory } from "../../cpu/types.ts";

export const FPU_IMAGE_SIZE = 512;
const MXCSR_MASK = 0xffff;
const XMM_SIZE = 256;
/** Offsets in the image; those up to FOP are the engine's as well (core/fpu/state.ts draws it). */
const IMAGE = { fip: 8, fdp: 16, mxcsr: 24, mask: 28, st: 32, xmm: 160 } as const;
const ENGINE = { fip: 0x08, fdp: 0x10, registers: 0x20 } as const;
const FCW_DEFINED = 0x1f3f;
const FCW_ALWAYS = 0x40;
const FOP_BITS = 0x7ff;
/** ES and B, which follow from the flags and masks. */
const FSW_SUMMARY = 0x8080;
const EXCEPTIONS = 0x3f;

/** `state`: byte address of the vCPU's state block. */
export function readFpuImage({ view, u8 }: MachineMemory, state: number): Uint8Array {
  const image = new Uint8Array(FPU_IMAGE_SIZE);
  const out = new DataView(image.buffer);
  const at = state + FPU;
  const fsw = view.getUint16(at + 2, true);
  out.setUint16(0, view.getUint16(at, true), true);
  out.setUint16(2, fsw, true);
  out.setUint8(4, view.getUint8(at + 4));
  out.setUint16(6, view.getUint16(at + 6, true), true);
  out.setBigUint64(IMAGE.fip, view.getBigUint64(at + ENGINE.fip, true), true);
  out.setBigUint64(IMAGE.fdp, view.getBigUint64(at + ENGINE.fdp, true), true);
  out.setUint32(IMAGE.mxcsr, view.getUint32(state + MXCSR, true), true);
  out.setUint32(IMAGE.mask, MXCSR_MASK, true);
  for (let i = 0; i < 8; i++) {
    const register = registerAt(at, fsw, i);
    image.set(u8.subarray(register, register + 10), IMAGE.st + i * 16);
  }
  image.set(u8.subarray(state + XMM, state + XMM + XMM_SIZE), IMAGE.xmm);
  return image;
}

/** The reverse. Bits that no such register has are dropped. */
export function writeFpuImage({ view, u8 }: MachineMemory, state: number, image: Uint8Array): void {
  const from = new DataView(image.buffer, image.byteOffset, FPU_IMAGE_SIZE);
  const at = state + FPU;
  const fcw = (from.getUint16(0, true) & FCW_DEFINED) | FCW_ALWAYS;
  const flags = from.getUint16(2, true);
  const fsw = flags & ~fcw & EXCEPTIONS ? flags | FSW_SUMMARY : flags & ~FSW_SUMMARY;
  view.setUint16(at, fcw, true);
  view.setUint16(at + 2, fsw, true);
  view.setUint8(at + 4, from.getUint8(4));
  view.setUint16(at + 6, from.getUint16(6, true) & FOP_BITS, true);
  view.setBigUint64(at + ENGINE.fip, from.getBigUint64(IMAGE.fip, true), true);
  view.setBigUint64(at + ENGINE.fdp, from.getBigUint64(IMAGE.fdp, true), true);
  view.setUint32(state + MXCSR, from.getUint32(IMAGE.mxcsr, true) & MXCSR_MASK, true);
  for (let i = 0; i < 8; i++) {
    const register = registerAt(at, fsw, i);
    u8.set(image.subarray(IMAGE.st + i * 16, IMAGE.st + i * 16 + 10), register);
  }
  u8.set(image.subarray(IMAGE.xmm, IMAGE.xmm + XMM_SIZE), state + XMM);
}

/** Where ST(i) lies: 10 bytes, in the physical register that TOP says. */
const registerAt = (fpu: number, fsw: number, i: number): number =>
  fpu + ENGINE.registers + ((((fsw >>> 11) + i) & 7) << 4);
