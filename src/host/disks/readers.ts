/** Images that a boot loader in dom0 reads, beside the devices that guests have. */
import type { Answers, DiskAsk } from "../../toolstack/wait.ts";
import { strerror } from "../strerror.ts";
import { type DiskImage, ImageBusy, ImageError } from "./image.ts";
import { openImage } from "./open.ts";

export class ImageReaders {
  readonly #open = new Map<number, DiskImage>();
  #last = 0;

  async open({ path, format }: DiskAsk & { ask: "open-image" }): Promise<Answers["open-image"]> {
    try {
      const image = await openImage(path, format, true, "a boot loader");
      this.#open.set(++this.#last, image);
      return { ok: true, id: this.#last, size: image.size };
    } catch (error) {
      if (error instanceof ImageBusy)
        return {
          ok: false,
          why: `${path} is written by ${error.holder.says} of the host with pid ${error.holder.pid}`,
        };
      return { ok: false, why: error instanceof ImageError ? error.message : `${path}: ${whyOf(error)}` };
    }
  }

  async read({ id, offset, length }: DiskAsk & { ask: "read-image" }): Promise<Answers["read-image"]> {
    const image = this.#open.get(id);
    if (image === undefined) return "the image is closed";
    try {
      return await image.read(offset, length);
    } catch (error) {
      return error instanceof ImageError ? error.message : whyOf(error);
    }
  }

  async close(id: number): Promise<null> {
    const image = this.#open.get(id);
    this.#open.delete(id);
    await image?.close().catch(() => {}); // nothing was written
    return null;
  }

  async closeAll(): Promise<void> {
    for (const id of [...this.#open.keys()]) await this.close(id);
  }
}

const whyOf = (error: unknown): string => strerror((error as NodeJS.ErrnoException).code ?? "EIO");
