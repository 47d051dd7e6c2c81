/** Running lines, and what comes of it. */
import { Nanos } from "../../../lib/brand.ts";
import type { Thread } from "../../minios/threads.ts";
import type { MenuEntry, RunEnd } from "../menu.ts";
import type { Ui } from "./ui.ts";

/** GRUB 2 waits so long for the key that ends an error's display, when nobody has pressed one. */
const ERROR_SECONDS = 10;

/** Runs the lines, and boots what they loaded when they are an entry's or say so. */
export function* runLines(ui: Ui, lines: readonly string[], entry?: MenuEntry): Thread<RunEnd> {
  const end = yield* ui.shell.run(lines, entry);
  const isEntry = entry !== undefined;
  const boots = end.end === "boot" || (end.end === "done" && isEntry && ui.loader.loaded);
  if (boots) return yield* ui.loader.boot();
  if (end.end === "done" && isEntry && ui.shell.look === "legacy")
    return {
      end: "error",
      error: "Error 8: Kernel must be loaded before booting",
      why: "the entry has no kernel line",
    };
  return end;
}

export function printError(ui: Ui, end: RunEnd): void {
  if (end.end !== "error") return;
  ui.screen.print(`\n${end.error}\n${end.why === undefined ? "" : `  ${end.why}\n`}`);
}

/** `patient`: somebody is there, and it waits for ever. */
export function* pressAnyKey(ui: Ui, patient: boolean): Thread<void> {
  ui.screen.print("\nPress any key to continue...");
  const until = patient ? undefined : Nanos(ui.screen.now() + ERROR_SECONDS * 1e9);
  yield* ui.screen.key(until);
  ui.screen.print("\n");
}
