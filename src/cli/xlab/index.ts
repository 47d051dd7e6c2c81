/** xlab's own commands: what xl has no word for. */

import { parseArguments } from "../arguments.ts";
import type { Launch } from "../main.ts";
import { out, warn } from "../output.ts";
import { hint } from "../report.ts";
import type { XlabCommand } from "./command.ts";
import { host } from "./host.ts";
import { run } from "./run.ts";

const COMMANDS: readonly XlabCommand[] = [run, host];
const USAGE = 2;

export async function runXlab(launch: Launch): Promise<number> {
  const [name, ...rest] = launch.argv;
  if (name === undefined || name === "help" || name === "--help" || name === "-h") {
    const about = COMMANDS.find((command) => command.name === rest[0]);
    if (rest[0] !== undefined && about === undefined) return unknown(rest[0]);
    out(about === undefined ? overview() : helpOf(about));
    return name === undefined ? USAGE : 0;
  }
  const command = COMMANDS.find((candidate) => candidate.name === name);
  if (command === undefined) return unknown(name);
  const parsed = await parseArguments(command, rest);
  if (parsed.ok) return command.run(parsed.args, launch.openLocalHost);
  if (parsed.why === "help") {
    out(helpOf(command));
    return 0;
  }
  const option = parsed.letter === "\0" ? "that long option" : `-${parsed.letter}`;
  warn(`xlab ${command.name}: ${option} is not known, or lacks its value`);
  await hint(`\`xlab help ${command.name}' lists the options`);
  return USAGE;
}

async function unknown(name: string): Promise<number> {
  warn(`xlab: there is no command \`${name}'`);
  await hint("`xlab help' lists the commands; those of xl are typed as `xl COMMAND'");
  return USAGE;
}

function overview(): string {
  const lines = COMMANDS.map(({ name, summary }) => `  ${name.padEnd(8)} ${summary}\n`);
  return `Usage: xlab COMMAND [arguments]\n\n${lines.join("")}  help     This text; \`xlab help COMMAND' for more\n`;
}

const helpOf = ({ name, usage, summary, help }: XlabCommand): string =>
  `Usage: xlab ${name} ${usage}\n\n${summary}.\n\n${help}`;
