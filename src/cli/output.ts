/**
 * What a command prints. Written at once and whole, so that a command may end right after; a reader that has gone
 * (`xl list | head -0`) or a full disk is no error of ours, as it is none of xl's.
 */
import { writeSync } from "node:fs";

/** For a pipe that is full and does not block: how long to wait before the next try. */
const RETRY_MILLIS = 5;

function write(fd: number, text: string | Uint8Array): void {
  let bytes: Uint8Array = typeof text === "string" ? Buffer.from(text, "utf8") : text;
  while (bytes.length > 0) {
    try {
      bytes = bytes.subarray(writeSync(fd, bytes));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EAGAIN") return;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, RETRY_MILLIS);
    }
  }
}

/** Text for stdout, newlines and all. */
export const out = (text: string): void => write(1, text);

/** Bytes for stdout, as they are. */
export const outBytes = (bytes: Uint8Array): void => write(1, bytes);

/** A line for stderr. */
export const warn = (line: string): void => write(2, `${line}\n`);
