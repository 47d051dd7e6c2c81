/** grub.cfg, the language of GRUB 2. */
import type { Thread } from "../../minios/threads.ts";
import type { Config, Session, Surroundings } from "../menu.ts";
import { ScriptShell } from "./shell.ts";

export function* readScript(given: Surroundings, config: Config): Thread<Session> {
  given.files.begin();
  return yield* new ScriptShell(given).read(config);
}
