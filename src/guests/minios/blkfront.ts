/**
 * Mini-OS's block front end: one ring, a few requests of eleven pages under way at a time (public/io/blkif.h).
 *
 *   const disk = yield* openBlkfront(os, 51712);
 *   const bytes = yield* disk.read(0, 8);          sectors of 512 bytes
 *   yield* disk.close();
 */
import {
  BLKIF_LAYOUTS,
  BLKIF_MAX_SEGMENTS_PER_REQUEST,
  BLKIF_OP_FLUSH_DISKCACHE,
  BLKIF_OP_READ,
  BLKIF_OP_WRITE,
  BLKIF_RSP_OKAY,
  SECTOR_SIZE,
  SECTORS_PER_PAGE,
  SEGMENT_SIZE,
} from "../../abi/io/blkif.ts";
import { ringSlots, SRING_SLOTS, sring, wantsToHear } from "../../abi/io/ring.ts";
import { XenbusState } from "../../abi/io/xenbus.ts";
import { Domid, type Gref, PAGE_SIZE, type Port } from "../../abi/types.ts";
import { Nanos } from "../../lib/brand.ts";
import type { MiniOs } from "./kernel.ts";
import type { Page } from "./memory.ts";
import { type Thread, WaitQueue, waitFor } from "./threads.ts";

const LAYOUT = BLKIF_LAYOUTS["x86_64-abi"];
const SECTORS_PER_REQUEST = BLKIF_MAX_SEGMENTS_PER_REQUEST * SECTORS_PER_PAGE;
/** Requests under way at a time; each has pages of its own. */
const DEPTH = 8;
/** How long a back end may take to answer a step of the handshake. */
const PATIENCE_NANOS = 10e9;

const INDEX = {
  reqProd: sring.field.req_prod.offset,
  reqEvent: sring.field.req_event.offset,
  rspProd: sring.field.rsp_prod.offset,
  rspEvent: sring.field.rsp_event.offset,
} as const;

/** A disk that cannot be used: said to the program's user. */
export class BlkfrontError extends Error {
  override readonly name = "BlkfrontError";
}

interface DataPage extends Page {
  readonly gref: Gref;
}
type Buffer = readonly DataPage[];

export interface DiskInfo {
  readonly sectors: number;
  /** VDISK_* */
  readonly info: number;
  readonly canFlush: boolean;
}

export class Blkfront {
  readonly devid: number;
  readonly info: DiskInfo;
  readonly #os: MiniOs;
  readonly #path: string;
  readonly #backend: string;
  readonly #ring: Page;
  readonly #ringRef: Gref;
  readonly #port: Port;
  readonly #slots: number;
  readonly #free: Buffer[];
  readonly #moved = new WaitQueue();
  readonly #answers = new Map<number, number>();
  #prod = 0;
  #cons = 0;
  #ids = 0;

  constructor(
    os: MiniOs,
    at: { readonly devid: number; readonly path: string; readonly backend: string },
    info: DiskInfo,
    ring: Page,
    ringRef: Gref,
    port: Port,
    buffers: Buffer[],
  ) {
    this.#os = os;
    this.devid = at.devid;
    this.#path = at.path;
    this.#backend = at.backend;
    this.info = info;
    this.#ring = ring;
    this.#ringRef = ringRef;
    this.#port = port;
    this.#slots = ringSlots(PAGE_SIZE, LAYOUT.stride);
    this.#free = buffers;
    os.onEvent(port, () => this.#collect());
  }

  /** Throws BlkfrontError when the back end cannot read them. */
  *read(sector: number, count: number): Thread<Uint8Array> {
    const whole = new Uint8Array(count * SECTOR_SIZE);
    const under: {
      readonly id: number;
      readonly buffer: Buffer;
      readonly at: number;
      readonly sectors: number;
    }[] = [];
    let asked = 0;
    while (asked < count || under.length > 0) {
      while (asked < count && this.#free.length > 0) {
        const sectors = Math.min(count - asked, SECTORS_PER_REQUEST);
        const buffer = this.#free.pop() as Buffer;
        under.push({
          id: this.#submit(BLKIF_OP_READ, sector + asked, sectors, buffer),
          buffer,
          at: asked,
          sectors,
        });
        asked += sectors;
      }
      const first = under.shift();
      if (first === undefined) {
        yield* waitFor(this.#moved, () => this.#free.length > 0);
        continue;
      }
      const status = yield* this.#answerOf(first.id);
      if (status === BLKIF_RSP_OKAY) takeOut(first.buffer, whole, first.at * SECTOR_SIZE, first.sectors);
      this.#free.push(first.buffer);
      this.#moved.wake();
      if (status !== BLKIF_RSP_OKAY) {
        for (const { id, buffer } of under) {
          yield* this.#answerOf(id);
          this.#free.push(buffer);
        }
        throw new BlkfrontError(`vbd ${this.devid}: read of sector ${sector + first.at} failed (${status})`);
      }
    }
    this.#os.gate.charge("byte", whole.length);
    return whole;
  }

  *write(sector: number, bytes: Uint8Array): Thread<void> {
    for (let done = 0; done < bytes.length / SECTOR_SIZE; done += SECTORS_PER_REQUEST) {
      const sectors = Math.min(bytes.length / SECTOR_SIZE - done, SECTORS_PER_REQUEST);
      yield* waitFor(this.#moved, () => this.#free.length > 0);
      const buffer = this.#free.pop() as Buffer;
      putIn(buffer, bytes.subarray(done * SECTOR_SIZE, (done + sectors) * SECTOR_SIZE));
      const status = yield* this.#answerOf(this.#submit(BLKIF_OP_WRITE, sector + done, sectors, buffer));
      this.#free.push(buffer);
      this.#moved.wake();
      if (status !== BLKIF_RSP_OKAY)
        throw new BlkfrontError(`vbd ${this.devid}: write to sector ${sector + done} failed (${status})`);
    }
    this.#os.gate.charge("byte", bytes.length);
  }

  *flush(): Thread<void> {
    if (!this.info.canFlush) return;
    const status = yield* this.#answerOf(this.#submit(BLKIF_OP_FLUSH_DISKCACHE, 0, 0, []));
    if (status !== BLKIF_RSP_OKAY) throw new BlkfrontError(`vbd ${this.devid}: flush failed (${status})`);
  }

  /** Lets go of the device, and leaves it as a front end that begins finds it. */
  *close(): Thread<void> {
    const { xenbus, gate, gnttab, memory } = this.#os;
    const backState = `${this.#backend}/state`;
    const until = Nanos(this.#os.now() + PATIENCE_NANOS);
    yield* xenbus.write(`${this.#path}/state`, String(XenbusState.Closing));
    yield* xenbus.waitForState(backState, (state) => state >= XenbusState.Closing, until);
    yield* xenbus.write(`${this.#path}/state`, String(XenbusState.Closed));
    yield* xenbus.waitForState(backState, (state) => state === XenbusState.Closed, until);
    yield* xenbus.write(`${this.#path}/state`, String(XenbusState.Initialising));
    yield* xenbus.waitForState(backState, (state) => state === XenbusState.InitWait, until);
    yield* xenbus.remove(`${this.#path}/ring-ref`);
    yield* xenbus.remove(`${this.#path}/event-channel`);
    gate.evtchn.close(this.#port);
    gnttab.endAccess(this.#ringRef);
    memory.freePage(this.#ring);
    for (const page of this.#free.flat()) {
      gnttab.endAccess(page.gref);
      memory.freePage(page);
    }
    this.#free.length = 0;
  }

  #submit(operation: number, sector: number, sectors: number, buffer: Buffer): number {
    this.#ids = (this.#ids + 1) >>> 0;
    const slot = new Uint8Array(LAYOUT.stride);
    const view = new DataView(slot.buffer);
    const segments = Math.ceil(sectors / SECTORS_PER_PAGE);
    view.setUint8(0, operation);
    view.setUint8(LAYOUT.nrSegments, segments);
    view.setUint16(2, this.devid & 0xffff, true);
    view.setBigUint64(LAYOUT.id, BigInt(this.#ids), true);
    view.setBigUint64(LAYOUT.sector, BigInt(sector), true);
    for (let i = 0; i < segments; i++) {
      const at = LAYOUT.segments + i * SEGMENT_SIZE;
      view.setUint32(at, buffer[i]?.gref ?? 0, true);
      view.setUint8(at + 4, 0);
      view.setUint8(at + 5, Math.min(SECTORS_PER_PAGE, sectors - i * SECTORS_PER_PAGE) - 1);
    }
    this.#ring.frame.write(SRING_SLOTS + (this.#prod % this.#slots) * LAYOUT.stride, slot);
    const before = this.#prod;
    this.#prod = (this.#prod + 1) >>> 0;
    this.#ring.frame.setUint32(INDEX.reqProd, this.#prod);
    if (wantsToHear(this.#ring.frame.getUint32(INDEX.reqEvent), before, this.#prod))
      this.#os.gate.evtchn.send(this.#port);
    return this.#ids;
  }

  *#answerOf(id: number): Thread<number> {
    yield* waitFor(this.#moved, () => this.#answers.has(id));
    const status = this.#answers.get(id) ?? 0;
    this.#answers.delete(id);
    return status;
  }

  #collect(): void {
    for (;;) {
      const prod = this.#ring.frame.getUint32(INDEX.rspProd);
      if ((prod - this.#cons) >>> 0 > this.#slots)
        throw new BlkfrontError(`vbd ${this.devid}: its back end answers more than was asked`);
      for (; this.#cons !== prod; this.#cons = (this.#cons + 1) >>> 0) {
        const at = SRING_SLOTS + (this.#cons % this.#slots) * LAYOUT.stride;
        const slot = this.#ring.frame.read(at, LAYOUT.responseStatus + 2);
        const view = new DataView(slot.buffer, slot.byteOffset, slot.byteLength);
        this.#answers.set(Number(view.getBigUint64(0, true)), view.getInt16(LAYOUT.responseStatus, true));
      }
      this.#ring.frame.setUint32(INDEX.rspEvent, (this.#cons + 1) >>> 0);
      if (this.#ring.frame.getUint32(INDEX.rspProd) === this.#cons) break;
    }
    this.#moved.wake();
  }
}

function takeOut(buffer: Buffer, to: Uint8Array, at: number, sectors: number): void {
  for (let i = 0; i * SECTORS_PER_PAGE < sectors; i++) {
    const length = Math.min(SECTORS_PER_PAGE, sectors - i * SECTORS_PER_PAGE) * SECTOR_SIZE;
    to.set((buffer[i] as DataPage).frame.read(0, length), at + i * PAGE_SIZE);
  }
}

function putIn(buffer: Buffer, bytes: Uint8Array): void {
  for (let i = 0; i * PAGE_SIZE < bytes.length; i++)
    (buffer[i] as DataPage).frame.write(0, bytes.subarray(i * PAGE_SIZE, (i + 1) * PAGE_SIZE));
}

/** Connects to the device. Throws BlkfrontError when its back end does not answer, or memory is short. */
export function* openBlkfront(os: MiniOs, devid: number): Thread<Blkfront> {
  const { xenbus, gate, gnttab, memory } = os;
  const path = `device/vbd/${devid}`;
  const backend = yield* xenbus.read(`${path}/backend`);
  const backendId = yield* xenbus.read(`${path}/backend-id`);
  if (backend === undefined || backendId === undefined) throw new BlkfrontError(`vbd ${devid}: no back end`);
  const to = Domid(Number(backendId));
  const until = Nanos(os.now() + PATIENCE_NANOS);
  const shortage = (): never => {
    throw new BlkfrontError(`vbd ${devid}: out of memory for its buffers: give the domain more (memory=)`);
  };
  const page = (): DataPage => {
    const got = memory.allocPage() ?? shortage();
    return { ...got, gref: gnttab.grantAccess(to, got.mfn, "write") ?? shortage() };
  };

  yield* xenbus.waitForState(`${backend}/state`, (state) => state >= XenbusState.InitWait, until);
  const ring = page();
  ring.frame.setUint32(INDEX.reqEvent, 1);
  ring.frame.setUint32(INDEX.rspEvent, 1);
  const port = gate.evtchn.allocUnbound(gate.domid, to);
  if (!port.ok) throw new BlkfrontError(`vbd ${devid}: no event channel (${port.errno})`);
  yield* xenbus.write(`${path}/ring-ref`, String(ring.gref));
  yield* xenbus.write(`${path}/event-channel`, String(port.value));
  yield* xenbus.write(`${path}/protocol`, "x86_64-abi");
  yield* xenbus.write(`${path}/state`, String(XenbusState.Initialised));
  const state = yield* xenbus.waitForState(
    `${backend}/state`,
    (now) => now === XenbusState.Connected || now >= XenbusState.Closing,
    until,
  );
  if (state !== XenbusState.Connected) throw new BlkfrontError(`vbd ${devid}: its back end does not connect`);
  const info: DiskInfo = {
    sectors: Number((yield* xenbus.read(`${backend}/sectors`)) ?? 0),
    info: Number((yield* xenbus.read(`${backend}/info`)) ?? 0),
    canFlush: (yield* xenbus.read(`${backend}/feature-flush-cache`)) === "1",
  };
  const buffers = Array.from({ length: DEPTH }, () =>
    Array.from({ length: BLKIF_MAX_SEGMENTS_PER_REQUEST }, page),
  );
  const front = new Blkfront(os, { devid, path, backend }, info, ring, ring.gref, port.value, buffers);
  yield* xenbus.write(`${path}/state`, String(XenbusState.Connected));
  return front;
}

/** The devices that the toolstack gave the domain, by number. */
export function* listVbds(os: MiniOs): Thread<number[]> {
  const names = (yield* os.xenbus.directory("device/vbd")) ?? [];
  return names
    .map(Number)
    .filter(Number.isInteger)
    .sort((a, b) => a - b);
}
