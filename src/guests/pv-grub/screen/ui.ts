/** What every part of the menu needs: screen, the shell that runs lines, the loader. */
import type { Loader, Menu, RunEnd, Shell } from "../menu.ts";
import type { MemorySize } from "./picture.ts";
import type { Screen } from "./screen.ts";

export interface Ui {
  readonly screen: Screen;
  readonly shell: Shell;
  readonly loader: Loader;
  readonly memory: MemorySize;
  /** Earlier lines of the command line. */
  readonly history: string[];
}

/** Why a menu, an editor or the command line was left. */
export type Left =
  | { readonly left: "back" }
  | { readonly left: "halt" | "reboot" }
  | { readonly left: "menu"; readonly menu: Menu };

export const BACK: Left = { left: "back" };

/** How lines ended that this place does not deal with: it is left for it. */
export const leaves = (end: RunEnd): Left | undefined => {
  if (end.end === "menu") return { left: "menu", menu: end.menu };
  return end.end === "halt" || end.end === "reboot" ? { left: end.end } : undefined;
};
