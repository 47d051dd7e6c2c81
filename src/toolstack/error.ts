/**
 * What the user is told when a toolstack operation fails: xl's words and exit status, plus one plain line of ours.
 * Thrown in toolstack/, caught once in cli/.
 */

export class XlError extends Error {
  override readonly name = "XlError";
  /** xl's exit status. */
  readonly exitCode: number;
  /** Lines for stderr, as xl and libxl word them, without newlines. */
  readonly lines: readonly string[];
  /** One line of ours: why, and what to do. Undefined where xl's words already say it. */
  readonly hint: string | undefined;

  constructor(exitCode: number, lines: readonly string[], hint?: string, options?: { cause?: unknown }) {
    super(lines.join("\n"), options);
    this.exitCode = exitCode;
    this.lines = lines;
    this.hint = hint;
  }
}
