/** A {@link DiskImage} as the back end's {@link BlockStore}: its answers enter the model at scheduling points. */
import { SECTOR_SIZE } from "../../abi/io/blkif.ts";
import type { BlockStore, StoreAnswer, StoreRequest } from "../../devices/vbd/store.ts";
import type { Outside } from "../outside.ts";
import type { DiskImage } from "./image.ts";

/** How long the modelled disk takes for a request, virtual time (warp; in real time it takes what it takes). */
const LATENCY_NANOS = 100_000;
const NANOS_PER_BYTE = 1;

export interface ImageStoreOptions {
  readonly image: DiskImage;
  readonly outside: Outside;
  /** A request failed: for the host's log. */
  readonly warn: (line: string) => void;
  readonly closed: () => void;
}

export class ImageStore implements BlockStore {
  readonly sectors: number;
  readonly readonly: boolean;
  readonly discardGranularity: number;
  readonly #options: ImageStoreOptions;
  #underWay = 0;
  #closing = false;

  constructor(options: ImageStoreOptions) {
    const { image } = options;
    this.#options = options;
    this.sectors = image.size / SECTOR_SIZE;
    this.readonly = image.readonly;
    this.discardGranularity = image.discardGranularity;
  }

  submit(request: StoreRequest, answer: (answer: StoreAnswer) => void): void {
    const { outside } = this.#options;
    this.#underWay++;
    outside.ask(
      () => this.#perform(request),
      (done) => {
        this.#underWay--;
        answer(done);
        this.#lookForEnd();
      },
      LATENCY_NANOS + NANOS_PER_BYTE * bytesOf(request),
    );
  }

  close(): void {
    this.#closing = true;
    this.#lookForEnd();
  }

  #lookForEnd(): void {
    if (!this.#closing || this.#underWay > 0) return;
    this.#closing = false;
    this.#options.closed();
  }

  async #perform(request: StoreRequest): Promise<StoreAnswer> {
    const { image, warn } = this.#options;
    try {
      switch (request.op) {
        case "read":
          return {
            ok: true,
            bytes: await image.read(request.sector * SECTOR_SIZE, request.count * SECTOR_SIZE),
          };
        case "write":
          await image.write(request.sector * SECTOR_SIZE, request.bytes);
          return { ok: true };
        case "flush":
          await image.flush();
          return { ok: true };
        case "discard":
          await image.discard(request.sector * SECTOR_SIZE, request.count * SECTOR_SIZE);
          return { ok: true };
      }
    } catch (error) {
      warn(`${request.op}: ${error instanceof Error ? error.message : String(error)}`);
      return { ok: false };
    }
  }
}

/** That pass between the disk and memory. */
function bytesOf(request: StoreRequest): number {
  if (request.op === "read") return request.count * SECTOR_SIZE;
  return request.op === "write" ? request.bytes.length : 0;
}
