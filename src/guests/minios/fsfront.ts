/**
 * Mini-OS's front end to files of the domain that serves it (fs-front.c): one ring, requests of up to 32 KiB.
 *
 *   const files = yield* openFsfront(os);        undefined: no folder is exported to this domain
 *   const fd = yield* files.open("notes.txt", 0);
 *
 * Everything answers a number: 0 or more, or -errno.
 */
import { ERRNO } from "../../abi/errno.ts";
import {
  FSIF_MAX_BYTES,
  FSIF_MAX_PAGES,
  FSIF_SLOT_SIZE,
  REQ_CREATE,
  REQ_DIR_LIST,
  REQ_FILE_CLOSE,
  REQ_FILE_OPEN,
  REQ_FILE_READ,
  REQ_FILE_SYNC,
  REQ_FILE_TRUNCATE,
  REQ_FILE_WRITE,
  REQ_REMOVE,
  REQ_RENAME,
  REQ_STAT,
} from "../../abi/io/fsif.ts";
import { ringSlots, SRING_SLOTS, sring, wantsToHear } from "../../abi/io/ring.ts";
import { XenbusState } from "../../abi/io/xenbus.ts";
import { Domid, type Gref, PAGE_SIZE, type Port } from "../../abi/types.ts";
import { formatSlot, parseResponse, type Slot } from "../../devices/fs/wire.ts";
import { Nanos } from "../../lib/brand.ts";
import type { MiniOs } from "./kernel.ts";
import type { Page } from "./memory.ts";
import { type Thread, WaitQueue, waitFor } from "./threads.ts";

const NODE = "device/vfs/0";
const PATIENCE_NANOS = 10e9;
/** Requests under way at a time; each has pages of its own. */
const DEPTH = 2;

const REQ_PROD = sring.field.req_prod.offset;
const REQ_EVENT = sring.field.req_event.offset;
const RSP_PROD = sring.field.rsp_prod.offset;
const RSP_EVENT = sring.field.rsp_event.offset;

type DataPage = Page & { readonly gref: Gref };
type Buffer = readonly DataPage[];
type Response = ReturnType<typeof parseResponse>;

const NOTHING = { fd: 0, offset: 0, length: 0, flags: 0 } as const;

export class Fsfront {
  readonly #os: MiniOs;
  readonly #ring: Page;
  readonly #port: Port;
  readonly #slots = ringSlots(PAGE_SIZE, FSIF_SLOT_SIZE);
  readonly #free: Buffer[];
  readonly #moved = new WaitQueue();
  readonly #answers = new Map<number, Response>();
  #prod = 0;
  #cons = 0;

  constructor(os: MiniOs, ring: Page, port: Port, buffers: Buffer[]) {
    this.#os = os;
    this.#ring = ring;
    this.#port = port;
    this.#free = buffers;
    os.onEvent(port, () => this.#collect());
  }

  *open(path: string, flags: number): Thread<number> {
    return (yield* this.#ask(REQ_FILE_OPEN, { flags }, bytesOf(path))).result;
  }

  *close(fd: number): Thread<number> {
    return (yield* this.#ask(REQ_FILE_CLOSE, { fd })).result;
  }

  /** At most 32 KiB; as many bytes as the file has there. */
  *read(fd: number, offset: number, into: Uint8Array): Thread<number> {
    const length = Math.min(into.length, FSIF_MAX_BYTES);
    return (yield* this.#ask(REQ_FILE_READ, { fd, offset, length }, undefined, into)).result;
  }

  /** At most 32 KiB. */
  *write(fd: number, offset: number, bytes: Uint8Array): Thread<number> {
    return (yield* this.#ask(REQ_FILE_WRITE, { fd, offset }, bytes.subarray(0, FSIF_MAX_BYTES))).result;
  }

  *stat(fd: number): Thread<{ readonly result: number; mode: number; size: number; mtime: number }> {
    return yield* this.#ask(REQ_STAT, { fd });
  }

  *truncate(fd: number, size: number): Thread<number> {
    return (yield* this.#ask(REQ_FILE_TRUNCATE, { fd, offset: size })).result;
  }

  *sync(fd: number): Thread<number> {
    return (yield* this.#ask(REQ_FILE_SYNC, { fd })).result;
  }

  *remove(path: string): Thread<number> {
    return (yield* this.#ask(REQ_REMOVE, {}, bytesOf(path))).result;
  }

  *rename(from: string, to: string): Thread<number> {
    return (yield* this.#ask(REQ_RENAME, {}, bytesOf(`${from}\0${to}`))).result;
  }

  *mkdir(path: string): Thread<number> {
    return (yield* this.#ask(REQ_CREATE, {}, bytesOf(path))).result;
  }

  /** All names of a folder; or -errno. */
  *list(path: string): Thread<readonly string[] | number> {
    const names: string[] = [];
    for (;;) {
      const page = new Uint8Array(PAGE_SIZE);
      const { result } = yield* this.#ask(REQ_DIR_LIST, { offset: names.length }, bytesOf(path), page);
      if (result < 0) return result;
      if (result === 0) return names;
      names.push(...new TextDecoder().decode(page).split("\0").slice(0, result));
    }
  }

  /** `data` goes out in the request's pages; `into` is filled from them. */
  *#ask(op: number, what: Partial<Slot>, data?: Uint8Array, into?: Uint8Array): Thread<Response> {
    const tooLong = { id: 0, result: -ERRNO.EINVAL, mode: 0, size: 0, mtime: 0 };
    if (data !== undefined && data.length > FSIF_MAX_BYTES) return tooLong;
    yield* waitFor(this.#moved, () => this.#free.length > 0);
    const buffer = this.#free.pop() as Buffer;
    for (let at = 0; at < (data?.length ?? 0); at += PAGE_SIZE)
      buffer[at / PAGE_SIZE]?.frame.write(0, (data as Uint8Array).subarray(at, at + PAGE_SIZE));
    const id = this.#prod & 0xffff;
    const grefs = buffer.map(({ gref }) => gref);
    this.#submit({
      ...NOTHING,
      ...(data === undefined ? {} : { length: data.length }),
      ...what,
      op,
      id,
      grefs,
    });
    yield* waitFor(this.#moved, () => this.#answers.has(id));
    const answer = this.#answers.get(id) ?? tooLong;
    this.#answers.delete(id);
    const filled = op === REQ_DIR_LIST ? PAGE_SIZE : Math.min(answer.result, into?.length ?? 0);
    for (let at = 0; at < filled && into !== undefined; at += PAGE_SIZE)
      into.set(buffer[at / PAGE_SIZE]?.frame.read(0, Math.min(PAGE_SIZE, filled - at)) ?? [], at);
    this.#os.gate.charge("byte", (data?.length ?? 0) + Math.max(0, filled));
    this.#free.push(buffer);
    this.#moved.wake();
    return answer;
  }

  #submit(slot: Slot): void {
    const { frame } = this.#ring;
    frame.write(SRING_SLOTS + (this.#prod % this.#slots) * FSIF_SLOT_SIZE, formatSlot(slot));
    const before = this.#prod;
    this.#prod = (before + 1) >>> 0;
    frame.setUint32(REQ_PROD, this.#prod);
    if (wantsToHear(frame.getUint32(REQ_EVENT), before, this.#prod)) this.#os.gate.evtchn.send(this.#port);
  }

  #collect(): void {
    const { frame } = this.#ring;
    for (;;) {
      const prod = frame.getUint32(RSP_PROD);
      if ((prod - this.#cons) >>> 0 > this.#slots)
        throw new Error("vfs 0: its back end answers more than was asked");
      for (; this.#cons !== prod; this.#cons = (this.#cons + 1) >>> 0) {
        const at = SRING_SLOTS + (this.#cons % this.#slots) * FSIF_SLOT_SIZE;
        const answer = parseResponse(frame.read(at, FSIF_SLOT_SIZE));
        this.#answers.set(answer.id, answer);
      }
      frame.setUint32(RSP_EVENT, (this.#cons + 1) >>> 0);
      if (frame.getUint32(RSP_PROD) === this.#cons) break;
    }
    this.#moved.wake();
  }
}

const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text);

/** Undefined: no folder is exported to this domain, or it is not served, or frames or grants are short. */
export function* openFsfront(os: MiniOs): Thread<Fsfront | undefined> {
  const { xenbus, memory, gnttab, gate } = os;
  const backend = yield* xenbus.read(`${NODE}/backend`);
  const backendId = yield* xenbus.read(`${NODE}/backend-id`);
  if (backend === undefined || backendId === undefined) return undefined;
  const to = Domid(Number(backendId));
  const pages: DataPage[] = [];
  for (let i = 0; i < 1 + DEPTH * FSIF_MAX_PAGES; i++) {
    const page = memory.allocPage();
    const gref = page === undefined ? undefined : gnttab.grantAccess(to, page.mfn, "write");
    if (page === undefined || gref === undefined) return undefined;
    pages.push({ ...page, gref });
  }
  const ring = pages[0] as DataPage;
  ring.frame.setUint32(REQ_EVENT, 1);
  ring.frame.setUint32(RSP_EVENT, 1);
  const port = gate.evtchn.allocUnbound(gate.domid, to);
  if (!port.ok) return undefined;
  yield* xenbus.write(`${NODE}/ring-ref`, String(ring.gref));
  yield* xenbus.write(`${NODE}/event-channel`, String(port.value));
  yield* xenbus.write(`${NODE}/state`, String(XenbusState.Initialised));
  const state = yield* xenbus.waitForState(
    `${backend}/state`,
    (now) => now >= XenbusState.Connected,
    Nanos(os.now() + PATIENCE_NANOS),
  );
  if (state !== XenbusState.Connected) return undefined;
  yield* xenbus.write(`${NODE}/state`, String(XenbusState.Connected));
  const buffers = Array.from({ length: DEPTH }, (_, i) =>
    pages.slice(1 + i * FSIF_MAX_PAGES, 1 + (i + 1) * FSIF_MAX_PAGES),
  );
  return new Fsfront(os, ring, port.value, buffers);
}
