/** Where the command line of `xlab` begins, and its own commands: what xl has no word for. */

import { parseArguments } from "../arguments.ts";
import { out, warn } from "../output.ts";
import { hint, report } from "../report.ts";
import type { XlabCommand } from "./command.ts";
import { host } from "./host.ts";
import { inspect } from "./inspect.ts";
import type { OpenDiskImage, OpenLocalHost } from "./local-host.ts";
import { run } from "./run.ts";

const COMMANDS: readonly XlabCommand[] = [run, inspect, host];
const USAGE = 2;

/** Runs a command line of xlab's and answers its exit status; never throws. `openLocalHost`: a machine in this process. */
export async function main(
  argv: readonly string[],
  openLocalHost: OpenLocalHost,
  openDiskImage: OpenDiskImage,
): Promise<number> {
  try {
    return await runXlab(argv, openLocalHost, openDiskImage);
  } catch (error) {
    return report(error);
  }
}

async function runXlab(
  argv: readonly string[],
  openLocalHost: OpenLocalHost,
  openDiskImage: OpenDiskImage,
): Promise<number> {
  const [name, ...rest] = argv;
  if (name === undefined || name === "help" || name === "--help" || name === "-h") {
    const about = COMMANDS.find((command) => command.name === rest[0]);
    if (rest[0] !== undefined && about === undefined) return unknown(rest[0]);
    out(about === undefined ? overview() : helpOf(about));
    return name === undefined ? USAGE : 0;
  }
  const command = COMMANDS.find((candidate) => candidate.name === name);
  if (command === undefined) return unknown(name);
  const parsed = await parseArguments(command, rest);
  if (parsed.ok) return command.run(parsed.args, openLocalHost, openDiskImage);
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
