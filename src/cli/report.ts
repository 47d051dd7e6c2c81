/**
 * How a command's failure is told: xl's lines as xl has them, then one of ours that says why and what to do.
 * Our own mistakes are told with a stack, and a request to report them.
 */
import { isatty } from "node:tty";
import { XlError } from "../toolstack/error.ts";
import { warn } from "./output.ts";

/** sysexits.h: EX_SOFTWARE. */
const OUR_MISTAKE = 70;

/** Errors that are the user's to mend and have no words of xl's. */
const PLAIN_ERRORS: ReadonlySet<string> = new Set(["HostGone", "StateDirectoryError"]);

/** Prints what was thrown, and answers the exit status. */
export async function report(error: unknown): Promise<number> {
  if (error instanceof XlError) {
    await printXlError(error);
    return error.exitCode;
  }
  if (error instanceof Error && PLAIN_ERRORS.has(error.name)) {
    for (const line of error.message.split("\n")) await hint(line);
    return 1;
  }
  warn(error instanceof Error ? (error.stack ?? error.message) : String(error));
  await hint("this is a mistake of xlab's own; please report it with the lines above");
  return OUR_MISTAKE;
}

export async function printXlError(error: XlError): Promise<void> {
  for (const line of error.lines) warn(line);
  if (error.hint !== undefined) await hint(error.hint);
}

/** A line of ours for people: coloured where a person looks, plain for everyone else. */
export async function hint(text: string): Promise<void> {
  const line = `xlab: ${text}`;
  if (!isatty(2) || (process.env["NO_COLOR"] ?? "") !== "") {
    warn(line);
    return;
  }
  const { default: chalk } = await import("chalk");
  warn(chalk.yellow(line));
}
