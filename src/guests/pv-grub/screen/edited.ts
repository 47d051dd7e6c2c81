/** How the editing of an entry ended. */
import type { Left } from "./ui.ts";

export type Edited =
  | { readonly edited: "boot"; readonly lines: readonly string[] }
  | { readonly edited: "discard" }
  /** From the command line on: not back to the menu. */
  | { readonly edited: "left"; readonly left: Left };
