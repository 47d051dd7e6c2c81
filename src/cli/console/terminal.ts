/**
 * The user's side of a console: a terminal in raw mode, which Ctrl-] leaves, or pipes, through which bytes pass.
 * However the command ends, by return, error or signal, the terminal is left as it was found.
 */
import { setTimeout as sleep } from "node:timers/promises";

/** Ctrl-]: leaves the console. */
const ESCAPE = 0x1d;

export interface TerminalEvents {
  /** What was typed, or came through the pipe. */
  keys(bytes: Uint8Array): void;
  /** Ctrl-] was typed. */
  leave(): void;
}

export class Terminal {
  /** A person types here. */
  readonly interactive: boolean = process.stdin.isTTY === true;
  #restore: (() => void) | undefined;
  #broken = false;

  /** Starts to listen. */
  open(events: TerminalEvents): void {
    const { stdin } = process;
    const onData = (chunk: Buffer): void => {
      const escapeAt = this.interactive ? chunk.indexOf(ESCAPE) : -1;
      const keys = escapeAt < 0 ? chunk : chunk.subarray(0, escapeAt);
      if (keys.length > 0) events.keys(keys);
      if (escapeAt >= 0) {
        process.stdout.write("\r\n");
        events.leave();
      }
    };
    // The end of a pipe ends nothing: the guest goes on, and so does its console.
    const onError = (): void => {};
    stdin.on("data", onData);
    stdin.on("error", onError);
    process.stdout.on("error", this.#onBroken);
    if (this.interactive) stdin.setRawMode(true);

    const restore = (): void => {
      if (this.interactive) stdin.setRawMode(false);
    };
    const onContinue = (): void => {
      if (this.interactive) stdin.setRawMode(true);
    };
    const signals = LETHAL_SIGNALS.map(([signal, number]) => {
      const handler = (): void => {
        restore();
        process.exit(128 + number);
      };
      process.on(signal, handler);
      return [signal, handler] as const;
    });
    process.on("exit", restore);
    process.on("SIGCONT", onContinue);

    this.#restore = () => {
      restore();
      stdin.off("data", onData);
      stdin.off("error", onError);
      stdin.pause();
      for (const [signal, handler] of signals) process.off(signal, handler);
      process.off("exit", restore);
      process.off("SIGCONT", onContinue);
    };
  }

  /** Prints; resolves when more may be printed. False: whoever read has gone. */
  async print(bytes: Uint8Array): Promise<boolean> {
    if (this.#broken) return false;
    await new Promise<void>((resolve) => process.stdout.write(bytes, () => resolve()));
    // A terminal or pipe is written to without returning to the event loop: let keys and signals in between.
    await sleep(0);
    return !this.#broken;
  }

  /** Leaves the terminal as it was. May be called twice. */
  close(): void {
    this.#restore?.();
    this.#restore = undefined;
  }

  #onBroken = (): void => {
    this.#broken = true;
  };
}

const LETHAL_SIGNALS = [
  ["SIGHUP", 1],
  ["SIGINT", 2],
  ["SIGQUIT", 3],
  ["SIGTERM", 15],
] as const;
