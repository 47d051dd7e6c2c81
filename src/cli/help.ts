/** `xl help`, `xl help COMMAND` and every command's `-h`: xl's layout, filled from the commands' own values. */
import type { Command, OptionSpec } from "./command.ts";
import type { CommandRow } from "./commands/index.ts";

/** Widths of xl's columns: the command's name in the list, an option's in a command's help. */
const NAME_WIDTH = 19;
const OPTION_WIDTH = 24;

/** All commands that there are, a line each. */
export async function fullHelp(program: string, rows: readonly CommandRow[]): Promise<string> {
  const commands = await Promise.all(rows.flatMap(({ load }) => (load === undefined ? [] : [load()])));
  const lines = commands.map(({ name, summary }) => {
    const gap = name.length > NAME_WIDTH ? `\n ${" ".repeat(NAME_WIDTH)} ` : "";
    return ` ${name.padEnd(NAME_WIDTH)} ${gap}${summary}\n`;
  });
  return `Usage ${program} [-vfNtT] <subcommand> [args]\n\n${program} full list of subcommands:\n\n${lines.join("")}`;
}

/** One command's help. */
export function commandHelp(program: string, command: Command): string {
  const flags = `vtT${command.modifies ? "f" : ""}${command.canDryRun ? "N" : ""}`;
  const described = command.options.filter(({ help }) => help !== undefined);
  if (command.optionsText !== undefined) {
    const { usage, description, summary, optionsText } = command;
    return `Usage: ${program} [-${flags}] ${command.name} ${usage}\n\n${description ?? summary}.\n\nOptions:\n\n${optionsText}\n`;
  }
  const options =
    described.length === 0 ? "" : `Options:\n\n${described.map((spec) => optionHelp(spec)).join("")}`;
  return `Usage: ${program} [-${flags}] ${command.name} ${command.usage}\n\n${command.description ?? command.summary}.\n\n${options}`;
}

function optionHelp({ short, letterUnsaid, long, value, help = "" }: OptionSpec): string {
  const names = [
    ...(short === undefined || letterUnsaid ? [] : [`-${short}${value === undefined ? "" : ` ${value}`}`]),
    ...(long === undefined ? [] : [`--${long}${value === undefined ? "" : `=${value}`}`]),
  ].join(", ");
  const indent = " ".repeat(OPTION_WIDTH);
  const first = names.length < OPTION_WIDTH ? names.padEnd(OPTION_WIDTH) : `${names}\n${indent}`;
  return `${first}${help.replaceAll("\n", `\n${indent}`)}\n`;
}
