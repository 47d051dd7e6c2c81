/**
 * The seam between PV-GRUB's languages (legacy/: menu.lst; script/: grub.cfg) and its screen (screen/): what a configuration
 * file comes to, and how lines of it are run.
 */
import type { Nanos } from "../../lib/brand.ts";
import type { Thread } from "../minios/threads.ts";
import type { GrubFiles } from "./files.ts";

export interface MenuEntry {
  readonly title: string;
  /** grub.cfg's `--id`, which `default` may name. */
  readonly id: string | undefined;
  /** The commands, a line each, as `e` shows them for editing. */
  readonly source: readonly string[];
  /**
   * A menu behind it (grub.cfg's submenu): made when it is entered. `byItself`: time was up, and it is booted through to the
   * default within that the outer menu's named ("1>2").
   */
  readonly submenu: ((byItself?: boolean) => Thread<Menu>) | undefined;
  /** Needs the password first (menu.lst's lock, password in the entry; grub.cfg's --users). */
  readonly locked: boolean;
}

export interface Menu {
  readonly entries: readonly MenuEntry[];
  /** Index of the entry that is highlighted, and booted when time is up; -1: none such is there, and there is no count-down. */
  readonly defaultEntry: number;
  /** Entries to try when booting the default fails, in order. */
  readonly fallback: readonly number[];
  /** Seconds until the default is booted; undefined: waits for ever; 0: at once. */
  readonly timeout: number | undefined;
  /** The menu shows only after a key (hiddenmenu, timeout_style=hidden), with the count-down shown or not. */
  readonly style: "menu" | "hidden" | "countdown";
  /** SGR colours of text and of the highlighted line: [foreground, background] by VGA number. */
  readonly colours:
    | { readonly normal: readonly [number, number]; readonly highlight: readonly [number, number] }
    | undefined;
  /** Answers whether what was typed opens editing, the command line and locked entries; undefined: they are open. */
  readonly password: ((typed: string) => boolean | Thread<boolean>) | undefined;
  /** The title over the menu, and the help under it, as the original of this language words them. */
  readonly look: "legacy" | "grub2";
}

/** How running lines ended. */
export type RunEnd =
  /** They ran through; a kernel may be loaded (then the entry's implicit `boot` follows). */
  | { readonly end: "done" }
  /** `boot` was said. */
  | { readonly end: "boot" }
  /** The machine is to stop: halt, reboot. */
  | { readonly end: "halt" | "reboot" }
  /** Another configuration file takes this one's place (configfile, normal). */
  | { readonly end: "menu"; readonly menu: Menu }
  /** GRUB's words ("Error 15: File not found"), and a line of ours: why, and what to do. */
  | { readonly end: "error"; readonly error: string; readonly why: string | undefined };

/** What runs a menu's lines: entries as they are or edited, and what is typed at the command line. */
export interface Shell {
  readonly look: Menu["look"];
  /** `entry`: the menu's that the lines are of, as they were or edited; none: they were typed at the command line. */
  run(lines: readonly string[], entry?: MenuEntry): Thread<RunEnd>;
  /** What could stand at the end of `line` in place of its last word: commands, devices, paths. Sorted. */
  complete(line: string): Thread<readonly string[]>;
  /** The prompt of the command line: "grubdom> " or "grub> ". */
  readonly prompt: string;
}

/** What commands print to and hear from: the screen, given by main.ts. */
export interface Terminal {
  /** "\n" ends a line. */
  print(text: string): void;
  clear(): void;
  /** A key that was pressed ("\u001b" for Escape); waits until `until` at most, and answers undefined then. */
  key(until?: Nanos): Thread<string | undefined>;
  /** A line that was typed; `secret`: it is not shown. Undefined when Escape was pressed instead. */
  line(prompt: string, secret: boolean): Thread<string | undefined>;
}

/** What a language is given: `readLegacy` (legacy/legacy.ts) and `readScript` (script/script.ts) make a {@link Session} of it. */
export interface Surroundings {
  readonly files: GrubFiles;
  readonly loader: Loader;
  readonly terminal: Terminal;
  now(): Nanos;
}

/** A configuration file, read. */
export interface Config {
  readonly text: string;
  /** As {@link GrubFiles} names it, "(hd0,1)/boot/grub/grub.cfg"; undefined for a menu that was given as a module. */
  readonly path: string | undefined;
}

/** A menu, and what runs its lines. What a `configfile` or a submenu brings is run by the same shell. */
export interface Session {
  readonly menu: Menu;
  readonly shell: Shell;
}

/** What loads kernels: given by main.ts. Paths are always whole, as {@link GrubFiles} names them. */
export interface Loader {
  /** Reads the kernel. Throws GrubError. */
  kernel(path: string, cmdline: string): Thread<void>;
  /** Reads initrds, one after the other into one. Throws GrubError. */
  initrd(paths: readonly string[]): Thread<void>;
  /** A kernel has been loaded. */
  readonly loaded: boolean;
  /** Hands the domain over: comes back only when it cannot. */
  boot(): Thread<RunEnd>;
}
