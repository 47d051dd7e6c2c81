/** What a menu.lst says: settings before the first title, and entries. Nothing is run here. */
import { colourPair, type Pair } from "../colours.ts";
import { BUILTINS, isBuiltin } from "./builtins.ts";
import { argumentOf, commandOf, linesOf, numberIn, takeWord } from "./lines.ts";

/** GRUB keeps no more fallbacks. */
const FALLBACKS_MAX = 8;
/** Far more than GRUB's heap would hold. */
const ENTRIES_MAX = 1000;

export interface Password {
  readonly text: string;
  readonly isMd5: boolean;
  /** A menu to go on with once it was typed. */
  readonly file: string | undefined;
}

interface LegacyEntry {
  readonly title: string;
  readonly lines: readonly string[];
}

export interface LegacyConfig {
  readonly entries: readonly LegacyEntry[];
  readonly default: number | "saved";
  readonly fallback: readonly number[];
  /** Seconds; undefined: wait for ever. */
  readonly timeout: number | undefined;
  readonly isHidden: boolean;
  readonly colours: { readonly normal: Pair; readonly highlight: Pair } | undefined;
  readonly password: Password | undefined;
}

/** As GRUB does it, unknown commands are passed over, and so is a title without commands. */
export function parseLegacy(text: string): LegacyConfig {
  const settings: { -readonly [key in keyof Omit<LegacyConfig, "entries">]: LegacyConfig[key] } = {
    default: 0,
    fallback: [],
    timeout: undefined,
    isHidden: false,
    colours: undefined,
    password: undefined,
  };
  const entries: { title: string; lines: string[] }[] = [];
  for (const line of linesOf(text)) {
    const command = commandOf(line);
    if (!isBuiltin(command)) continue;
    const argument = argumentOf(line);
    const entry = entries.at(-1);
    if (command === "title") {
      if (entry?.lines.length === 0) entries.pop();
      if (entries.length === ENTRIES_MAX) break;
      entries.push({ title: argument, lines: [] });
    } else if (entry !== undefined) entry.lines.push(line);
    else if (BUILTINS[command].menu)
      switch (command) {
        case "default":
          settings.default = argument === "saved" ? "saved" : (numberIn(argument) ?? settings.default);
          break;
        case "fallback":
          settings.fallback = numbersIn(argument);
          break;
        case "timeout":
          settings.timeout = numberIn(argument) ?? settings.timeout;
          break;
        case "hiddenmenu":
          settings.isHidden = true;
          break;
        case "color":
          settings.colours = coloursOf(argument) ?? settings.colours;
          break;
        case "password":
          settings.password = passwordOf(argument);
          break;
        default:
      }
  }
  if (entries.at(-1)?.lines.length === 0) entries.pop();
  return { ...settings, entries };
}

function numbersIn(argument: string): readonly number[] {
  const numbers: number[] = [];
  for (const word of argument.split(/[ \t]+/)) {
    const value = numberIn(word);
    if (value === undefined || numbers.length === FALLBACKS_MAX) break;
    numbers.push(value);
  }
  return numbers;
}

/** NORMAL [HIGHLIGHT]: names, or an attribute's number. Without the second one the first is turned round. */
export function coloursOf(argument: string): LegacyConfig["colours"] {
  const [first, rest] = takeWord(argument);
  const [second] = takeWord(rest);
  const normal = colourOf(first);
  if (normal === undefined) return undefined;
  if (second === "") return { normal, highlight: [normal[1] & 7, normal[0] & 7] };
  const highlight = colourOf(second);
  return highlight === undefined ? undefined : { normal, highlight };
}

function colourOf(word: string): Pair | undefined {
  const attribute = numberIn(word);
  if (attribute === undefined) return colourPair(word);
  return attribute > 255 ? undefined : [attribute & 15, attribute >>> 4];
}

/** [--md5] PASSWD [FILE] */
export function passwordOf(argument: string): Password {
  const [first, behind] = takeWord(argument);
  const isMd5 = first === "--md5";
  const [text, rest] = isMd5 ? takeWord(behind) : [first, behind];
  const [file] = takeWord(rest);
  return { text, isMd5, file: file === "" ? undefined : file };
}
