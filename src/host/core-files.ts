/** Core files, as the toolstack's plans ask for them: opened, written to in order, closed. */
import { type FileHandle, open } from "node:fs/promises";
import { join } from "node:path";
import type { CoreFileAnswer, CoreFileAsk } from "../toolstack/wait.ts";
import { fileNameFor } from "./logs.ts";
import { strerror } from "./strerror.ts";

export class CoreFiles {
  readonly #stateDirectory: string | undefined;
  readonly #open = new Map<number, FileHandle>();
  #nextId = 1;

  /** /var/lib/xen is the state directory here. */
  constructor(stateDirectory: string | undefined) {
    this.#stateDirectory = stateDirectory;
  }

  async answer(question: CoreFileAsk): Promise<CoreFileAnswer> {
    try {
      switch (question.act) {
        case "open":
          return { ok: true, id: await this.#openFile(question) };
        case "write":
          await this.#open.get(question.id)?.writeFile(question.bytes);
          return { ok: true, id: question.id };
        case "close":
          await this.#close(question.id);
          return { ok: true, id: question.id };
      }
    } catch (error) {
      const { code, errno } = error as NodeJS.ErrnoException;
      return {
        ok: false,
        errno: Math.abs(errno ?? 5),
        why: strerror(code ?? "EIO"),
        ...(question.act === "open" && "dump" in question ? { hint: this.#hint() } : {}),
      };
    }
  }

  async close(): Promise<void> {
    for (const id of [...this.#open.keys()]) await this.#close(id).catch(() => {});
  }

  async #openFile(name: Extract<CoreFileAsk, { act: "open" }>): Promise<number> {
    const path = "file" in name ? name.file : this.#dumpPath(name.dump);
    const handle = await open(path, "w", 0o600);
    const id = this.#nextId++;
    this.#open.set(id, handle);
    return id;
  }

  async #close(id: number): Promise<void> {
    const handle = this.#open.get(id);
    this.#open.delete(id);
    await handle?.close();
  }

  #dumpPath(name: string): string {
    if (this.#stateDirectory === undefined) {
      throw Object.assign(new Error("no state directory"), { code: "ENOENT", errno: -2 });
    }
    return join(this.#stateDirectory, "dump", fileNameFor(name));
  }

  #hint(): string {
    return this.#stateDirectory === undefined
      ? "this host keeps no files"
      : `core files go to ${join(this.#stateDirectory, "dump")} where that directory exists: make it to have them`;
  }
}
