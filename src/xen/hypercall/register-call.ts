/** Calls as the dispatcher makes them: their arguments in twelve words, taken from registers or from a multicall's entry. */
import { CPU, R8, R9, R10, RDI, RDX, RSI } from "../../cpu/layout.ts";
import type { Domain, Vcpu } from "../domain/domain.ts";
import type { Machine } from "../machine.ts";
import { writeGuestU64 } from "../memory/guest-access.ts";
import type { Call } from "./context.ts";

type Args = readonly [bigint, bigint, bigint, bigint, bigint, bigint];

/** Argument registers in order, as word indices. */
const WORDS: readonly number[] = [RDI, RSI, RDX, R10, R8, R9].map((field) => (CPU + field) >>> 2);
const HIGH = 0x1_0000_0000;

abstract class WordCall {
  readonly machine: Machine;
  vcpu: Vcpu;
  domain: Domain;
  readonly words = new Uint32Array(12);
  protected readonly wide = new BigUint64Array(this.words.buffer);
  private made: Args | undefined;

  constructor(machine: Machine, vcpu: Vcpu) {
    this.machine = machine;
    this.vcpu = vcpu;
    this.domain = vcpu.domain;
  }

  get args(): Args {
    const w = this.wide;
    this.made ??= [
      w[0] as bigint,
      w[1] as bigint,
      w[2] as bigint,
      w[3] as bigint,
      w[4] as bigint,
      w[5] as bigint,
    ];
    return this.made;
  }

  lo(i: number): number {
    return this.words[i * 2] as number;
  }

  hi(i: number): number {
    return this.words[i * 2 + 1] as number;
  }

  num(i: number): number {
    return this.hi(i) * HIGH + this.lo(i);
  }

  protected begin(vcpu: Vcpu): void {
    this.vcpu = vcpu;
    this.domain = vcpu.domain;
    this.made = undefined;
  }
}

/** From registers. One object a machine, filled anew for each call: nobody keeps it. */
export class RegisterCall extends WordCall implements Call {
  readonly inMulticall = false;

  load(vcpu: Vcpu): void {
    this.begin(vcpu);
    const { u32 } = this.machine.engine.mem;
    for (let i = 0; i < 6; i++) {
      const at = WORDS[i] as number;
      this.words[i * 2] = u32[at] as number;
      this.words[i * 2 + 1] = u32[at + 1] as number;
    }
  }

  setArg(i: number, value: bigint): void {
    this.machine.engine.mem.u64[(WORDS[i] as number) >>> 1] = value;
  }
}

/** From a multicall's entry at `va`; `words` are filled by the multicall. */
export class MulticallCall extends WordCall implements Call {
  readonly inMulticall = true;
  private va = 0n;

  load(vcpu: Vcpu, va: bigint): void {
    this.begin(vcpu);
    this.va = va;
  }

  setArg(i: number, value: bigint): void {
    writeGuestU64(this.machine, this.va + 16n + BigInt(i * 8), value);
  }
}
