/**
 * The second tier: code in which runs end again and again is hot, and becomes WebAssembly.
 *
 *   translator.sample()     after a run whose budget ended
 *
 * Regions are compiled some at a time (a module costs more than a function in it) and numbered as they come; when there
 * are too many, or the core forgets its blocks, all go and the count begins anew.
 */
import { CPU, RIP } from "../layout.ts";
import { type Blocks, findRegion } from "./graph.ts";
import { buildModule, HELPERS, type HelperName } from "./module.ts";
import { Records } from "./records.ts";
import { translateRegion } from "./region.ts";

/** What the core exports for us (core/index.ts, core/regions.ts). */
export interface RegionCore extends Record<HelperName, unknown> {
  readonly table: WebAssembly.Table;
  knownBlock(): number;
  jumpBlock(low: number, high: number): number;
  relink(link: number): number;
  blockGeneration(): number;
  sinceRegion(): number;
  decodeBuffer(): number;
  installRegion(number: number, index: number, members: number, count: number): void;
  dropRegions(): void;
}

export interface TranslatorOptions {
  /** Samples that make a block hot. */
  readonly threshold: number;
  /** Hot blocks that are compiled together, and samples after which fewer are. */
  readonly batch: number;
  readonly patience: number;
}

export const DEFAULTS: TranslatorOptions = { threshold: 4, batch: 16, patience: 64 };

/** Regions alive at a time. */
const MAX_REGIONS = 2048;
/** Blocks that samples are kept of. */
const MAX_SAMPLED = 4096;
/** A run that ended so soon after a region ended where the region stopped for its budget. */
const ONE_BLOCK = 48;

/** Samples after which a block that was not worth while is looked at again. */
const HOPELESS = 1000;

export class Translator {
  readonly #core: RegionCore;
  readonly #records: Records;
  readonly #memory: WebAssembly.Memory;
  readonly #options: TranslatorOptions;
  readonly #samples = new Map<number, number>();
  /** Hot blocks, and the virtual address of the page that each was met in. */
  readonly #waiting = new Map<number, bigint>();
  #waited = 0;
  #regions = 0;
  readonly #firstIndex: number;
  #generation = 0;
  /** Regions made so far, and the bytes of their modules. */
  made = 0;
  bytes = 0;

  constructor(core: RegionCore, memory: WebAssembly.Memory, view: DataView, options: TranslatorOptions) {
    this.#core = core;
    this.#memory = memory;
    this.#records = new Records(view);
    this.#options = options;
    this.#firstIndex = core.table.grow(MAX_REGIONS);
  }

  /** A run has just ended by its budget. */
  sample(): void {
    const core = this.#core;
    if (core.blockGeneration() !== this.#generation) this.#forget();
    if (this.#waiting.size > 0 && ++this.#waited >= this.#options.patience) this.#compile();
    if (this.endedInRegion()) return;
    const block = core.knownBlock() >>> 0;
    if (block === 0) return;
    const count = (this.#samples.get(block) ?? 0) + 1;
    if (this.#samples.size >= MAX_SAMPLED) this.#samples.clear();
    this.#samples.set(block, count);
    if (count < this.#options.threshold) return;
    // from here on anew: it may be dropped
    this.#samples.delete(block);
    if (this.#records.entersRegion(block)) return;
    const rip = this.#records.view.getBigUint64(CPU + RIP, true);
    this.#waiting.set(block, rip & ~0xfffn);
    if (this.#waiting.size >= this.#options.batch) this.#compile();
  }

  /** Did the last run, which its budget ended, end where a region stopped for that? */
  endedInRegion(): boolean {
    return this.#core.sinceRegion() < ONE_BLOCK;
  }

  /** The core has forgotten its blocks. */
  #forget(): void {
    this.#generation = this.#core.blockGeneration();
    this.#samples.clear();
    this.#waiting.clear();
    this.#waited = 0;
    this.#clearTable();
  }

  #clearTable(): void {
    for (let i = 0; i < this.#regions; i++) this.#core.table.set(this.#firstIndex + i, null);
    this.#regions = 0;
  }

  #compile(): void {
    const core = this.#core;
    const { view } = this.#records;
    if (this.#regions + this.#waiting.size > MAX_REGIONS) {
      core.dropRegions();
      this.#clearTable();
      this.#samples.clear();
    }
    const blocks: Blocks = {
      jumpBlock: (va) =>
        core.jumpBlock(Number(BigInt.asIntN(32, va)), Number(BigInt.asIntN(32, va >> 32n))) >>> 0,
      relink: (link) => core.relink(link) >>> 0,
    };
    const made = [];
    for (const [block, page] of this.#waiting) {
      const found = findRegion(this.#records, block, page, blocks);
      if (found.length === 0) this.#samples.set(block, -HOPELESS);
      else made.push(translateRegion(this.#records, found));
    }
    this.#waiting.clear();
    this.#waited = 0;
    if (made.length === 0) return;
    const bytes = buildModule(
      made.map((region) => region.body),
      this.#memory.buffer.byteLength / 65_536,
    );
    const imports = Object.fromEntries(Object.keys(HELPERS).map((name) => [name, core[name as HelperName]]));
    const { exports } = new WebAssembly.Instance(new WebAssembly.Module(bytes), {
      core: { ...imports, memory: this.#memory },
    });
    made.forEach(({ members }, i) => {
      const index = this.#firstIndex + this.#regions;
      core.table.set(index, exports[String(i)]);
      const list = core.decodeBuffer();
      members.forEach(({ name }, m) => {
        view.setUint32(list + 4 * m, name, true);
      });
      core.installRegion(this.#regions++, index, list, members.length);
    });
    this.made += made.length;
    this.bytes += bytes.length;
  }
}
