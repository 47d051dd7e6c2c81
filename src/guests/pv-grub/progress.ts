/** How far the reading of a large file is, as GRUB 2 tells it: a line that goes away when it has been read. */
import type { Screen } from "./screen/screen.ts";

const MIB = 1024 * 1024;
/** Smaller files are read before anybody has looked. */
const LEAST = 4 * MIB;
/** Virtual time between two changes of the line. */
const EVERY_NANOS = 100_000_000;

export interface Progress {
  /** So many bytes are there. */
  at(bytes: number): void;
  end(): void;
}

const NONE: Progress = { at: () => {}, end: () => {} };

export function showProgress(screen: Screen, path: string, size: number): Progress {
  if (size < LEAST || !screen.isAtLineStart) return NONE;
  const name = path.replace(/^.*\//s, "");
  let next = screen.now() + EVERY_NANOS;
  let shown = false;
  return {
    at(bytes) {
      if (screen.now() < next) return;
      next = screen.now() + EVERY_NANOS;
      shown = true;
      screen.note(`      [ ${name}  ${(bytes / MIB).toFixed(2)}MiB  ${Math.floor((bytes * 100) / size)}% ]`);
    },
    end() {
      if (shown) screen.note("");
    },
  };
}
