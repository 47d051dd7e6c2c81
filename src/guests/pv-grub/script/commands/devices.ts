/** search, probe, ls: finding one's way on disks. */
import type { Thread } from "../../../minios/threads.ts";
import { type Device, orNothing, type SearchKey } from "../../files.ts";
import { ScriptFault } from "../faults.ts";
import type { Interpreter } from "../interpreter.ts";
import { parseOptions } from "../options.ts";
import { first, rootOf, type ScriptCommand, wholePath, withPath } from "./command.ts";

const bare = (device: Device): string => device.name.slice(1, -1);

const SEARCH_OPTIONS = {
  file: { short: "f" },
  label: { short: "l" },
  "fs-uuid": { short: "u" },
  set: { short: "s", value: "optional" },
  "no-floppy": { short: "n" },
  "efidisk-only": {},
  "cryptodisk-only": {},
  "root-dev-only": {},
  hint: { short: "h", value: "needed" },
  "hint-ieee1275": { value: "needed" },
  "hint-bios": { value: "needed" },
  "hint-baremetal": { value: "needed" },
  "hint-efi": { value: "needed" },
  "hint-arc": { value: "needed" },
} as const;

function search(byName?: SearchKey): ScriptCommand {
  return {
    *run(script, words) {
      const options = parseOptions(SEARCH_OPTIONS, words);
      const key = byName ?? (["label", "fs-uuid", "file"] as const).find((one) => options.has(one)) ?? "file";
      const wanted = first(options.rest, "one argument expected");
      const found = yield* script.given.files.search(key, wanted);
      const hints = [...options.given("hint"), ...options.rest.slice(1)].map((hint) =>
        hint.replace(/,$/, ""),
      );
      const best = found.find((device) => hints.includes(bare(device))) ?? found[0];
      if (best === undefined) throw new ScriptFault(`no such device: ${wanted}`);
      if (options.has("set")) script.set(options.given("set").at(-1) || "root", bare(best));
      else if (byName !== undefined) script.set(options.rest[1] ?? "root", bare(best));
      else script.print(`${found.map((device) => ` ${bare(device)}`).join("")}\n`);
      return true;
    },
  };
}

/** What GRUB calls the readers of file systems. */
const readerOf = (kind: string): string => (/^ext/.test(kind) ? "ext2" : /^fat/.test(kind) ? "fat" : kind);

const PROBE_OPTIONS = {
  set: { short: "s", value: "needed" },
  driver: { short: "d" },
  partmap: { short: "p" },
  fs: { short: "f" },
  "fs-uuid": { short: "u" },
  label: { short: "l" },
  "part-uuid": {},
} as const;

const probe: ScriptCommand = {
  *run(script, words) {
    const options = parseOptions(PROBE_OPTIONS, words);
    const name = first(options.rest, "one argument expected");
    const { files } = script.given;
    const device = yield* withPath(name, files.device(name));
    const value = yield* probed();
    if (options.has("set")) script.set(options.given("set").at(-1) ?? "", value);
    else script.print(`${value}\n`);
    return true;

    function* probed(): Thread<string> {
      if (options.has("driver")) return "xen";
      if (options.has("partmap")) return device.partition?.scheme ?? "none";
      if (options.has("part-uuid")) return device.partition?.uuid ?? "none";
      const fs = yield* withPath(name, files.fileSystem(device));
      if (options.has("fs")) return readerOf(fs.kind);
      const text = options.has("label") ? fs.label : options.has("fs-uuid") ? fs.uuid : undefined;
      if (text === undefined) throw new ScriptFault("unrecognised target");
      return text;
    }
  },
};

const kib = (bytes: number): string => `${bytes / 1024}KiB`;

function* describe(script: Interpreter, device: Device): Thread<string> {
  const fs = yield* orNothing(script.given.files.fileSystem(device));
  const what = device.partition === undefined ? `Device ${bare(device)}` : `Partition ${bare(device)}`;
  const has =
    fs === undefined
      ? "No known filesystem detected"
      : `Filesystem type ${readerOf(fs.kind)}${fs.label === "" ? "" : ` - Label \`${fs.label}'`}${fs.uuid === "" ? "" : `, UUID ${fs.uuid}`}`;
  const start = device.partition === undefined ? "" : ` - Partition start at ${kib(device.partition.start)}`;
  return `\t${what}: ${has}${start} - Total size ${kib(device.bytes.size)}\n`;
}

const ls: ScriptCommand = {
  *run(script, words) {
    const { files } = script.given;
    const options = parseOptions(
      { long: { short: "l" }, "human-readable": { short: "h" }, all: { short: "a" } },
      words,
    );
    if (options.rest.length === 0) {
      const devices = yield* files.devices();
      if (options.has("long")) for (const device of devices) script.print(yield* describe(script, device));
      else script.print(`${devices.map(({ name }) => `${name} `).join("")}\n`);
      return true;
    }
    for (const path of options.rest) {
      if (/^\([^)]*\)$/.test(path)) {
        script.print(yield* describe(script, yield* withPath(path, files.device(path))));
        continue;
      }
      const whole = wholePath(script, path);
      const stat = yield* withPath(path, files.stat(whole));
      const isFolder = stat.type === "directory";
      const names = isFolder ? yield* withPath(path, files.list(whole)) : [{ name: path, type: stat.type }];
      for (const { name, type } of names) {
        if (name.startsWith(".") && !options.has("all")) continue;
        const shown = `${name}${type === "directory" ? "/" : ""}`;
        if (!options.has("long")) script.print(`${shown} `);
        else {
          const one = isFolder ? yield* files.exists(`${whole.replace(/\/$/, "")}/${name}`) : stat;
          script.print(`${type === "directory" ? "DIR" : String(one?.size ?? 0)} ${shown}\n`);
        }
      }
      if (!options.has("long")) script.print("\n");
    }
    return true;
  },
};

export const DEVICES = {
  search: search(),
  "search.file": search("file"),
  "search.fs_label": search("label"),
  "search.fs_uuid": search("fs-uuid"),
  search_fs_file: search("file"),
  search_fs_uuid: search("fs-uuid"),
  search_label: search("label"),
  probe,
  ls,
  root: {
    // biome-ignore lint/correctness/useYield: it only prints
    *run(script) {
      script.print(`${rootOf(script)}\n`);
      return true;
    },
  },
} satisfies Readonly<Record<string, ScriptCommand>>;
