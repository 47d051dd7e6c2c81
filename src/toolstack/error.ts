/**
 * What the user is told when a toolstack operation fails: xl's words and exit status, plus one plain line of ours.
 * Thrown in toolstack/, caught once in cli/.
 */

/** libxl's ERROR_* (libxl_types.idl), negative. */
export const LIBXL_ERROR = {
  NONSPECIFIC: -1,
  VERSION: -2,
  FAIL: -3,
  NI: -4,
  NOMEM: -5,
  INVAL: -6,
  BADFAIL: -7,
  GUEST_TIMEDOUT: -8,
  TIMEDOUT: -9,
  NOPARAVIRT: -10,
  NOT_READY: -11,
  DOMAIN_NOTFOUND: -21,
  ABORTED: -22,
  NOTFOUND: -23,
  DOMAIN_DESTROYED: -24,
} as const;

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
