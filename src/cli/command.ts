/**
 * A command is a value: what it is called, how it is used, what it takes, what it does. Help, the parsing of options and
 * the tests follow from it.
 */
import type { Arguments } from "./arguments.ts";

/** An option of a command, as getopt_long knows it. */
export interface OptionSpec {
  /** One letter; undefined for an option that has a long name only. */
  readonly short?: string;
  readonly long?: string;
  /** The letter works, and help does not say so (xl has such). */
  readonly letterUnsaid?: true;
  /** What the option's value is called; undefined: it takes none. */
  readonly value?: string;
  /** What `help` says of it; undefined: it is there and not spoken of. */
  readonly help?: string;
}

/** What stands before the command's name: `xl -vvN create`. */
export interface GlobalOptions {
  /** How often `-v` was given. */
  readonly verbose: number;
  readonly dryRun: boolean;
}

export interface Invocation {
  /** "xl" or "xm": the name the user typed. */
  readonly program: string;
  readonly global: GlobalOptions;
  /** What followed the command's name, as typed. */
  readonly argv: readonly string[];
  readonly args: Arguments;
  /** The command's own help, for a command that finds its arguments wrong. */
  readonly printHelp: () => Promise<void>;
}

export interface Command {
  readonly name: string;
  /** What follows the name in the usage line; may go on for lines, as xl's do. */
  readonly usage: string;
  /** Without the full stop. */
  readonly summary: string;
  /** The summary in the command's own help, where that says more. */
  readonly description?: string;
  readonly options: readonly OptionSpec[];
  /** What help says under "Options:" instead of a list of them. */
  readonly optionsText?: string;
  /** A line for stderr before anything else is looked at. */
  readonly saidFirst?: string;
  /** How many arguments there must be at least. */
  readonly required: number;
  /** It changes something: `-f` is offered. */
  readonly modifies: boolean;
  /** It can pretend: `-N` is offered. */
  readonly canDryRun: boolean;
  /** Answers the exit status. Throws XlError for what the user is to be told. */
  run(invocation: Invocation): Promise<number> | number;
}

/** Gives a command's value its type. */
export const defineCommand = (command: Command): Command => command;
