/** What a console of text has no use for, or is built in: modules, fonts, pictures, other terminals. */
import { ScriptFault } from "../faults.ts";
import { atOnce, type ScriptCommand } from "./command.ts";

/** There is nothing to be done, and it is done. */
const nothing = atOnce(() => true);
/** There is no such thing here: scripts ask before they use it. */
const absent = atOnce(() => false);

const terminal: ScriptCommand = atOnce((_script, words) => {
  for (const word of words) {
    const name = word.replace(/^--?(append|remove)$/, "");
    if (!["", "console", "hvc", "serial", "vga_text"].includes(name))
      throw new ScriptFault(`terminal \`${name}' isn't found`);
  }
  return true;
});

export const TERMINALS = {
  insmod: nothing,
  rmmod: nothing,
  lsmod: nothing,
  serial: nothing,
  terminfo: nothing,
  keymap: nothing,
  gfxpayload: nothing,
  videoinfo: nothing,
  set_background_image: nothing,
  terminal_input: terminal,
  terminal_output: terminal,
  loadfont: absent,
  background_image: absent,
  background_color: absent,
  play: absent,
  hwmatch: absent,
  keystatus: absent,
  /** -l: long mode; -p: page address extension. The domain's CPU has both. */
  cpuid: nothing,
} satisfies Readonly<Record<string, ScriptCommand>>;
