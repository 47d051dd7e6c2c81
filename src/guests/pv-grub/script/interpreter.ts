/**
 * Runs the commands of a grub.cfg. A command that fails is said ("error: ….") and the next one runs, as in GRUB; what it may
 * spend in all is bounded.
 */
import { schedule, type Thread } from "../../minios/threads.ts";
import { GrubError } from "../errors.ts";
import type { MenuEntry, RunEnd, Surroundings } from "../menu.ts";
import { COMMANDS } from "./commands/index.ts";
import type { Environment } from "./environment.ts";
import { expand } from "./expand.ts";
import { faultOf, Runaway, ScriptFault } from "./faults.ts";
import { parseScript } from "./parse.ts";
import type { Block, Command, Word } from "./syntax.ts";
import { expandWildcards } from "./wildcards.ts";

const STEPS_MAX = 100_000;
/** Others have a turn after so many commands. */
const STEPS_PER_TURN = 64;
const OUTPUT_MAX = 256 * 1024;
/** Lists of commands within each other: blocks, functions, sourced files. */
const DEPTH_MAX = 400;
const ENTRIES_MAX = 2000;

/** Why the commands behind the current one do not run. */
type Signal =
  | { readonly kind: "break" | "continue"; readonly levels: number }
  | { readonly kind: "return" }
  | { readonly kind: "end"; readonly end: RunEnd };

/** An entry, with what only the language needs to know of it. */
export interface ScriptEntry {
  readonly entry: MenuEntry;
  /** $1, $2… when it runs: the title and what stood behind it. */
  readonly parameters: readonly string[];
}

/** What remains while menus come and go. */
export interface Lasting {
  readonly given: Surroundings;
  readonly functions: Map<string, readonly Command[]>;
  /** Of `password`: users' and what they are, plain or "grub.pbkdf2…". */
  readonly passwords: Map<string, string>;
  /** The menu of a file that is run in a context of its own; undefined when it has none, and the script goes on. */
  newMenu(path: string): Thread<RunEnd | undefined>;
  submenu(entry: SubmenuMaking): MenuEntry["submenu"];
}

interface SubmenuMaking {
  readonly environment: Environment;
  readonly id: string;
  readonly source: string;
  readonly parameters: readonly string[];
}

/** What a run may still do: shared by all that it calls. */
class Allowance {
  steps = STEPS_MAX;
  output = OUTPUT_MAX;
  expanded = 16 * 1024 * 1024;
  depth = 0;
}

export class Interpreter {
  readonly lasting: Lasting;
  readonly environment: Environment;
  readonly entries: ScriptEntry[] = [];
  readonly #allowance: Allowance;
  #parameters: readonly string[];
  /** `$?` */
  #status = 0;
  #loops = 0;
  #signal: Signal | undefined;
  /** Not printed yet: it may be the last word. */
  #pending: ScriptFault | undefined;

  constructor(
    lasting: Lasting,
    environment: Environment,
    parameters: readonly string[] = [],
    allowance = new Allowance(),
  ) {
    this.lasting = lasting;
    this.#allowance = allowance;
    this.environment = environment;
    this.#parameters = parameters;
  }

  get given(): Surroundings {
    return this.lasting.given;
  }
  get status(): number {
    return this.#status;
  }
  get parameters(): readonly string[] {
    return this.#parameters;
  }

  /** Runs a text from the top. What ended it early; undefined when it ran through. */
  *run(text: string): Thread<RunEnd | undefined> {
    try {
      yield* this.list(yield* parseScript(text));
    } catch (error) {
      if (!(error instanceof Runaway)) throw error;
      this.#pending = new ScriptFault("out of memory", error.message);
    }
    return this.#signal?.kind === "end" ? this.#signal.end : undefined;
  }

  /** The last failure, if nothing was printed since. */
  takeFailure(): ScriptFault | undefined {
    const fault = this.#pending;
    this.#pending = undefined;
    return fault;
  }

  print(text: string): void {
    const fault = this.takeFailure();
    if (fault !== undefined) this.#print(`error: ${fault.message}.\n`);
    this.#print(text);
  }

  #print(text: string): void {
    const { output } = this.#allowance;
    this.#allowance.output -= text.length;
    if (text.length > output) throw new Runaway("the script prints more than it may");
    if (text !== "") this.given.terminal.print(text);
  }

  fail(fault: ScriptFault): void {
    this.print("");
    this.#pending = fault;
  }

  stop(signal: Signal): void {
    this.#signal = signal;
  }
  get isInLoop(): boolean {
    return this.#loops > 0;
  }

  shift(count: number): boolean {
    if (count < 0 || count > this.#parameters.length) return false;
    this.#parameters = this.#parameters.slice(count);
    return true;
  }
  setParameters(parameters: readonly string[]): void {
    this.#parameters = parameters;
  }

  set(name: string, value: string): void {
    const why = this.environment.set(name, value);
    if (why !== undefined) throw new Runaway(why);
  }

  add(entry: ScriptEntry): void {
    if (this.entries.length === ENTRIES_MAX)
      throw new Runaway(`the menu has more than ${ENTRIES_MAX} entries`);
    this.entries.push(entry);
  }

  /** Commands one after the other; the status of the last. */
  *list(commands: readonly Command[]): Thread<number> {
    if (++this.#allowance.depth > DEPTH_MAX)
      throw new Runaway(`blocks, functions and files stand in each other more than ${DEPTH_MAX} deep`);
    for (const command of commands) {
      yield* this.#step();
      this.#status = yield* this.#command(command);
      if (this.#signal !== undefined) break;
    }
    this.#allowance.depth--;
    return this.#status;
  }

  /** Only the entries of a text: what else it does is done in a context that is thrown away. */
  *extract(text: string): Thread<readonly ScriptEntry[]> {
    const inner = new Interpreter(this.lasting, this.environment.open(), [], this.#allowance);
    this.#allowance.depth++;
    yield* inner.list(yield* parseScript(text));
    this.#allowance.depth--;
    return inner.entries;
  }

  /** Another text in the same context: `source`, `eval`. */
  *nested(text: string): Thread<number> {
    const commands = yield* parseScript(text);
    return yield* this.#call(this.#parameters, () => this.list(commands));
  }

  *#command(command: Command): Thread<number> {
    switch (command.kind) {
      case "simple": {
        const words: string[] = [];
        const blocks: Block[] = [];
        for (const argument of command.arguments)
          if ("block" in argument) blocks.push(argument.block);
          else words.push(...(yield* this.#expand(argument.word)));
        return yield* this.#simple(words, blocks);
      }
      case "if":
        for (const { test, body } of command.branches) {
          const status = yield* this.list(test);
          if (this.#signal !== undefined) return status;
          if (status === 0) return yield* this.list(body);
        }
        this.#status = 0;
        return yield* this.list(command.otherwise);
      case "for": {
        const words: string[] = [];
        for (const word of command.words) words.push(...(yield* this.#expand(word)));
        let status = 0;
        this.#loops++;
        for (const word of words) {
          this.set(command.name, word);
          status = yield* this.list(command.body);
          if (!this.#goesOn()) break;
        }
        this.#loops--;
        return status;
      }
      case "while": {
        let status = 0;
        this.#loops++;
        for (;;) {
          yield* this.#step();
          const test = yield* this.list(command.test);
          if (this.#signal === undefined && (test === 0) === command.until) break;
          if (this.#signal === undefined) status = yield* this.list(command.body);
          if (!this.#goesOn()) break;
        }
        this.#loops--;
        return status;
      }
      case "function":
        this.lasting.functions.set(command.name, command.body);
        return 0;
      case "fault":
        this.fail(new ScriptFault("syntax error", `line ${command.line}: ${command.why}`));
        return 1;
    }
  }

  /** What a word comes to: a pattern becomes what is there, and stays itself where nothing is. */
  *#expand(word: Word): Thread<readonly string[]> {
    const words: string[] = [];
    for (const { text, pattern } of expand(word, this, this.#allowance)) {
      const root = this.environment.get("root") ?? "";
      const found =
        pattern === undefined
          ? []
          : yield* expandWildcards(this.given.files, pattern, root.startsWith("(") ? root : `(${root})`);
      if (found.length === 0) words.push(text);
      for (const path of found) {
        this.#allowance.expanded -= path.length + 1;
        if (this.#allowance.expanded < 0) throw new Runaway("the script's words grow too long");
        words.push(path);
      }
    }
    return words;
  }

  /** At the end of a loop's round: whether there is another one. */
  #goesOn(): boolean {
    const signal = this.#signal;
    if (signal === undefined) return true;
    if (signal.kind !== "break" && signal.kind !== "continue") return false;
    if (signal.levels > 1 && this.#loops > 1) {
      this.#signal = { kind: signal.kind, levels: signal.levels - 1 };
      return false;
    }
    this.#signal = undefined;
    return signal.kind === "continue";
  }

  *#simple(words: readonly string[], blocks: readonly Block[]): Thread<number> {
    const inverted = words[0] === "!";
    const [name, ...rest] = inverted ? words.slice(1) : words;
    if (name === undefined) {
      if (!inverted && blocks.length === 0) return 0;
      this.fail(new ScriptFault("no command is specified"));
      return 1;
    }
    const status = yield* this.#named(name, rest, blocks);
    return inverted ? Number(status === 0) : status;
  }

  *#named(name: string, words: readonly string[], blocks: readonly Block[]): Thread<number> {
    const body = this.lasting.functions.get(name);
    const command = Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined;
    try {
      if (body !== undefined) {
        const status = yield* this.#call(words, () => this.list(body));
        if (this.#signal?.kind === "return") this.#signal = undefined;
        return status;
      }
      if (command !== undefined) {
        const status = yield* command.run(this, words, blocks, name);
        return typeof status === "number" ? status : status === false ? 1 : 0;
      }
      const equals = name.indexOf("=");
      if (equals > 0) {
        this.set(name.slice(0, equals), name.slice(equals + 1));
        return 0;
      }
      this.fail(new ScriptFault(`can't find command \`${name.slice(0, 63)}'`));
    } catch (error) {
      if (error instanceof ScriptFault) this.fail(error);
      else if (error instanceof GrubError) this.fail(faultOf(error, ""));
      else throw error;
    }
    return 1;
  }

  *#call(parameters: readonly string[], inner: () => Thread<number>): Thread<number> {
    const outer = this.#parameters;
    const loops = this.#loops;
    this.#parameters = parameters;
    this.#loops = 0;
    const status = yield* inner();
    this.#parameters = outer;
    this.#loops = loops;
    return status;
  }

  *#step(): Thread<void> {
    const left = --this.#allowance.steps;
    if (left < 0) throw new Runaway(`the script has run ${STEPS_MAX} commands and is not done`);
    if (left % STEPS_PER_TURN === 0) yield* schedule();
  }
}
