/** Runs the lines of a menu.lst's entries, and what is typed at its command line, as GRUB 0.97 does. */
import { deviceName } from "../../../image/partitions/device-name.ts";
import type { Thread } from "../../minios/threads.ts";
import { completePath } from "../completion.ts";
import { GrubError } from "../errors.ts";
import { type Device, fromLegacy, orNothing, readText } from "../files.ts";
import type { Config, Menu, MenuEntry, RunEnd, Shell, Surroundings } from "../menu.ts";
import { BUILTINS, type Builtin, builtinNames, isBuiltin } from "./builtins.ts";
import { coloursOf, type LegacyConfig, type Password, parseLegacy, passwordOf } from "./config.ts";
import { argumentOf, commandOf, numberIn, takeWord } from "./lines.ts";
import { md5Crypt } from "./md5-crypt.ts";

/** Lines of an entry, and menus that lead to menus. */
const LINES_MAX = 1000;
/** What `savedefault` writes: GRUB reads and writes so many bytes of its file. */
const SAVED_BYTES = 10;
/** Characters of a password that count. */
const PASSWORD_MAX = 31;

interface Place {
  readonly index: number;
  readonly fallback: readonly number[];
}

/** A command's way of ending a run early. */
type Early = RunEnd | undefined;

export class LegacyShell implements Shell {
  readonly look = "legacy";
  readonly prompt = "grubdom> ";
  readonly #given: Surroundings;
  readonly #places = new WeakMap<MenuEntry, Place>();
  /** The device the menu came from: every entry begins there. */
  #bootRoot = "(hd0)";
  #root = "(hd0)";
  #savedAt: string | undefined;
  #password: Password | undefined;
  #isAuthenticated = false;
  /** What `kernel` could not be and the first `module` is to be: see {@link LegacyShell.run}. */
  #hypervisor: string | undefined;

  constructor(given: Surroundings) {
    this.#given = given;
  }

  /** Takes the configuration over: where entries begin, its password. Throws GrubError. */
  *menu(config: Config): Thread<Menu> {
    const parsed = parseLegacy(config.text);
    this.#bootRoot = /^\([^)]*\)/.exec(config.path ?? "")?.[0] ?? this.#bootRoot;
    this.#root = this.#bootRoot;
    this.#savedAt = config.path?.replace(/[^/]*$/, "default");
    this.#password = parsed.password;
    this.#isAuthenticated = false;
    const count = parsed.entries.length;
    const wanted = parsed.default === "saved" ? yield* this.#saved() : parsed.default;
    let fallback = parsed.fallback.filter((index) => index < count);
    let defaultEntry = wanted;
    if (wanted >= count) {
      defaultEntry = fallback[0] ?? (count > 0 ? 0 : -1);
      fallback = fallback.slice(1);
    }
    const entries = parsed.entries.map(({ title, lines }, index): MenuEntry => {
      const isLocked = parsed.password !== undefined && lines.some((line) => commandOf(line) === "lock");
      const entry = { title, id: undefined, source: lines, submenu: undefined, locked: isLocked };
      this.#places.set(entry, { index, fallback: parsed.fallback });
      return entry;
    });
    return {
      entries,
      defaultEntry,
      fallback,
      timeout: parsed.timeout,
      style: parsed.isHidden ? "countdown" : "menu",
      colours: parsed.colours,
      password: passwordCheck(parsed, () => {
        this.#isAuthenticated = true;
      }),
      look: "legacy",
    };
  }

  /**
   * A `kernel` that is none for a Xen domain (a hypervisor), with modules behind it, is passed over: the first module is the
   * kernel then, and the second its initrd, as pygrub reads such entries.
   */
  *run(lines: readonly string[], entry?: MenuEntry): Thread<RunEnd> {
    const { files, terminal } = this.#given;
    files.begin();
    this.#hypervisor = undefined;
    if (entry !== undefined) this.#root = this.#bootRoot;
    try {
      for (const [i, line] of lines.slice(0, LINES_MAX).entries()) {
        const command = commandOf(line.trimStart());
        if (command === "" || command.startsWith("#")) continue;
        const known = isBuiltin(command) ? BUILTINS[command] : undefined;
        if (entry !== undefined && known?.silent !== true) terminal.print(`${line}\n`);
        if (!isBuiltin(command) || known?.line !== true)
          throw new GrubError(27, `${command} is not a command of GRUB 0.97 that can be used here`);
        const hasModules = lines.slice(i + 1).some((later) => /^module/.test(commandOf(later.trimStart())));
        const early = yield* this.#command(command, argumentOf(line.trimStart()), entry, hasModules);
        if (early !== undefined) return early;
      }
      return { end: "done" };
    } catch (error) {
      if (!(error instanceof GrubError)) throw error;
      return { end: "error", error: error.message, why: error.why };
    }
  }

  *complete(line: string): Thread<readonly string[]> {
    const match = /^[ \t]*([^ \t=]*)$/.exec(line);
    this.#given.files.begin();
    if (match !== null) {
      const start = match[1] ?? "";
      return builtinNames.filter((name) => BUILTINS[name].line && name.startsWith(start)).sort();
    }
    const word = /[^ \t=]*$/.exec(line)?.[0] ?? "";
    return yield* completePath(this.#given.files, word, this.#root, "legacy");
  }

  *#command(
    command: Builtin,
    argument: string,
    entry: MenuEntry | undefined,
    hasModules: boolean,
  ): Thread<Early> {
    const { files, loader, terminal } = this.#given;
    switch (command) {
      case "boot":
        if (!loader.loaded) throw new GrubError(8, "no kernel has been loaded: say kernel FILE first");
        return { end: "boot" };
      case "halt":
      case "reboot":
        return { end: command };
      case "kernel":
        return yield* this.#kernel(argument, hasModules);
      case "module":
      case "modulenounzip":
        return yield* this.#module(argument);
      case "initrd":
        if (!loader.loaded) throw new GrubError(19, "say kernel FILE before initrd FILE");
        yield* loader.initrd([this.#whole(takeWord(argument)[0])]);
        return;
      case "root":
      case "rootnoverify":
        return yield* this.#setRoot(argument, command === "root");
      case "find":
        return yield* this.#find(argument);
      case "uuid":
        return yield* this.#uuid(argument);
      case "cat":
        terminal.print(yield* readText(files, this.#whole(takeWord(argument)[0])));
        return;
      case "configfile":
        return yield* this.#configfile(takeWord(argument)[0]);
      case "pause":
        terminal.print(`${argument}\n`);
        yield* terminal.key();
        return;
      case "lock":
        if (this.#password !== undefined && !this.#isAuthenticated)
          throw new GrubError(32, "this entry is locked: press `p' in the menu and type the password");
        return;
      case "password":
        return yield* this.#askPassword(passwordOf(argument));
      case "md5crypt":
        return yield* this.#md5crypt();
      case "savedefault":
        return yield* this.#saveDefault(argument, entry);
      case "color":
        if (coloursOf(argument) === undefined)
          throw new GrubError(30, "colours are FOREGROUND/BACKGROUND, such as light-gray/blue");
        return;
      case "geometry":
        return yield* this.#geometry(takeWord(argument)[0]);
      case "help":
        for (const name of builtinNames)
          if (name.startsWith(takeWord(argument)[0]) && BUILTINS[name].line)
            terminal.print(` ${BUILTINS[name].usage}\n`);
        return;
      case "chainloader":
        throw new GrubError(
          13,
          "a boot sector is code for a PC's BIOS: a paravirtual domain boots kernels made for Xen (kernel FILE)",
        );
      case "makeactive":
      case "hide":
      case "unhide":
      case "map":
      case "partnew":
      case "parttype":
        throw new GrubError(12, `${command} is for a PC's BIOS and its disks: a paravirtual domain has none`);
      default:
        // Looks, pagers and terminals: the console is one, and as it is.
        return;
    }
  }

  *#kernel(argument: string, hasModules: boolean): Thread<Early> {
    let rest = argument;
    while (rest.startsWith("--")) {
      const [option, behind] = takeWord(rest);
      if (
        /^--type=/.test(option) &&
        !/^--type=(netbsd|freebsd|openbsd|linux|biglinux|multiboot)/.test(option)
      )
        throw new GrubError(30, `${option} names no type of kernel`);
      if (!/^--(type=|no-mem-option)/.test(option)) break;
      rest = behind;
    }
    const [path, cmdline] = takeWord(rest);
    try {
      yield* this.#given.loader.kernel(this.#whole(path), cmdline);
    } catch (error) {
      if (!(error instanceof GrubError) || error.number !== 13 || !hasModules) throw error;
      this.#hypervisor = path;
      this.#given.terminal.print(`   [${path} is no guest's kernel: the first module is taken for it]\n`);
    }
    return undefined;
  }

  *#module(argument: string): Thread<Early> {
    const { loader } = this.#given;
    const [path, cmdline] = takeWord(argument);
    if (this.#hypervisor !== undefined) {
      yield* loader.kernel(this.#whole(path), cmdline);
      this.#hypervisor = undefined;
    } else if (loader.loaded) yield* loader.initrd([this.#whole(path)]);
    else throw new GrubError(20, "say kernel FILE before module FILE");
    return undefined;
  }

  *#setRoot(argument: string, mounts: boolean): Thread<Early> {
    const [name] = takeWord(argument);
    const device = yield* this.#given.files.device(name === "" ? this.#root : fromLegacy(name));
    this.#root = device.name;
    if (name === "") this.#given.terminal.print(` ${legacyName(device)}:`);
    if (mounts || name === "") this.#given.terminal.print(yield* this.#describe(device));
    return undefined;
  }

  /** What GRUB says of a file system that it was shown. */
  *#describe(device: Device): Thread<string> {
    const fs = yield* orNothing(this.#given.files.fileSystem(device));
    const type =
      device.partition === undefined
        ? "using whole disk"
        : `partition type ${device.partition.scheme === "gpt" ? "0xee" : device.partition.type}`;
    if (fs === undefined) return ` Filesystem type unknown, ${type}\n`;
    const name = /^ext/.test(fs.kind) ? "ext2fs" : /^fat/.test(fs.kind) ? "fat" : fs.kind;
    return ` Filesystem type is ${name}, ${type}\n`;
  }

  *#find(argument: string): Thread<Early> {
    const { files, terminal } = this.#given;
    const found = argument.startsWith("/") ? yield* files.search("file", takeWord(argument)[0]) : [];
    if (found.length === 0) throw new GrubError(15, `${argument} is on none of the domain's disks`);
    for (const device of found) terminal.print(` ${legacyName(device)}\n`);
    return undefined;
  }

  *#uuid(argument: string): Thread<Early> {
    const { files, terminal } = this.#given;
    const [wanted] = takeWord(argument);
    if (wanted === "") {
      for (const device of yield* files.devices()) {
        const fs = yield* orNothing(files.fileSystem(device));
        if (fs !== undefined && fs.uuid !== "") terminal.print(` ${legacyName(device)} ${fs.uuid}\n`);
      }
      return undefined;
    }
    const [device] = yield* files.search("fs-uuid", wanted);
    if (device === undefined) throw new GrubError(15, `no file system here has the UUID ${wanted}`);
    this.#root = device.name;
    terminal.print(`${legacyName(device)}${yield* this.#describe(device)}`);
    return undefined;
  }

  *#configfile(path: string): Thread<Early> {
    const whole = this.#whole(path);
    const text = yield* readText(this.#given.files, whole);
    return { end: "menu", menu: yield* this.menu({ text, path: whole }) };
  }

  *#askPassword(password: Password): Thread<Early> {
    const typed = yield* this.#given.terminal.line("Password: ", true);
    if (typed === undefined || !isRight(password, typed)) {
      this.#given.terminal.print("Failed!\n");
      throw new GrubError(32, "that is not this entry's password");
    }
    return password.file === undefined ? undefined : yield* this.#configfile(password.file);
  }

  *#md5crypt(): Thread<Early> {
    const typed = (yield* this.#given.terminal.line("Password: ", true)) ?? "";
    const seed = Math.floor(this.#given.now() / 1e6).toString(36);
    const encrypted = md5Crypt(typed.slice(0, PASSWORD_MAX), `$1$${seed}`);
    this.#given.terminal.print(`Encrypted: ${encrypted}\n`);
    return undefined;
  }

  /** The number in the menu's `default` file; 0 where there is none. */
  *#saved(): Thread<number> {
    if (this.#savedAt === undefined) return 0;
    const text = yield* orNothing(readText(this.#given.files, this.#savedAt));
    return numberIn(text ?? "") ?? 0;
  }

  *#saveDefault(argument: string, entry: MenuEntry | undefined): Thread<Early> {
    const { files } = this.#given;
    const place = entry === undefined ? undefined : this.#places.get(entry);
    if (place === undefined) throw new GrubError(27, "savedefault is for entries of a menu");
    let wanted: number | undefined = place.index;
    if (argument.startsWith("fallback"))
      wanted =
        place.fallback[place.fallback.indexOf(place.index) + 1] ?? fail(30, "there is no next fallback");
    else if (argument !== "") wanted = numberIn(argument) ?? fail(23, `${argument} is no number`);
    if (this.#savedAt === undefined) return undefined;
    const content = (yield* files.read(this.#savedAt, 64 * 1024)).slice();
    if (content.length < SAVED_BYTES)
      throw new GrubError(25, `${this.#savedAt} must have at least ${SAVED_BYTES} bytes, to be overwritten`);
    content.fill(0x0a, 0, SAVED_BYTES);
    content.set(new TextEncoder().encode(`${wanted}\0`).subarray(0, SAVED_BYTES));
    yield* files.write(this.#savedAt, content);
    return undefined;
  }

  *#geometry(name: string): Thread<Early> {
    const { files, terminal } = this.#given;
    const device = yield* files.device(fromLegacy(name === "" ? this.#root : name));
    const sectors = Math.floor(device.disk.bytes.size / 512);
    const number = (0x80 + files.disks.indexOf(device.disk)).toString(16);
    const cylinders = Math.max(1, Math.floor(sectors / (255 * 63)));
    terminal.print(
      `drive 0x${number}: C/H/S = ${cylinders}/255/63, The number of sectors = ${sectors}, LBA\n`,
    );
    for (const one of yield* files.devices())
      if (one.disk === device.disk && one.partition !== undefined)
        terminal.print(`   Partition num: ${one.partition.number - 1}, ${yield* this.#describe(one)}`);
    return undefined;
  }

  /** A path of this language with its device, as GrubFiles names it. */
  #whole(path: string): string {
    if (path.startsWith("(")) return fromLegacy(path);
    if (path.startsWith("/") || /^\d*\+\d/.test(path)) return `${this.#root}${path}`;
    throw new GrubError(
      1,
      path === "" ? "a file's name is missing" : `${path} does not begin with "/" or a device`,
    );
  }
}

function passwordCheck({ password }: LegacyConfig, opened: () => void): Menu["password"] {
  if (password === undefined) return undefined;
  return (typed) => {
    const isIt = isRight(password, typed);
    if (isIt) opened();
    return isIt;
  };
}

function isRight({ text, isMd5 }: Password, typed: string): boolean {
  const counts = typed.slice(0, PASSWORD_MAX);
  return isMd5 ? md5Crypt(counts, text) === text : counts === text;
}

const legacyName = (device: Device): string => deviceName(device.disk.name, device.partition, "legacy");

function fail(number: 23 | 30, why: string): never {
  throw new GrubError(number, why);
}
