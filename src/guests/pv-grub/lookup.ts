/**
 * Where PV-GRUB's menu comes from, in this order:
 *
 *   1. the file that the first word of the command line names: extra = "(hd0,0)/boot/grub/menu.lst"
 *   2. the module (ramdisk=): its text is the menu
 *   3. the first of {@link PATHS} that is there, on every disk and partition in order
 */
import { PAGE_SIZE } from "../../abi/types.ts";
import { bug } from "../../lib/absurd.ts";
import type { MiniOs } from "../minios/kernel.ts";
import type { Thread } from "../minios/threads.ts";
import { GrubError } from "./errors.ts";
import { fromLegacy, type GrubFiles, orNothing, readText } from "./files.ts";
import type { Config, Menu } from "./menu.ts";

const PATHS = [
  "/boot/grub/menu.lst",
  "/grub/menu.lst",
  "/boot/grub/grub.conf",
  "/grub/grub.conf",
  "/boot/grub/grub.cfg",
  "/grub/grub.cfg",
  "/boot/grub2/grub.cfg",
  "/grub2/grub.cfg",
] as const;
/** Boot loader specification: entries as files of their own, where no grub.cfg asks for them. */
const ENTRIES = ["/boot/loader/entries", "/loader/entries"] as const;
/** What a grub.cfg would say to have them read. */
const BLSCFG = "blscfg\n";
/** Devices that are looked at. */
const DEVICES_MAX = 256;
const MODULE_MAX = 1024 * 1024;

export interface Found {
  readonly config: Config;
  readonly language: Menu["look"];
}

/** Throws GrubError when the command line names what cannot be read; undefined: there is no menu anywhere. */
export function* findConfig(os: MiniOs, files: GrubFiles): Thread<Found | undefined> {
  const named = os.start.cmdline.trim().split(/\s+/)[0] ?? "";
  if (named !== "") return yield* readNamed(files, named);
  const module = moduleText(os);
  if (module !== undefined) return found({ text: module, path: undefined });
  let looked = 0;
  for (const { name } of yield* files.devices()) {
    if (++looked > DEVICES_MAX) break;
    files.begin();
    for (const path of PATHS) {
      const text = yield* orNothing(readText(files, `${name}${path}`));
      if (text !== undefined) return found({ text, path: `${name}${path}` });
    }
    for (const path of ENTRIES) {
      const entries = yield* orNothing(files.list(`${name}${path}`));
      if (entries?.some((entry) => entry.name.endsWith(".conf")) === true)
        return {
          config: { text: BLSCFG, path: `${name}${path.replace("loader/entries", "grub2/grub.cfg")}` },
          language: "grub2",
        };
    }
  }
  return undefined;
}

function* readNamed(files: GrubFiles, named: string): Thread<Found> {
  if (named.startsWith("(nd)"))
    throw new GrubError(
      21,
      `${named}: this loader reads disks, not the network: name a file as (hd0,0)/path`,
    );
  const legacy = fromLegacy(named);
  const path = legacy.startsWith("/") ? `(hd0)${legacy}` : legacy;
  return found({ text: yield* readText(files, path), path });
}

const found = (config: Config): Found => ({ config, language: languageOf(config) });

/** By its name; a menu without one by what only a grub.cfg says. */
function languageOf({ text, path }: Config): Menu["look"] {
  if (path?.endsWith(".cfg") === true) return "grub2";
  if (path !== undefined && /\/(menu\.lst|grub\.conf)$/.test(path)) return "legacy";
  return /^[ \t]*(menuentry|submenu|function|if|insmod|search|linux|set)[ \t]/m.test(text)
    ? "grub2"
    : "legacy";
}

function moduleText(os: MiniOs): string | undefined {
  const { module } = os.start;
  if (module === undefined) return undefined;
  const length = Math.min(module.length, MODULE_MAX);
  const bytes = new Uint8Array(length);
  for (let at = 0; at < length; at += PAGE_SIZE) {
    const mfn = os.memory.p2m[module.pfn + at / PAGE_SIZE] ?? bug("pv-grub: the module has no frame");
    const frame = os.gate.memory.mapForeign(os.gate.domid, mfn, "read");
    if (!frame.ok) return bug(`pv-grub: module: ${frame.errno}`);
    bytes.set(frame.value.read(0, Math.min(PAGE_SIZE, length - at)), at);
    frame.value.unmap();
  }
  return new TextDecoder().decode(bytes);
}
