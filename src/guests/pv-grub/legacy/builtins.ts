/**
 * GRUB 0.97's commands, and where each may stand (the flags of its table of builtins). Those that PV-GRUB was built without
 * (serial, setup, uppermem and others) are unknown here too.
 */

interface Where {
  /** Before the first title. */
  readonly menu: boolean;
  /** In an entry and at the command line. */
  readonly line: boolean;
  /** Run in an entry, the line is not shown. */
  readonly silent: boolean;
  readonly usage: string;
}

const MENU = { menu: true, line: false, silent: false };
const LINE = { menu: false, line: true, silent: false };
const BOTH = { menu: true, line: true, silent: false };
const at = (where: Omit<Where, "usage">, usage: string): Where => ({ ...where, usage });

export const BUILTINS = {
  background: at(BOTH, "background RRGGBB"),
  boot: at(LINE, "boot"),
  cat: at(LINE, "cat FILE"),
  chainloader: at(LINE, "chainloader [--force] FILE"),
  color: at(BOTH, "color NORMAL [HIGHLIGHT]"),
  configfile: at(LINE, "configfile FILE"),
  debug: at(LINE, "debug"),
  default: at(MENU, "default [NUM | `saved']"),
  fallback: at(MENU, "fallback NUM..."),
  find: at(LINE, "find FILENAME"),
  foreground: at(BOTH, "foreground RRGGBB"),
  geometry: at(LINE, "geometry DRIVE"),
  halt: at(LINE, "halt [--no-apm]"),
  help: at(LINE, "help [--all] [PATTERN ...]"),
  hiddenmenu: at(MENU, "hiddenmenu"),
  hide: at(BOTH, "hide PARTITION"),
  initrd: at(LINE, "initrd FILE [ARG ...]"),
  kernel: at(LINE, "kernel [--no-mem-option] [--type=TYPE] FILE [ARG ...]"),
  lock: at(LINE, "lock"),
  makeactive: at(LINE, "makeactive"),
  map: at(LINE, "map TO_DRIVE FROM_DRIVE"),
  md5crypt: at(LINE, "md5crypt"),
  module: at(LINE, "module FILE [ARG ...]"),
  modulenounzip: at(LINE, "modulenounzip FILE [ARG ...]"),
  pager: at(BOTH, "pager [FLAG]"),
  partnew: at(BOTH, "partnew PART TYPE START LEN"),
  parttype: at(BOTH, "parttype PART TYPE"),
  password: at({ ...BOTH, silent: true }, "password [--md5] PASSWD [FILE]"),
  pause: at({ ...LINE, silent: true }, "pause [MESSAGE ...]"),
  quit: at(LINE, "quit"),
  reboot: at(LINE, "reboot"),
  root: at(LINE, "root [DEVICE [HDBIAS]]"),
  rootnoverify: at(LINE, "rootnoverify [DEVICE [HDBIAS]]"),
  savedefault: at(LINE, "savedefault [NUM | `fallback']"),
  shade: at(BOTH, "shade INTEGER"),
  splashimage: at(BOTH, "splashimage FILE"),
  terminal: at(BOTH, "terminal [--timeout=SECS] [--silent] [console] [serial]"),
  timeout: at(MENU, "timeout SEC"),
  title: at({ menu: false, line: false, silent: false }, "title TITLE ..."),
  unhide: at(BOTH, "unhide PARTITION"),
  uuid: at(LINE, "uuid [UUID]"),
  viewport: at(BOTH, "viewport X0 Y0 X1 Y1"),
} satisfies Readonly<Record<string, Where>>;

export type Builtin = keyof typeof BUILTINS;

export const isBuiltin = (name: string): name is Builtin => Object.hasOwn(BUILTINS, name);
export const builtinNames = Object.keys(BUILTINS) as readonly Builtin[];
