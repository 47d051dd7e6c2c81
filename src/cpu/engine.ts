/** The engine: the compiled core (core/) bound to one machine memory. */

import { EXIT_BUDGET } from "./layout.ts";
import { allocateMemory, FrameMemory, type SlotExports } from "./memory.ts";
import { DEFAULTS, type RegionCore, Translator, type TranslatorOptions } from "./translate/translator.ts";
import type { Engine, MachineMemory } from "./types.ts";

export interface EngineOptions {
  /** build/core.wasm, or it compiled: one module serves many engines. */
  readonly core: Uint8Array | WebAssembly.Module;
  /** 64 KiB pages of machine memory wanted, default 65,536 (4 GiB of address space; RSS grows as frames are touched). */
  readonly memoryPages?: number;
  /** Hot code is translated to WebAssembly: default yes; options are for tests. */
  readonly translate?: boolean | TranslatorOptions;
}

/** What core/index.ts exports. */
interface CoreExports extends SlotExports, RegionCore {
  init(pages: number): void;
  createVcpu(): number;
  destroyVcpu(vcpu: number): void;
  select(vcpu: number): void;
  stateAddress(vcpu: number): number;
  run(budget: number): number;
  probeStore(): number;
  finishStore(answer: number): number;
  flushTlb(): void;
  flushAllTlbs(): void;
  invlpg(vaLow: number, vaHigh: number): void;
  protect(mfn: number, on: number): void;
  translate(vaLow: number, vaHigh: number, access: number): number;
  translatedFrame(): number;
  blockBytes(): number;
  decodeBuffer(): number;
  decodeLength(): number;
}

class CoreEngine implements Engine {
  readonly mem: MachineMemory;
  readonly #core: CoreExports;
  readonly translator: Translator | undefined;

  constructor(core: CoreExports, mem: MachineMemory, translator: Translator | undefined) {
    this.#core = core;
    this.mem = mem;
    this.translator = translator;
  }

  createVcpu(): number {
    const vcpu = this.#core.createVcpu();
    if (vcpu < 0) throw new Error("the engine holds at most 256 vCPUs");
    return vcpu;
  }

  destroyVcpu(vcpu: number): void {
    this.#core.destroyVcpu(vcpu);
  }

  select(vcpu: number): void {
    this.#core.select(vcpu);
  }

  stateAddress(vcpu: number): number {
    return this.#core.stateAddress(vcpu);
  }

  run(budget: number): number {
    const exit = this.#core.run(budget);
    if (exit === EXIT_BUDGET) this.translator?.sample();
    return exit;
  }

  probeStore(): 0 | 1 {
    return this.#core.probeStore() === 0 ? 0 : 1;
  }

  finishStore(answer: number): number {
    return this.#core.finishStore(answer);
  }

  flushTlb(): void {
    this.#core.flushTlb();
  }

  flushAllTlbs(): void {
    this.#core.flushAllTlbs();
  }

  invlpg(vaLow: number, vaHigh: number): void {
    this.#core.invlpg(vaLow, vaHigh);
  }

  protect(mfn: number, on: boolean): void {
    this.#core.protect(mfn, on ? 1 : 0);
  }

  translate(vaLow: number, vaHigh: number, access: number): number {
    return this.#core.translate(vaLow, vaHigh, access) >>> 0;
  }

  translatedFrame(): number {
    return this.#core.translatedFrame() >>> 0;
  }

  /** Length of the instruction these bytes begin with (at most 15 are looked at); negative: undefined. For tests. */
  decodeLength(bytes: Uint8Array): number {
    const at = this.#core.decodeBuffer();
    this.mem.u8.fill(0, at, at + 32);
    this.mem.u8.set(bytes.subarray(0, 15), at);
    return this.#core.decodeLength();
  }

  /** Did the last run end where translated code used its budget up? For tests and figures. */
  endedInRegion(): boolean {
    return this.translator?.endedInRegion() ?? false;
  }

  /** Bytes that decoded blocks take. */
  blockBytes(): number {
    return this.#core.blockBytes();
  }
}

export type { CoreEngine };

/** A machine memory and an engine over it. Throws where the address space is too small. */
export function createEngine(options: EngineOptions): CoreEngine {
  const module =
    options.core instanceof WebAssembly.Module ? options.core : new WebAssembly.Module(options.core);
  const memory = allocateMemory(options.memoryPages);
  const { exports } = new WebAssembly.Instance(module, { env: { memory } });
  const core = exports as unknown as CoreExports;
  core.init(memory.buffer.byteLength / 4096);
  const mem = new FrameMemory(memory, core);
  const how = options.translate ?? true;
  if (how === false) return new CoreEngine(core, mem, undefined);
  return new CoreEngine(core, mem, new Translator(core, memory, mem.view, how === true ? DEFAULTS : how));
}
