/** What libxc says when it gives up, as scripts know it. */

/** Thrown where libxc would fail; caught by the plan that stands for libxl. */
export class XcFault extends Error {
  override readonly name = "XcFault";
  /** One line of ours: why, and what to do. */
  readonly hint: string | undefined;
  /** Lines on stderr. */
  readonly lines: readonly string[];

  constructor(lines: readonly string[], hint?: string) {
    super(lines.join("\n"));
    this.lines = lines;
    this.hint = hint;
  }
}

/** `ERROR()` of libxc; with `errno`, `PERROR()`. */
export const xcError = (text: string, errno?: string): string =>
  `xc: error: ${text}${errno === undefined ? "" : ` (${errno})`}: Internal error`;

export const xcInfo = (text: string): string => `xc: info: ${text}`;

export const SUCCESS = "0 = Success";
export const EINVAL = "22 = Invalid argument";
export const ENOMEM = "12 = Cannot allocate memory";

export const xcFault = (text: string, errno?: string, hint?: string): XcFault =>
  new XcFault([xcError(text, errno)], hint);
