/** A block front end for tests: writes whatever it is told into its ring, reads what comes back; and a disk in memory. */
import {
  BLKIF_LAYOUTS,
  BLKIF_OP_DISCARD,
  BLKIF_OP_INDIRECT,
  type BlkifLayout,
  SECTOR_SIZE,
  SEGMENT_SIZE,
} from "../../src/abi/io/blkif.ts";
import { ringSlots, SRING_SLOTS } from "../../src/abi/io/ring.ts";
import type { BlockStore, StoreAnswer, StoreRequest } from "../../src/devices/vbd/store.ts";
import type { FakeFrame } from "./fake-gate.ts";

const PAGE = 4096;

/** gref, first and last sector. */
export type Seg = readonly [gref: number, first: number, last: number];

export interface Response {
  readonly id: number;
  readonly operation: number;
  readonly status: number;
}

export class BlkFront {
  readonly layout: BlkifLayout;
  readonly slots: number;
  reqProd: number;
  rspCons: number;
  readonly #frames: readonly FakeFrame[];

  constructor(frames: readonly FakeFrame[], layout: BlkifLayout = BLKIF_LAYOUTS["x86_64-abi"], start = 0) {
    this.#frames = frames;
    this.layout = layout;
    this.slots = ringSlots(frames.length * PAGE, layout.stride);
    this.reqProd = start;
    this.rspCons = start;
    for (const at of [0, 8]) this.setIndex(at, start);
    for (const at of [4, 12]) this.setIndex(at, (start + 1) >>> 0);
  }

  index(at: number): number {
    return this.#head.getUint32(at);
  }

  setIndex(at: number, value: number): void {
    this.#head.setUint32(at, value >>> 0);
  }

  get #head(): FakeFrame {
    return this.#frames[0] as FakeFrame;
  }

  /** Any bytes as a request. */
  putRaw(bytes: Uint8Array): void {
    const at = SRING_SLOTS + (this.reqProd % this.slots) * this.layout.stride;
    for (const [i, byte] of bytes.entries())
      this.#frames[Math.floor((at + i) / PAGE)]?.setUint8((at + i) % PAGE, byte);
    this.reqProd = (this.reqProd + 1) >>> 0;
    this.setIndex(0, this.reqProd);
  }

  put(id: number, operation: number, sector: number, segments: readonly Seg[], count?: number): void {
    const { layout } = this;
    const [bytes, view] = this.#slot(id, operation);
    view.setUint8(layout.nrSegments, count ?? segments.length);
    view.setBigUint64(layout.sector, BigInt(sector), true);
    for (const [i, segment] of segments.entries())
      putSegment(view, layout.segments + i * SEGMENT_SIZE, segment);
    this.putRaw(bytes);
  }

  putDiscard(id: number, sector: number, sectors: number): void {
    const [bytes, view] = this.#slot(id, BLKIF_OP_DISCARD);
    view.setBigUint64(this.layout.sector, BigInt(sector), true);
    view.setBigUint64(this.layout.nrSectors, BigInt(sectors), true);
    this.putRaw(bytes);
  }

  putIndirect(id: number, meant: number, sector: number, count: number, pages: readonly number[]): void {
    const [bytes, view] = this.#slot(id, BLKIF_OP_INDIRECT);
    view.setUint8(this.layout.indirectOp, meant);
    view.setUint16(this.layout.indirectSegments, count, true);
    view.setBigUint64(this.layout.sector, BigInt(sector), true);
    for (const [i, gref] of pages.entries()) view.setUint32(this.layout.indirectGrefs + 4 * i, gref, true);
    this.putRaw(bytes);
  }

  /** What has been answered since it was last asked. */
  take(): Response[] {
    const out: Response[] = [];
    const end = this.index(8);
    for (; this.rspCons !== end; this.rspCons = (this.rspCons + 1) >>> 0) {
      const at = SRING_SLOTS + (this.rspCons % this.slots) * this.layout.stride;
      const byte = (i: number): number =>
        this.#frames[Math.floor((at + i) / PAGE)]?.getUint8((at + i) % PAGE) ?? 0;
      const view = new DataView(Uint8Array.from({ length: 16 }, (_, i) => byte(i)).buffer);
      out.push({
        id: Number(view.getBigUint64(0, true)),
        operation: view.getUint8(this.layout.responseOp),
        status: view.getInt16(this.layout.responseStatus, true),
      });
    }
    this.setIndex(12, (end + 1) >>> 0);
    return out;
  }

  #slot(id: number, operation: number): [Uint8Array, DataView] {
    const bytes = new Uint8Array(this.layout.stride);
    const view = new DataView(bytes.buffer);
    view.setUint8(0, operation);
    view.setBigUint64(this.layout.id, BigInt(id), true);
    return [bytes, view];
  }
}

export function putSegment(view: DataView, at: number, [gref, first, last]: Seg): void {
  view.setUint32(at, gref, true);
  view.setUint8(at + 4, first);
  view.setUint8(at + 5, last);
}

/** Answers when `flush` is called, or at once. Remembers the order of what it was asked. */
export class MemoryDisk implements BlockStore {
  readonly bytes: Uint8Array;
  readonly sectors: number;
  readonly asked: string[] = [];
  readonly waiting: (() => void)[] = [];
  holding = false;
  failing = false;
  closed = 0;
  readonly readonly: boolean;
  readonly discardGranularity: number;

  constructor(sectors: number, { readonly = false, discardGranularity = 0 } = {}) {
    this.sectors = sectors;
    this.bytes = new Uint8Array(sectors * SECTOR_SIZE);
    this.readonly = readonly;
    this.discardGranularity = discardGranularity;
  }

  submit(request: StoreRequest, answer: (answer: StoreAnswer) => void): void {
    this.asked.push("sector" in request ? `${request.op} ${request.sector}` : request.op);
    this.waiting.push(() => answer(this.failing ? { ok: false } : this.#perform(request)));
    if (!this.holding) this.release();
  }

  /** Answers what waits, in the order that `pick` gives. */
  release(pick: (length: number) => number = () => 0): void {
    while (this.waiting.length > 0) this.waiting.splice(pick(this.waiting.length), 1)[0]?.();
  }

  close(): void {
    this.closed++;
  }

  #perform(request: StoreRequest): StoreAnswer {
    if (request.op === "read") {
      const from = request.sector * SECTOR_SIZE;
      return { ok: true, bytes: this.bytes.slice(from, from + request.count * SECTOR_SIZE) };
    }
    if (request.op === "write") this.bytes.set(request.bytes, request.sector * SECTOR_SIZE);
    if (request.op === "discard")
      this.bytes.fill(0, request.sector * SECTOR_SIZE, (request.sector + request.count) * SECTOR_SIZE);
    return { ok: true };
  }
}
