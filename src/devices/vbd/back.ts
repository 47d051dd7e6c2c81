/**
 * Back end of one block device: takes requests out of the front end's ring, has them done by a {@link BlockStore}, and puts
 * the answers in, in whatever order they come.
 *
 * The guest may write anything at any time: a slot is copied before it is looked at, data goes through grants that Xen
 * checks, sectors are held against the disk's size. Nothing it does costs more than {@link MAX_BYTES_IN_FLIGHT} of memory.
 */
import type { Gate } from "../../abi/hypercall.ts";
import {
  BLKIF_RSP_EOPNOTSUPP,
  BLKIF_RSP_ERROR,
  BLKIF_RSP_OKAY,
  type BlkifLayout,
  SECTOR_SIZE,
  SEGMENT_SIZE,
  SEGMENTS_PER_INDIRECT_PAGE,
} from "../../abi/io/blkif.ts";
import { ringSlots, SRING_SLOTS, sring, wantsToHear } from "../../abi/io/ring.ts";
import { type Domid, Gref, type Port } from "../../abi/types.ts";
import { type BlkRequest, parseRequest, parseSegments, type Segment } from "./request.ts";
import type { SharedPages } from "./shared-pages.ts";
import type { BlockStore, StoreAnswer } from "./store.ts";

/** Data that waits for the disk, bytes; requests beyond it stay in the ring. */
const MAX_BYTES_IN_FLIGHT = 16 * 1024 * 1024;

export interface VbdBackOptions {
  readonly gate: Gate;
  /** Whose front end. */
  readonly domid: Domid;
  readonly ring: SharedPages;
  readonly layout: BlkifLayout;
  /** Ours, bound to the front end's. */
  readonly port: Port;
  readonly store: BlockStore;
  /** The ring cannot be what a front end writes: it is served no more. */
  readonly broken: (why: string) => void;
}

/** What the disk has done for a front end since it came up (`xentop`, `xl debug-keys`). */
export interface VbdStatistics {
  reads: number;
  writes: number;
  flushes: number;
  discards: number;
  sectorsRead: number;
  sectorsWritten: number;
}

type Transfer = {
  readonly id: bigint;
  readonly operation: number;
  readonly sector: number;
  readonly segments: readonly Segment[];
};

const INDEX = {
  reqProd: sring.field.req_prod.offset,
  reqEvent: sring.field.req_event.offset,
  rspProd: sring.field.rsp_prod.offset,
  rspEvent: sring.field.rsp_event.offset,
} as const;

export class VbdBack {
  readonly statistics: VbdStatistics = {
    reads: 0,
    writes: 0,
    flushes: 0,
    discards: 0,
    sectorsRead: 0,
    sectorsWritten: 0,
  };
  readonly #options: VbdBackOptions;
  readonly #slots: number;
  #reqCons: number;
  #rspProd: number;
  #inFlight = 0;
  #bytesInFlight = 0;
  /** A barrier waits for all before it, and all after it wait for the barrier. */
  #barrier: Transfer | undefined;
  #barrierUnderWay = false;
  #state: "open" | "closing" | "closed" = "open";
  #idle: (() => void) | undefined;

  constructor(options: VbdBackOptions) {
    this.#options = options;
    this.#slots = ringSlots(options.ring.size, options.layout.stride);
    // A front end that comes back after we did goes on where its ring stands.
    this.#reqCons = options.ring.getUint32(INDEX.rspProd);
    this.#rspProd = this.#reqCons;
  }

  /** The front end has sent an event, or something was answered. */
  service(): void {
    const { ring } = this.#options;
    if (this.#state !== "open") return;
    for (;;) {
      const reqProd = ring.getUint32(INDEX.reqProd);
      if ((reqProd - this.#rspProd) >>> 0 > this.#slots) {
        this.#break(`request index ${reqProd} is more than a ring ahead of ${this.#rspProd}`);
        return;
      }
      while (this.#reqCons !== reqProd) {
        if (this.#mustWait()) return;
        const at = SRING_SLOTS + (this.#reqCons % this.#slots) * this.#options.layout.stride;
        const slot = ring.read(at, this.#options.layout.stride);
        this.#reqCons = (this.#reqCons + 1) >>> 0;
        this.#start(parseRequest(slot, this.#options.layout));
        if (this.#state !== "open") return;
      }
      // Ask to be told of the next one, then look whether it came in between.
      ring.setUint32(INDEX.reqEvent, (this.#reqCons + 1) >>> 0);
      if (ring.getUint32(INDEX.reqProd) === this.#reqCons) return;
    }
  }

  /** No more requests are taken; `done` once those under way have been answered. */
  close(done: () => void): void {
    if (this.#state === "open") this.#state = "closing";
    this.#idle = done;
    this.#lookForIdle();
  }

  #mustWait(): boolean {
    return this.#barrier !== undefined || this.#bytesInFlight >= MAX_BYTES_IN_FLIGHT;
  }

  #break(why: string): void {
    this.#state = "closing";
    this.#options.broken(why);
  }

  #start(request: BlkRequest): void {
    const { store, gate } = this.#options;
    gate.charge("entry", 1);
    switch (request.kind) {
      case "read":
        this.#read(request);
        return;
      case "write":
        this.#write(request);
        return;
      case "barrier":
        this.#barrier = request;
        this.#tryBarrier();
        return;
      case "indirect": {
        const segments = this.#indirectSegments(request.pages, request.count);
        if (segments === undefined) this.#respond(request, BLKIF_RSP_ERROR);
        else if (request.write) this.#write({ ...request, segments });
        else this.#read({ ...request, segments });
        return;
      }
      case "flush":
        this.statistics.flushes++;
        this.#submit(
          0,
          (answer) => store.submit({ op: "flush" }, answer),
          (answer) => this.#answerPlain(request, answer),
        );
        return;
      case "discard":
        this.#discard(request);
        return;
      case "unknown":
        this.#respond(request, BLKIF_RSP_EOPNOTSUPP);
        return;
      case "malformed":
        this.#respond(request, BLKIF_RSP_ERROR);
        return;
    }
  }

  #read(request: Transfer): void {
    const { store } = this.#options;
    const count = sectorsOf(request.segments);
    if (!this.#onDisk(request.sector, count)) {
      this.#respond(request, BLKIF_RSP_ERROR);
      return;
    }
    this.statistics.reads++;
    this.statistics.sectorsRead += count;
    this.#submit(
      count * SECTOR_SIZE,
      (answer) => store.submit({ op: "read", sector: request.sector, count }, answer),
      (answer) => {
        const fine = answer.ok && answer.bytes !== undefined && this.#scatter(request.segments, answer.bytes);
        this.#respond(request, fine ? BLKIF_RSP_OKAY : BLKIF_RSP_ERROR);
      },
    );
  }

  #write(request: Transfer): void {
    const bytes = this.#writable(request) ? this.#gather(request.segments) : undefined;
    if (bytes === undefined) {
      this.#respond(request, BLKIF_RSP_ERROR);
      return;
    }
    this.#countWrite(bytes);
    this.#submit(
      bytes.length,
      (answer) => this.#options.store.submit({ op: "write", sector: request.sector, bytes }, answer),
      (answer) => this.#answerPlain(request, answer),
    );
  }

  #discard(request: BlkRequest & { kind: "discard" }): void {
    const { store } = this.#options;
    if (store.discardGranularity === 0) {
      this.#respond(request, BLKIF_RSP_EOPNOTSUPP);
      return;
    }
    if (store.readonly || !this.#onDisk(request.sector, request.count)) {
      this.#respond(request, BLKIF_RSP_ERROR);
      return;
    }
    this.statistics.discards++;
    this.#submit(
      0,
      (answer) => store.submit({ op: "discard", sector: request.sector, count: request.count }, answer),
      (answer) => this.#answerPlain(request, answer),
    );
  }

  /** All before it are done: flush, write, flush. */
  #tryBarrier(): void {
    const barrier = this.#barrier;
    if (barrier === undefined || this.#barrierUnderWay || this.#inFlight > 0) return;
    const { store } = this.#options;
    const bytes = this.#writable(barrier) ? this.#gather(barrier.segments) : undefined;
    if (bytes === undefined) {
      this.#barrierDone(barrier, { ok: false });
      return;
    }
    this.#barrierUnderWay = true;
    this.#countWrite(bytes);
    const flush = (then: (answer: StoreAnswer) => void): void =>
      this.#submit(0, (answer) => store.submit({ op: "flush" }, answer), then);
    const end = (answer: StoreAnswer): void => this.#barrierDone(barrier, answer);
    flush((flushed) => {
      if (!flushed.ok) return end(flushed);
      this.#submit(
        bytes.length,
        (answer) => store.submit({ op: "write", sector: barrier.sector, bytes }, answer),
        (written) => (written.ok ? flush(end) : end(written)),
      );
    });
  }

  #barrierDone(barrier: Transfer, answer: StoreAnswer): void {
    this.#barrier = undefined;
    this.#barrierUnderWay = false;
    this.#answerPlain(barrier, answer);
  }

  #countWrite(bytes: Uint8Array): void {
    this.statistics.writes++;
    this.statistics.sectorsWritten += bytes.length / SECTOR_SIZE;
  }

  /** Counts it as under way until it is answered. */
  #submit(
    bytes: number,
    ask: (answer: (answer: StoreAnswer) => void) => void,
    answered: (answer: StoreAnswer) => void,
  ): void {
    this.#inFlight++;
    this.#bytesInFlight += bytes;
    ask((answer) => {
      this.#inFlight--;
      this.#bytesInFlight -= bytes;
      this.#options.gate.charge("wake", 1);
      answered(answer);
      this.#tryBarrier();
      this.service();
      this.#lookForIdle();
    });
  }

  #lookForIdle(): void {
    if (this.#state !== "closing" || this.#inFlight > 0 || this.#idle === undefined) return;
    this.#state = "closed";
    this.#idle();
  }

  #answerPlain(request: { readonly id: bigint; readonly operation: number }, answer: StoreAnswer): void {
    this.#respond(request, answer.ok ? BLKIF_RSP_OKAY : BLKIF_RSP_ERROR);
  }

  #respond({ id, operation }: { readonly id: bigint; readonly operation: number }, status: number): void {
    const { ring, layout, gate, port } = this.#options;
    if (this.#state === "closed") return;
    const response = new Uint8Array(layout.responseStatus + 2);
    const view = new DataView(response.buffer);
    view.setBigUint64(0, id, true);
    view.setUint8(layout.responseOp, operation);
    view.setInt16(layout.responseStatus, status, true);
    ring.write(SRING_SLOTS + (this.#rspProd % this.#slots) * layout.stride, response);
    const before = this.#rspProd;
    this.#rspProd = (this.#rspProd + 1) >>> 0;
    ring.setUint32(INDEX.rspProd, this.#rspProd);
    if (wantsToHear(ring.getUint32(INDEX.rspEvent), before, this.#rspProd)) gate.evtchn.send(port);
  }

  #onDisk(sector: number, count: number): boolean {
    return count > 0 && sector + count <= this.#options.store.sectors;
  }

  #writable({ sector, segments }: Transfer): boolean {
    return !this.#options.store.readonly && this.#onDisk(sector, sectorsOf(segments));
  }

  #gather(segments: readonly Segment[]): Uint8Array | undefined {
    const { gate, domid } = this.#options;
    const whole = new Uint8Array(sectorsOf(segments) * SECTOR_SIZE);
    let at = 0;
    for (const { gref, firstSector, sectors } of segments) {
      const part = gate.gnttab.copyFrom(domid, Gref(gref), firstSector * SECTOR_SIZE, sectors * SECTOR_SIZE);
      if (!part.ok) return undefined;
      whole.set(part.value, at);
      at += part.value.length;
    }
    gate.charge("byte", whole.length);
    return whole;
  }

  #scatter(segments: readonly Segment[], bytes: Uint8Array): boolean {
    const { gate, domid } = this.#options;
    let at = 0;
    for (const { gref, firstSector, sectors } of segments) {
      const part = bytes.subarray(at, at + sectors * SECTOR_SIZE);
      if (!gate.gnttab.copyTo(domid, Gref(gref), firstSector * SECTOR_SIZE, part).ok) return false;
      at += part.length;
    }
    gate.charge("byte", bytes.length);
    return true;
  }

  #indirectSegments(pages: readonly number[], count: number): Segment[] | undefined {
    const { gate, domid } = this.#options;
    const segments: Segment[] = [];
    for (const gref of pages) {
      const here = Math.min(count - segments.length, SEGMENTS_PER_INDIRECT_PAGE);
      const page = gate.gnttab.copyFrom(domid, Gref(gref), 0, here * SEGMENT_SIZE);
      if (!page.ok) return undefined;
      const view = new DataView(page.value.buffer, page.value.byteOffset, page.value.byteLength);
      const found = parseSegments(view, 0, here);
      if (found === undefined) return undefined;
      segments.push(...found);
    }
    return segments;
  }
}

const sectorsOf = (segments: readonly Segment[]): number =>
  segments.reduce((sum, segment) => sum + segment.sectors, 0);
