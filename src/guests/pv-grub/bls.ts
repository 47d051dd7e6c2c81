/**
 * Boot Loader Specification entries: a file *.conf each, with lines "key value". Read as the `blscfg` command of Fedora's GRUB
 * does; options may name variables ($kernelopts), which the shell puts in when the entry runs.
 */
import type { Thread } from "../minios/threads.ts";
import { type GrubFiles, orNothing, readText } from "./files.ts";

const ENTRIES_MAX = 500;

export interface BlsEntry {
  readonly title: string;
  /** The file's name without ".conf". */
  readonly id: string;
  readonly source: readonly string[];
}

/** The last of a key's values; "" for none. `all`: every one (initrd and options may be repeated). */
interface Fields {
  readonly last: (key: string) => string;
  readonly all: (key: string) => readonly string[];
}

/** What a folder ("(hd0,1)/loader/entries") holds, newest first; none when it is not there. */
export function* blsEntries(files: GrubFiles, folder: string): Thread<readonly BlsEntry[]> {
  const listed = (yield* orNothing(files.list(folder))) ?? [];
  const names = listed
    .map(({ name }) => name)
    .filter((name) => name.endsWith(".conf"))
    .slice(0, ENTRIES_MAX);
  const found: { id: string; fields: Fields }[] = [];
  for (const name of names) {
    const text = yield* orNothing(readText(files, `${folder}/${name}`));
    if (text !== undefined) found.push({ id: name.slice(0, -".conf".length), fields: fieldsOf(text) });
  }
  return found
    .filter(({ fields }) => fields.last("linux") !== "")
    .sort((a, b) => order(b, a))
    .map(({ id, fields }) => entryOf(id, fields));
}

function fieldsOf(text: string): Fields {
  const fields = new Map<string, string[]>();
  for (const line of text.split("\n")) {
    const match = /^[ \t]*([^# \t]\S*)[ \t]+(.*?)\s*$/.exec(line);
    const [, key, value] = match ?? [];
    if (key !== undefined && value !== undefined) fields.set(key, [...(fields.get(key) ?? []), value]);
  }
  const all = (key: string) => fields.get(key) ?? [];
  return { all, last: (key) => all(key).at(-1) ?? "" };
}

function entryOf(id: string, { last, all }: Fields): BlsEntry {
  const version = last("version");
  const title = last("title") || (version === "" ? id : version);
  const initrds = all("initrd").join(" ");
  const source = [`linux ${last("linux")} ${all("options").join(" ")}`.trimEnd()];
  if (initrds !== "") source.push(`initrd ${initrds}`);
  return { title, id, source };
}

interface Sorted {
  readonly id: string;
  readonly fields: Fields;
}

/** Entries with a sort-key come first; among them by it, machine and version; others by the file's name. */
function order(a: Sorted, b: Sorted): number {
  const [keyA, keyB] = [a.fields.last("sort-key"), b.fields.last("sort-key")];
  if ((keyA === "") !== (keyB === "")) return keyA === "" ? -1 : 1;
  if (keyA !== "") {
    const byKey = compare(keyB, keyA) || compare(b.fields.last("machine-id"), a.fields.last("machine-id"));
    if (byKey !== 0) return byKey;
    const byVersion = compareVersions(a.fields.last("version"), b.fields.last("version"));
    if (byVersion !== 0) return byVersion;
  }
  return compareVersions(a.id, b.id);
}

const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

/** As rpm compares: runs of digits by value, runs of letters by letter; "~" comes before everything. */
export function compareVersions(a: string, b: string): number {
  const runs = (text: string) => text.match(/[0-9]+|[A-Za-z]+|~/g) ?? [];
  const [left, right] = [runs(a), runs(b)];
  for (let i = 0; i < Math.max(left.length, right.length); i++) {
    const [x, y] = [left[i], right[i]];
    if (x === y) continue;
    if (x === "~" || y === "~") return x === "~" ? -1 : 1;
    if (x === undefined || y === undefined) return x === undefined ? -1 : 1;
    const [isX, isY] = [/^[0-9]/.test(x), /^[0-9]/.test(y)];
    if (isX !== isY) return isX ? 1 : -1;
    const [strippedX, strippedY] = [x.replace(/^0+/, ""), y.replace(/^0+/, "")];
    const order = isX ? strippedX.length - strippedY.length || compare(strippedX, strippedY) : compare(x, y);
    if (order !== 0) return order;
  }
  return compare(a, b);
}
