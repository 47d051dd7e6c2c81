/** What a half-typed device or path could become: the part of completion that both languages share. */
import { deviceName, type GrubStyle } from "../../image/partitions/device-name.ts";
import type { Thread } from "../minios/threads.ts";
import { fromLegacy, type GrubFiles, orNothing } from "./files.ts";

const SHOWN_MAX = 1000;

/** `root`: the device of paths that name none. Sorted; directories end in "/". */
export function* completePath(
  files: GrubFiles,
  word: string,
  root: string,
  style: GrubStyle,
): Thread<readonly string[]> {
  if (/^\([^)]*$/.test(word)) {
    const names = (yield* files.devices()).map((one) => deviceName(one.disk.name, one.partition, style));
    return names.filter((name) => name.startsWith(word)).sort();
  }
  const match = /^(\([^)]*\))?(\/(?:.*\/)?)?([^/]*)$/s.exec(word);
  if (match === null) return [];
  const [, device, folder, start = ""] = match;
  if (folder === undefined) return device !== undefined && start === "" ? [`${word}/`] : [];
  const whole = (style === "legacy" ? fromLegacy(device ?? "") : device) || root;
  const entries = (yield* orNothing(files.list(`${whole}${folder}`))) ?? [];
  const found: string[] = [];
  for (const { name, type } of entries) {
    if (!name.startsWith(start) || found.length === SHOWN_MAX) continue;
    const path = `${folder}${name}`;
    const isFolder =
      type === "symlink" || type === undefined
        ? (yield* files.exists(`${whole}${path}`))?.type === "directory"
        : type === "directory";
    found.push(`${device ?? ""}${path}${isFolder ? "/" : ""}`);
  }
  return found.sort();
}
