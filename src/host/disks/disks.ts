/**
 * The images that guests have as disks: opened when a hotplug script of a real host would make them block devices, held
 * until their device is taken away.
 *
 *   await disks.answer({ ask: "attach-disk", … })     the toolstack's asks
 *   disks.storeOf(domid, devid)                       the back end's view of an image that is attached
 */
import { stat } from "node:fs/promises";
import type { Domid } from "../../abi/types.ts";
import type { BlockStore } from "../../devices/vbd/store.ts";
import type { Answers, DiskAsk } from "../../toolstack/wait.ts";
import type { Outside } from "../outside.ts";
import { strerror } from "../strerror.ts";
import { type DiskImage, ImageBusy, ImageError } from "./image.ts";
import { ImageStore } from "./image-store.ts";
import { openImage } from "./open.ts";
import { ImageReaders } from "./readers.ts";

interface Attached {
  readonly image: DiskImage;
  /** N of /dev/loopN. */
  readonly loop: number;
  /** Back ends that use it. */
  users: number;
  /** Told when nobody uses it any more. */
  released: (() => void) | undefined;
}

/** Major number of Linux's loop devices. */
const LOOP_MAJOR = 7;

export class Disks {
  readonly #outside: Outside;
  readonly #warn: (line: string) => void;
  readonly #attached = new Map<string, Attached>();
  /** Loop devices of images that are being opened. */
  readonly #opening = new Set<number>();

  readonly #readers = new ImageReaders();

  constructor(outside: Outside, warn: (line: string) => void) {
    this.#outside = outside;
    this.#warn = warn;
  }

  answer(question: DiskAsk): Promise<Answers[DiskAsk["ask"]]> {
    switch (question.ask) {
      case "stat-disk":
        return this.#stat(question.path);
      case "attach-disk":
        return this.#attach(question);
      case "detach-disk":
        return this.#detach(keyOf(question.domid, question.devid));
      case "open-image":
        return this.#readers.open(question);
      case "read-image":
        return this.#readers.read(question);
      case "close-image":
        return this.#readers.close(question.id);
    }
  }

  /** Undefined: nothing is attached there. */
  storeOf(domid: Domid, devid: number): BlockStore | undefined {
    const attached = this.#attached.get(keyOf(domid, devid));
    if (attached === undefined) return undefined;
    attached.users++;
    return new ImageStore({
      image: attached.image,
      outside: this.#outside,
      warn: (line) => this.#warn(`disk ${devid} of domain ${domid}: ${line}`),
      closed: () => {
        attached.users--;
        if (attached.users === 0) attached.released?.();
      },
    });
  }

  /** The machine is switched off: what was written is on the disks. */
  async closeAll(): Promise<void> {
    await this.#readers.closeAll();
    for (const key of [...this.#attached.keys()]) await this.#close(key);
  }

  async #stat(path: string): Promise<Answers["stat-disk"]> {
    try {
      await stat(path);
      return { ok: true };
    } catch (error) {
      return { ok: false, why: strerror(codeOf(error)) };
    }
  }

  async #attach(wanted: DiskAsk & { ask: "attach-disk" }): Promise<Answers["attach-disk"]> {
    const key = keyOf(wanted.domid, wanted.devid);
    if (wanted.path === undefined) return { ok: true, node: "", device: "" };
    try {
      const loop = this.#freeLoop();
      this.#opening.add(loop);
      const who = `/dev/loop${loop} domain ${wanted.domid}`;
      const image = await openImage(wanted.path, wanted.format, wanted.readonly, who).finally(() =>
        this.#opening.delete(loop),
      );
      this.#attached.set(key, { image, loop, users: 0, released: undefined });
      return { ok: true, node: `/dev/loop${loop}`, device: `${LOOP_MAJOR}:${loop.toString(16)}` };
    } catch (error) {
      if (error instanceof ImageBusy) return { ok: false, pid: process.pid, ...busy(error, wanted.readonly) };
      const why = error instanceof ImageError ? error.message : `${wanted.path}: ${strerror(codeOf(error))}`;
      return { ok: false, why, pid: process.pid };
    }
  }

  async #detach(key: string): Promise<null> {
    const attached = this.#attached.get(key);
    if (attached === undefined) return null;
    if (attached.users > 0) {
      await new Promise<void>((resolve) => {
        attached.released = resolve;
        setTimeout(resolve, RELEASE_MILLIS).unref();
      });
    }
    await this.#close(key);
    return null;
  }

  async #close(key: string): Promise<void> {
    const attached = this.#attached.get(key);
    if (attached === undefined) return;
    this.#attached.delete(key);
    try {
      await attached.image.close();
    } catch (error) {
      this.#warn(`disk ${key}: ${strerror(codeOf(error))}`);
    }
  }

  #freeLoop(): number {
    const taken = new Set([...this.#opening, ...[...this.#attached.values()].map(({ loop }) => loop)]);
    let loop = 0;
    while (taken.has(loop)) loop++;
    return loop;
  }
}

/** How long a back end may take to give an image back before it is closed all the same. */
const RELEASE_MILLIS = 5_000;

/** As Xen's block script puts it. */
function busy(
  { path, holder }: ImageBusy,
  readonly: boolean,
): { readonly why: string; readonly hint: string } {
  const [loop = "", ...who] = holder.says.split(" ");
  const [mounted, now] = readonly ? ["mounted read-write", "read-only now"] : ["mounted", "now"];
  return {
    why: `File ${path} is loopback-mounted through ${loop},\nwhich is ${mounted} in a guest domain,\nand so cannot be mounted ${now}.`,
    hint: `${path} is ${holder.mode === "w" ? "written" : "read"} by ${who.join(" ")} of the xlab host with pid ${holder.pid}; one guest may write an image, or many read it`,
  };
}

const codeOf = (error: unknown): string => (error as NodeJS.ErrnoException).code ?? "EIO";

const keyOf = (domid: number, devid: number): string => `${domid}/${devid}`;
