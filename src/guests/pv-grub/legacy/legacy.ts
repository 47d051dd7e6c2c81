/** menu.lst, the language of GRUB 0.97 (and of the PV-GRUB of Xen 3.3). */
import type { Thread } from "../../minios/threads.ts";
import type { Config, Session, Surroundings } from "../menu.ts";
import { LegacyShell } from "./shell.ts";

export function* readLegacy(given: Surroundings, config: Config): Thread<Session> {
  given.files.begin();
  const shell = new LegacyShell(given);
  return { menu: yield* shell.menu(config), shell };
}
