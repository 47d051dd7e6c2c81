/**
 * Where the command line of `xl` and `xm` begins.
 *
 * The way of `xl list` is kept short: it loads the table of names, the command, the connection, and nothing else. bin/xl
 * runs this file with all it imports as one (scripts/bundle-cli.mjs): that alone saves a sixth of the time.
 */
import type { Command, GlobalOptions } from "./command.ts";
import { findCommand, XL_COMMANDS } from "./commands/index.ts";
import { out, warn } from "./output.ts";

const FAILURE = 1;
const USAGE = 2;

/** Runs a command line (what follows the program's name) and answers its exit status; never throws. */
export async function main(program: "xl" | "xm", argv: readonly string[]): Promise<number> {
  try {
    return await runXl(program, argv);
  } catch (error) {
    const { report } = await import("./report.ts");
    return report(error);
  }
}

async function runXl(program: string, argv: readonly string[]): Promise<number> {
  const globals = parseGlobals(program, argv);
  if (globals === undefined) return FAILURE;
  const [name, ...rest] = globals.rest;
  if (name === undefined) {
    out(await (await import("./help.ts")).fullHelp(program, XL_COMMANDS));
    return FAILURE;
  }
  if (name === "help") return help(program, rest[0]);

  const row = findCommand(name, XL_COMMANDS);
  if (row?.load === undefined) {
    warn("command not implemented");
    if (row !== undefined) {
      const { hint } = await import("./report.ts");
      await hint(`\`${row.name}' is a command of xl's that xlab does not model yet`);
    }
    return FAILURE;
  }
  const command = await row.load();
  if (globals.options.dryRun && !command.canDryRun) {
    warn("command does not implement -N (dryrun) option");
    return FAILURE;
  }
  return runCommand(program, command, globals.options, rest);
}

async function runCommand(
  program: string,
  command: Command,
  global: GlobalOptions,
  argv: readonly string[],
): Promise<number> {
  const { parseArguments } = await import("./arguments.ts");
  const printHelp = async (): Promise<void> => out((await import("./help.ts")).commandHelp(program, command));
  if (command.saidFirst !== undefined) warn(command.saidFirst);
  const parsed = await parseArguments(command, argv);
  if (!parsed.ok) {
    if (parsed.why === "help") {
      await printHelp();
      return 0;
    }
    warn(`option \`${parsed.letter}' not supported.`);
    return USAGE;
  }
  if (parsed.args.operands.length < command.required) {
    const plural = command.required > 1 ? "s" : "";
    warn(`'${program} ${command.name}' requires at least ${command.required} argument${plural}.\n`);
    await printHelp();
    return USAGE;
  }
  return command.run({ program, global, argv, args: parsed.args, printHelp });
}

async function help(program: string, name: string | undefined): Promise<number> {
  const { commandHelp, fullHelp } = await import("./help.ts");
  if (name === undefined || name === "help") {
    out(await fullHelp(program, XL_COMMANDS));
    return 0;
  }
  const row = findCommand(name, XL_COMMANDS);
  if (row?.load === undefined) out(`command "${name}" not implemented\n`);
  else out(commandHelp(program, await row.load()));
  return 0;
}

/** `-vvftTN` before the command; undefined: something else stood there, which has been said. */
function parseGlobals(
  program: string,
  argv: readonly string[],
): { readonly options: GlobalOptions; readonly rest: readonly string[] } | undefined {
  let verbose = 0;
  let dryRun = false;
  let taken = 0;
  for (const word of argv) {
    if (word === "-" || !word.startsWith("-")) break;
    taken++;
    if (word === "--") break;
    for (const letter of word.slice(1)) {
      if (letter === "v") verbose++;
      else if (letter === "N") dryRun = true;
      else if (!"ftT".includes(letter)) {
        warn(`${program}: invalid option -- '${letter}'`);
        warn("unknown global option");
        return undefined;
      }
    }
  }
  return { options: { verbose, dryRun }, rest: argv.slice(taken) };
}
