/**
 * Back end of one exported folder: takes requests out of the front end's ring, has a {@link FileServer} do them, and puts the
 * answers in. The guest may write anything at any time: slots are copied before they are looked at, data goes through grants
 * that Xen checks, and no more than a ring of requests of 32 KiB is under way.
 */
import type { Errno, XenResult } from "../../abi/errno.ts";
import type { Gate, MappedFrame } from "../../abi/hypercall.ts";
import {
  FSIF_MAX_PATH,
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
import { type Domid, PAGE_SIZE, type Port } from "../../abi/types.ts";
import type { FileAnswer, FileRequest, FileServer, Path } from "./files.ts";
import { formatResponse, isTransfer, parsePath, parseSlot, type Slot } from "./wire.ts";

const REQ_PROD = sring.field.req_prod.offset;
const REQ_EVENT = sring.field.req_event.offset;
const RSP_PROD = sring.field.rsp_prod.offset;
const RSP_EVENT = sring.field.rsp_event.offset;

export interface FsBackOptions {
  readonly gate: Gate;
  /** Whose front end. */
  readonly domid: Domid;
  readonly ring: MappedFrame;
  /** Ours, bound to the front end's. */
  readonly port: Port;
  readonly files: FileServer;
  /** The ring cannot be what a front end writes: it is served no more. */
  readonly broken: (why: string) => void;
}

export class FsBack {
  readonly #options: FsBackOptions;
  readonly #slots = ringSlots(PAGE_SIZE, FSIF_SLOT_SIZE);
  #reqCons = 0;
  #rspProd = 0;
  #open = true;

  constructor(options: FsBackOptions) {
    this.#options = options;
  }

  /** The front end has sent an event, or something was answered. */
  service(): void {
    const { ring } = this.#options;
    while (this.#open) {
      const reqProd = ring.getUint32(REQ_PROD);
      if ((reqProd - this.#rspProd) >>> 0 > this.#slots) {
        this.close();
        this.#options.broken(`request index ${reqProd} is more than a ring ahead of ${this.#rspProd}`);
        return;
      }
      for (; this.#open && this.#reqCons !== reqProd; this.#reqCons = (this.#reqCons + 1) >>> 0) {
        const at = SRING_SLOTS + (this.#reqCons % this.#slots) * FSIF_SLOT_SIZE;
        this.#start(parseSlot(ring.read(at, FSIF_SLOT_SIZE)));
      }
      if (!this.#open) return;
      ring.setUint32(REQ_EVENT, (this.#reqCons + 1) >>> 0);
      if (ring.getUint32(REQ_PROD) === this.#reqCons) return;
    }
  }

  /** Nothing more is taken or answered; the ring is given back. */
  close(): void {
    if (!this.#open) return;
    this.#open = false;
    this.#options.files.close();
    this.#options.ring.unmap();
  }

  #start(slot: Slot): void {
    this.#options.gate.charge("entry", 1);
    const request = this.#requestOf(slot);
    if (typeof request === "string") {
      this.#answer(slot, { ok: false, errno: request });
      return;
    }
    this.#options.files.submit(request, (answer) => {
      if (this.#open) this.#answer(slot, this.#giveData(slot, answer));
    });
  }

  #requestOf(slot: Slot): FileRequest | Errno {
    const { fd, offset, length, flags } = slot;
    switch (slot.op) {
      case REQ_FILE_OPEN:
        return this.#withPath(slot, (path) => ({ op: "open", path, flags }));
      case REQ_FILE_CLOSE:
        return { op: "close", fd };
      case REQ_FILE_READ:
        return isTransfer(slot) ? { op: "read", fd, offset, length } : "EINVAL";
      case REQ_FILE_WRITE: {
        if (!isTransfer(slot)) return "EINVAL";
        const bytes = this.#take(slot, length);
        return bytes.ok ? { op: "write", fd, offset, bytes: bytes.value } : bytes.errno;
      }
      case REQ_STAT:
        return { op: "stat", fd };
      case REQ_FILE_TRUNCATE:
        return Number.isSafeInteger(offset) ? { op: "truncate", fd, size: offset } : "EINVAL";
      case REQ_REMOVE:
        return this.#withPath(slot, (path) => ({ op: "remove", path }));
      case REQ_RENAME:
        return this.#rename(slot);
      case REQ_CREATE:
        return this.#withPath(slot, (path) => ({ op: "mkdir", path }));
      case REQ_DIR_LIST:
        if (!Number.isSafeInteger(offset)) return "EINVAL";
        return this.#withPath(slot, (path) => ({ op: "list", path, first: offset, most: PAGE_SIZE }));
      case REQ_FILE_SYNC:
        return { op: "sync", fd };
      default:
        return "ENOSYS";
    }
  }

  #withPath(slot: Slot, make: (path: Path) => FileRequest): FileRequest | Errno {
    if (slot.length > FSIF_MAX_PATH) return "EINVAL";
    const bytes = this.#take(slot, slot.length);
    if (!bytes.ok) return bytes.errno;
    const path = parsePath(bytes.value);
    return typeof path === "string" ? path : make(path);
  }

  #rename(slot: Slot): FileRequest | Errno {
    if (slot.length > 2 * FSIF_MAX_PATH + 1) return "EINVAL";
    const bytes = this.#take(slot, slot.length);
    if (!bytes.ok) return bytes.errno;
    const middle = bytes.value.indexOf(0);
    if (middle < 0) return "EINVAL";
    const from = parsePath(bytes.value.subarray(0, middle));
    const to = parsePath(bytes.value.subarray(middle + 1));
    if (typeof from === "string") return from;
    return typeof to === "string" ? to : { op: "rename", from, to };
  }

  /** Copies data out of the guest's pages. */
  #take(slot: Slot, length: number): XenResult<Uint8Array> {
    const { gate, domid } = this.#options;
    const bytes = new Uint8Array(length);
    for (let at = 0; at < length; at += PAGE_SIZE) {
      const gref = slot.grefs[at / PAGE_SIZE];
      if (gref === undefined) return { ok: false, errno: "EINVAL" };
      const page = gate.gnttab.copyFrom(domid, gref, 0, Math.min(PAGE_SIZE, length - at));
      if (!page.ok) return page;
      bytes.set(page.value, at);
    }
    gate.charge("byte", length);
    return { ok: true, value: bytes };
  }

  /** Copies what was read into the guest's pages. */
  #giveData(slot: Slot, answer: FileAnswer): FileAnswer {
    const { gate, domid } = this.#options;
    if (!answer.ok || answer.bytes === undefined) return answer;
    for (let at = 0; at < answer.bytes.length; at += PAGE_SIZE) {
      const gref = slot.grefs[at / PAGE_SIZE];
      if (gref === undefined) return { ok: false, errno: "EINVAL" };
      const put = gate.gnttab.copyTo(domid, gref, 0, answer.bytes.subarray(at, at + PAGE_SIZE));
      if (!put.ok) return put;
    }
    gate.charge("byte", answer.bytes.length);
    return answer;
  }

  #answer({ id }: Slot, answer: FileAnswer): void {
    const { ring, gate, port } = this.#options;
    ring.write(SRING_SLOTS + (this.#rspProd % this.#slots) * FSIF_SLOT_SIZE, formatResponse(id, answer));
    const before = this.#rspProd;
    this.#rspProd = (before + 1) >>> 0;
    ring.setUint32(RSP_PROD, this.#rspProd);
    if (wantsToHear(ring.getUint32(RSP_EVENT), before, this.#rspProd)) gate.evtchn.send(port);
  }
}
