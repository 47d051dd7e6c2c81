/**
 * A machine frame as a TypeScript domain has it mapped ({@link MappedFrame}): a reference is held until `unmap`, a writable
 * one if it may write. Accesses go straight to the frame's bytes, which may get a slot or lose untouched ones in between.
 */
import type { MappedFrame } from "../../abi/hypercall.ts";
import { bug } from "../../lib/absurd.ts";
import type { Domain } from "../domain/domain.ts";
import type { Machine } from "../machine.ts";
import { putFrame, putWritableFrame } from "./references.ts";
import { writeAddressOf } from "./slots.ts";

export class HeldFrame implements MappedFrame {
  readonly writable: boolean;
  private readonly machine: Machine;
  private readonly holder: Domain;
  private readonly mfn: number;
  private readonly released: (() => void) | undefined;
  private mapped = true;

  /** Takes over references that the caller has got for `holder`; `released` is called after they are given back. */
  constructor(machine: Machine, holder: Domain, mfn: number, writable: boolean, released?: () => void) {
    this.machine = machine;
    this.holder = holder;
    this.mfn = mfn;
    this.writable = writable;
    this.released = released;
    holder.memory.held.add(this);
  }

  getUint8(offset: number): number {
    return this.machine.engine.mem.u8[this.at(offset, 1)] as number;
  }
  getUint32(offset: number): number {
    return this.machine.engine.mem.view.getUint32(this.at(offset, 4), true);
  }
  getBigUint64(offset: number): bigint {
    return this.machine.engine.mem.view.getBigUint64(this.at(offset, 8), true);
  }
  setUint8(offset: number, value: number): void {
    const at = this.atForWrite(offset, 1);
    if (at === 0) return;
    this.machine.engine.mem.u8[at] = value;
    this.machine.engine.mem.noteWrite(this.mfn, offset, 1);
  }
  setUint32(offset: number, value: number): void {
    const at = this.atForWrite(offset, 4);
    if (at === 0) return;
    this.machine.engine.mem.view.setUint32(at, value, true);
    this.machine.engine.mem.noteWrite(this.mfn, offset, 4);
  }
  setBigUint64(offset: number, value: bigint): void {
    const at = this.atForWrite(offset, 8);
    if (at === 0) return;
    this.machine.engine.mem.view.setBigUint64(at, value, true);
    this.machine.engine.mem.noteWrite(this.mfn, offset, 8);
  }
  read(offset: number, length: number): Uint8Array {
    const at = this.at(offset, length);
    return this.machine.engine.mem.u8.slice(at, at + length);
  }
  write(offset: number, bytes: Uint8Array): void {
    if (bytes.length === 0) return;
    const at = this.atForWrite(offset, bytes.length);
    if (at === 0) return;
    this.machine.engine.mem.u8.set(bytes, at);
    this.machine.engine.mem.noteWrite(this.mfn, offset, bytes.length);
  }
  unmap(): void {
    if (!this.mapped) bug(`frame ${this.mfn} is unmapped already`);
    this.mapped = false;
    this.holder.memory.held.delete(this);
    if (this.writable) putWritableFrame(this.machine, this.mfn);
    else putFrame(this.machine, this.mfn);
    this.released?.();
  }

  private at(offset: number, length: number): number {
    this.check(offset, length);
    return this.machine.engine.mem.readAddress(this.mfn) + offset;
  }
  /** 0: no memory is left; the frame's owner has been crashed and the write is lost. */
  private atForWrite(offset: number, length: number): number {
    this.check(offset, length);
    if (!this.writable) bug(`frame ${this.mfn} is mapped read-only`);
    const at = writeAddressOf(this.machine, this.mfn);
    return at === 0 ? 0 : at + offset;
  }
  private check(offset: number, length: number): void {
    if (!this.mapped) bug(`frame ${this.mfn} is not mapped any more`);
    if (offset < 0 || length < 0 || offset + length > 4096) bug(`${offset}+${length} sticks out of a frame`);
  }
}
