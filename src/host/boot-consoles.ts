/** Terminals of boot loaders in dom0: what they print goes to the domain's console and a log, what is typed there to them. */
import type { Domid } from "../abi/types.ts";
import type { BootConsole } from "../toolstack/dom0.ts";
import type { Signal } from "../toolstack/wait.ts";
import type { LogFile } from "./logs.ts";

/** What is typed beyond that, and not read, is lost. */
const TYPED_BYTES = 4096;

export interface BootConsolesOptions {
  readonly logFor: (domid: Domid) => LogFile;
  readonly finished: (log: LogFile) => void;
  readonly show: (domid: Domid, bytes: Uint8Array) => void;
  /** One has come up. */
  readonly opened: (domid: Domid) => void;
}

export class BootConsoles {
  readonly #options: BootConsolesOptions;
  readonly #open = new Map<Domid, { readonly signal: Signal; typed: Uint8Array }>();

  constructor(options: BootConsolesOptions) {
    this.#options = options;
  }

  open(domid: Domid): BootConsole {
    const { logFor, finished, show, opened } = this.#options;
    const log = logFor(domid);
    const state = { signal: { pending: false, wake: undefined } as Signal, typed: new Uint8Array(0) };
    this.#open.set(domid, state);
    opened(domid);
    return {
      write: (text) => {
        const bytes = Buffer.from(text);
        log.append(bytes);
        show(domid, bytes);
      },
      take: () => {
        const { typed } = state;
        state.typed = new Uint8Array(0);
        return typed;
      },
      typed: state.signal,
      pid: process.pid,
      close: () => {
        this.#open.delete(domid);
        finished(log);
      },
    };
  }

  /** False: no boot loader runs for it. */
  input(domid: Domid, bytes: Uint8Array): boolean {
    const state = this.#open.get(domid);
    if (state === undefined) return false;
    state.typed = new Uint8Array(Buffer.concat([state.typed, bytes]).subarray(0, TYPED_BYTES));
    state.signal.pending = true;
    state.signal.wake?.();
    return true;
  }
}
