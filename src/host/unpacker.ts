/**
 * Unpacks kernels and ramdisks beside the model's thread, which must never block. A worker thread is started for the first
 * job and ends when it has had nothing to do for a while. What a file came to is remembered as long as somebody holds the
 * file, so that a restart, or the next guest with the same kernel, need not wait.
 */
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { Worker } from "node:worker_threads";
import type { Answers, AnswerTo, UnpackAsk } from "../toolstack/wait.ts";
import { unpack } from "./unpack.ts";

export type Unpacked = Answers[UnpackAsk["ask"]];

export interface UnpackJob {
  readonly id: number;
  readonly ask: UnpackAsk["ask"];
  readonly file: Uint8Array;
}
export interface UnpackAnswer {
  readonly id: number;
  readonly value: Unpacked;
}

const IDLE_MILLIS = 5_000;
/** Compiled code has it beside itself; under a test runner that loads TypeScript there is none, and we do it ourselves. */
const THREAD = new URL("./unpack-thread.js", import.meta.url);

export class Unpacker {
  readonly #cacheDirectory: string | undefined;
  readonly #known = new WeakMap<Uint8Array, Map<UnpackAsk["ask"], Promise<Unpacked>>>();
  readonly #waiting = new Map<number, { resolve: (value: Unpacked) => void; reject: (e: unknown) => void }>();
  #worker: Worker | undefined;
  #idle: NodeJS.Timeout | undefined;
  #jobs = 0;

  constructor(cacheDirectory: string | undefined) {
    this.#cacheDirectory = cacheDirectory;
  }

  answer<A extends UnpackAsk>({ ask, file }: A): Promise<AnswerTo<A>> {
    const answers = this.#known.get(file) ?? new Map<UnpackAsk["ask"], Promise<Unpacked>>();
    this.#known.set(file, answers);
    const answer = answers.get(ask) ?? this.#work(ask, file);
    answers.set(ask, answer);
    return answer as Promise<AnswerTo<A>>;
  }

  async stop(): Promise<void> {
    if (this.#idle !== undefined) clearTimeout(this.#idle);
    await this.#worker?.terminate();
    this.#worker = undefined;
  }

  #work(ask: UnpackAsk["ask"], file: Uint8Array): Promise<Unpacked> {
    if (!existsSync(fileURLToPath(THREAD))) {
      return Promise.resolve(unpack(ask, file, this.#cacheDirectory));
    }
    return new Promise((resolve, reject) => {
      const id = ++this.#jobs;
      this.#waiting.set(id, { resolve, reject });
      const worker = this.#thread();
      worker.ref();
      const job: UnpackJob = { id, ask, file };
      worker.postMessage(job);
    });
  }

  #thread(): Worker {
    if (this.#idle !== undefined) clearTimeout(this.#idle);
    this.#idle = undefined;
    if (this.#worker !== undefined) return this.#worker;
    const worker = new Worker(THREAD, { workerData: { cacheDirectory: this.#cacheDirectory } });
    this.#worker = worker;
    worker.on("message", ({ id, value }: UnpackAnswer) => {
      this.#waiting.get(id)?.resolve(value);
      this.#waiting.delete(id);
      if (this.#waiting.size > 0) return;
      worker.unref();
      this.#idle = setTimeout(() => void this.stop(), IDLE_MILLIS).unref();
    });
    worker.on("error", (error) => {
      for (const job of this.#waiting.values()) job.reject(error);
      this.#waiting.clear();
      this.#worker = undefined;
    });
    return worker;
  }
}

/** Files that guests hold, each kept once: a hundred guests with one kernel need its bytes but once. */
export class FileStore {
  readonly #held: WeakRef<Uint8Array>[] = [];

  intern(bytes: Uint8Array): Uint8Array {
    for (let at = this.#held.length - 1; at >= 0; at--) {
      const known = this.#held[at]?.deref();
      if (known === undefined) this.#held.splice(at, 1);
      else if (known.length === bytes.length && Buffer.compare(known, bytes) === 0) return known;
    }
    this.#held.push(new WeakRef(bytes));
    return bytes;
  }
}
