/** Where a guest wants its exceptions and callbacks: the virtual IDT and the callback addresses, as halves. */
import { CALLBACKF_mask_events } from "../../abi/callback.ts";

const TI_DPL = 3;
const TI_MASKS_EVENTS = 4;

/** 256 vectors; address 0 = none. */
export class TrapTable {
  readonly low = new Uint32Array(256);
  readonly high = new Uint32Array(256);
  readonly flags = new Uint8Array(256);
  readonly cs = new Uint16Array(256);

  clear(): void {
    this.low.fill(0);
    this.high.fill(0);
    this.flags.fill(0);
    this.cs.fill(0);
  }

  set(vector: number, flags: number, cs: number, low: number, high: number): void {
    this.low[vector] = low;
    this.high[vector] = high;
    this.flags[vector] = flags;
    this.cs[vector] = cs | 3; // `fixup_guest_code_selector`
  }

  isSet(vector: number): boolean {
    return this.low[vector] !== 0 || this.high[vector] !== 0;
  }

  /** Least privileged ring that may reach it by INT n. */
  dpl(vector: number): number {
    return (this.flags[vector] as number) & TI_DPL;
  }

  masksEvents(vector: number): boolean {
    return ((this.flags[vector] as number) & TI_MASKS_EVENTS) !== 0;
  }
}

/** By CALLBACKTYPE_*; address 0 = none. */
export class Callbacks {
  readonly low = new Uint32Array(8);
  readonly high = new Uint32Array(8);
  readonly flags = new Uint8Array(8);

  set(type: number, low: number, high: number, flags: number): void {
    this.low[type] = low;
    this.high[type] = high;
    this.flags[type] = flags;
  }

  isSet(type: number): boolean {
    return this.low[type] !== 0 || this.high[type] !== 0;
  }

  masksEvents(type: number): boolean {
    return ((this.flags[type] as number) & CALLBACKF_mask_events) !== 0;
  }

  address(type: number): bigint {
    return (BigInt(this.high[type] as number) << 32n) | BigInt(this.low[type] as number);
  }
}
