/** What commands ask of a domain's disks: the toolstack's plans behind `xl block-attach` and its kin, as promises. */
import type { Domid } from "../abi/types.ts";
import type { Disk } from "../toolstack/config/libxl-types.ts";
import type { Dom0 } from "../toolstack/dom0.ts";
import { attachBlock, type BlockRow, changeCd, detachBlock, listBlocks } from "../toolstack/plan/block.ts";
import type { Plan } from "../toolstack/wait.ts";

/** Each throws XlError with what xl prints and its status. */
export interface BlocksApi {
  attach(domid: Domid, disk: Disk): Promise<void>;
  detach(domid: Domid, vdev: string, force: boolean): Promise<void>;
  list(domid: Domid): BlockRow[];
  changeCd(domid: Domid): void;
}

export interface BlocksOptions {
  readonly dom0: Dom0;
  /** Brings virtual time up to now before the model is touched; throws when the machine is off. */
  readonly enter: () => void;
  readonly run: <T>(plan: Plan<T>) => Promise<T>;
}

export class Blocks implements BlocksApi {
  readonly #options: BlocksOptions;

  constructor(options: BlocksOptions) {
    this.#options = options;
  }

  async attach(domid: Domid, disk: Disk): Promise<void> {
    await this.#options.run(attachBlock(this.#options.dom0, domid, disk));
  }

  async detach(domid: Domid, vdev: string, force: boolean): Promise<void> {
    await this.#options.run(detachBlock(this.#options.dom0, domid, vdev, force));
  }

  list(domid: Domid): BlockRow[] {
    this.#options.enter();
    return listBlocks(this.#options.dom0, domid);
  }

  changeCd(domid: Domid): void {
    this.#options.enter();
    changeCd(this.#options.dom0, domid);
  }
}
