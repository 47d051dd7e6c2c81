/** linux, initrd, multiboot and what ends a run. */
import type { Thread } from "../../../minios/threads.ts";
import { GrubError } from "../../errors.ts";
import { ScriptFault } from "../faults.ts";
import type { Interpreter, Lasting } from "../interpreter.ts";
import { atOnce, first, type ScriptCommand, wholePath, withPath } from "./command.ts";

/** A command line's words in one: those with blanks are quoted again, as GRUB does. */
function joined(words: readonly string[]): string {
  return words
    .map((word) => {
      const escaped = word.replace(/["'\\]/g, "\\$&");
      return /[ \t]/.test(word) ? `"${escaped}"` : escaped;
    })
    .join(" ");
}

const withoutOptions = (words: readonly string[]): readonly string[] => {
  const start = words.findIndex((word) => !word.startsWith("--"));
  return start < 0 ? [] : words.slice(start);
};

function* load(script: Interpreter, words: readonly string[]): Thread<boolean> {
  const [path, ...rest] = words;
  if (path === undefined) throw new ScriptFault("filename expected");
  script.print("");
  yield* withPath(path, script.given.loader.kernel(wholePath(script, path), joined(rest)));
  return true;
}

const linux: ScriptCommand = {
  *run(script, words) {
    hypervisors.delete(script.lasting);
    return yield* load(script, words);
  },
};

const initrd: ScriptCommand = {
  *run(script, words) {
    if (words.length === 0) throw new ScriptFault("filename expected");
    return yield* loadInitrds(script, words);
  },
};

function* loadInitrds(script: Interpreter, paths: readonly string[]): Thread<boolean> {
  if (!script.given.loader.loaded) throw new ScriptFault("you need to load the kernel first");
  const [shown = ""] = paths;
  const whole = paths.map((path) => wholePath(script, path));
  yield* withPath(shown, script.given.loader.initrd(whole));
  return true;
}

/**
 * A hypervisor that a script wants under its kernel: a guest has one already, so the first module is the kernel and the second
 * its initrd, as pygrub reads such entries. Known from what cannot be loaded, not from its name.
 */
const hypervisors = new WeakSet<Lasting>();

const multiboot: ScriptCommand = {
  *run(script, words) {
    const path = first(withoutOptions(words), "filename expected");
    hypervisors.delete(script.lasting);
    const { files, loader } = script.given;
    const whole = wholePath(script, path);
    try {
      yield* loader.kernel(whole, joined(withoutOptions(words).slice(1)));
    } catch (error) {
      if (!(error instanceof GrubError) || error.number !== 13) return yield* withPath(path, failing(error));
      yield* withPath(path, files.open(whole));
      hypervisors.add(script.lasting);
    }
    return true;
  },
};

// biome-ignore lint/correctness/useYield: it ends at once
function* failing(error: unknown): Thread<never> {
  throw error;
}

const module: ScriptCommand = {
  *run(script, words) {
    const [path, ...cmdline] = withoutOptions(words);
    if (path === undefined) throw new ScriptFault("filename expected");
    if (!hypervisors.has(script.lasting)) return yield* loadInitrds(script, [path]);
    // grub-mkconfig writes "placeholder" where other loaders would drop the kernel's own name.
    yield* load(script, [path, ...(cmdline[0] === "placeholder" ? cmdline.slice(1) : cmdline)]);
    hypervisors.delete(script.lasting);
    return true;
  },
};

const ends = (end: "halt" | "reboot"): ScriptCommand =>
  atOnce((script) => {
    script.stop({ kind: "end", end: { end } });
    return true;
  });

export const KERNELS = {
  linux,
  linux16: linux,
  linuxefi: linux,
  initrd,
  initrd16: initrd,
  initrdefi: initrd,
  multiboot,
  multiboot2: multiboot,
  xen_hypervisor: multiboot,
  module,
  module2: module,
  xen_module: module,
  boot: atOnce((script) => {
    if (!script.given.loader.loaded) throw new ScriptFault("you need to load the kernel first");
    script.stop({ kind: "end", end: { end: "boot" } });
    return true;
  }),
  halt: ends("halt"),
  exit: ends("halt"),
  reboot: ends("reboot"),
} satisfies Readonly<Record<string, ScriptCommand>>;
