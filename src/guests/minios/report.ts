/**
 * Mini-OS's last words when a thread does what it must not (arch/x86/traps.c): where a C Mini-OS shows registers, a TypeScript
 * program shows the functions it was in.
 */

/** A page was touched as it may not be. */
export class PageFault extends Error {
  override readonly name = "PageFault";
  /** Virtual, in the program's own memory. */
  readonly address: number;
  /** The processor's error code: bit 0 the page is there, bit 1 it was a write. */
  readonly code: number;
  /** What lies there: "a read-only page: pfn 12, mfn 0x3f2c". */
  readonly page: string;

  constructor(address: number, code: number, page: string) {
    super(`page fault at 0x${address.toString(16)}`);
    this.address = address;
    this.code = code;
    this.page = page;
  }
}

/** Frames of the stack that are shown. */
const DEPTH = 8;

/** What is printed of a thread that threw `error`. */
export function crashReport(thread: string, error: unknown): string {
  const lines =
    error instanceof PageFault
      ? [
          `Page fault at linear address 0x${error.address.toString(16)}, code ${error.code.toString(16)}`,
          `Thread: ${thread}`,
          `${(error.code & 2) === 0 ? "Read" : "Write"} of ${error.page}`,
        ]
      : [`Fatal error in thread "${thread}": ${messageOf(error)}`, `Thread: ${thread}`];
  return [...lines, ...callers(error).map((line) => `   ${line}`), ""].join("\n");
}

const messageOf = (error: unknown): string =>
  error instanceof Error ? `${error.name}: ${error.message}` : String(error);

/** Function and place, the innermost first; a place is a file's name and a line. */
function callers(error: unknown): string[] {
  if (!(error instanceof Error)) return [];
  const frames = (error.stack ?? "").split("\n").filter((line) => /^\s+at /.test(line));
  return frames
    .map((line) =>
      line
        .trim()
        .replace(/\(?(?:file:\/\/)?(?:[^\s()]*\/)?([^/\s()]+:\d+):\d+\)?$/, "($1)")
        .replace(/^at \(/, "at program ("),
    )
    .slice(0, DEPTH);
}
