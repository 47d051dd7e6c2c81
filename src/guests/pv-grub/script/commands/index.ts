/** All commands of grub.cfg, by name. */
import { atOnce, type ScriptCommand } from "./command.ts";
import { DEVICES } from "./devices.ts";
import { ENVIRONMENT_BLOCK } from "./environment-block.ts";
import { KERNELS } from "./kernels.ts";
import { MENUS } from "./menus.ts";
import { REGEXP } from "./regexp.ts";
import { TALK } from "./talk.ts";
import { TERMINALS } from "./terminals.ts";
import { VARIABLES } from "./variables.ts";

const help = atOnce((script) => {
  script.print(`${Object.keys(COMMANDS).sort().join(" ")}\n`);
  return true;
});

export const COMMANDS: Readonly<Record<string, ScriptCommand>> = {
  ...VARIABLES,
  ...TALK,
  ...DEVICES,
  ...KERNELS,
  ...MENUS,
  ...ENVIRONMENT_BLOCK,
  ...TERMINALS,
  ...REGEXP,
  help,
};
