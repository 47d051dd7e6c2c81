/**
 * What the toolstack keeps of each domain beside xenstore (libxl's userdata files): the configuration it was made from,
 * which `xl list -l` shows and the domain's next life is built from.
 */
import type { Domid } from "../abi/types.ts";
import type { LibxlDomainConfig } from "./config/libxl-types.ts";

export interface Kept {
  readonly uuid: string;
  readonly libxl: LibxlDomainConfig;
  /** `xl config-update`'s text. */
  readonly updated?: string;
}

/** Hears of every change, so that files can be kept alike; `kept` undefined: it is forgotten. */
export type UserdataListener = (domid: Domid, kept: Kept | undefined, before: Kept | undefined) => void;

export class Userdata {
  readonly #kept = new Map<Domid, Kept>();
  readonly #changed: UserdataListener;

  constructor(changed: UserdataListener = () => {}) {
    this.#changed = changed;
  }

  get(domid: Domid): Kept | undefined {
    return this.#kept.get(domid);
  }

  store(domid: Domid, kept: Kept): void {
    const before = this.#kept.get(domid);
    this.#kept.set(domid, kept);
    this.#changed(domid, kept, before);
  }

  forget(domid: Domid): void {
    const before = this.#kept.get(domid);
    if (before === undefined) return;
    this.#kept.delete(domid);
    this.#changed(domid, undefined, before);
  }

  /** How many domains something is kept of. */
  get size(): number {
    return this.#kept.size;
  }
}
