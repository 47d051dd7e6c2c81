/** "*" and "?" in paths and devices: "/boot/vmlinuz-*", "(hd0,*)/boot". A backslash takes their meaning away. */
import type { Thread } from "../../minios/threads.ts";
import { type GrubFiles, orNothing } from "../files.ts";

const FOUND_MAX = 1000;

/** "*" stands for any characters, "?" for one. In time of at most both lengths multiplied. */
export function matchesWildcards(pattern: string, text: string): boolean {
  const wanted = pattern.match(/\\.|[^\\]|\\$/gs) ?? [];
  let p = 0;
  let t = 0;
  let star = -1;
  let from = 0;
  while (t < text.length) {
    const one = wanted[p];
    if (one === "*") {
      star = p++;
      from = t;
    } else if (one === "?" || one?.replace(/^\\(.)/s, "$1") === text[t]) {
      p++;
      t++;
    } else if (star >= 0) {
      p = star + 1;
      t = ++from;
    } else return false;
  }
  while (wanted[p] === "*") p++;
  return p === wanted.length;
}

export const unescaped = (pattern: string): string => pattern.replace(/\\(.)/gs, "$1");
const hasWildcards = (text: string): boolean => /(^|[^\\])(\\\\)*[*?]/.test(text);

/** What is there, sorted; none where the pattern is no path. `root`: the device of a path that names none. */
export function* expandWildcards(
  files: GrubFiles,
  pattern: string,
  root: string | undefined,
): Thread<readonly string[]> {
  const match = /^(\([^)]*\))?(\/.*)?$/s.exec(pattern);
  if (match === null) return [];
  const [, device, path = ""] = match;
  let found: string[];
  if (device === undefined) found = [""];
  else if (!hasWildcards(device)) found = [unescaped(device)];
  else
    found = (yield* files.devices()).map(({ name }) => name).filter((name) => matchesWildcards(device, name));
  for (const segment of path.split("/").slice(1)) {
    if (!hasWildcards(segment)) {
      found = found.map((folder) => `${folder}/${unescaped(segment)}`);
      continue;
    }
    const next: string[] = [];
    for (const folder of found) {
      const whole = device === undefined ? `${root ?? ""}${folder}` : folder;
      for (const { name } of (yield* orNothing(files.list(`${whole}/`))) ?? [])
        if ((!name.startsWith(".") || segment.startsWith(".")) && matchesWildcards(segment, name))
          next.push(`${folder}/${name}`);
      if (next.length > FOUND_MAX) break;
    }
    found = next.slice(0, FOUND_MAX);
  }
  const there: string[] = [];
  for (const one of found) {
    const whole = device === undefined ? `${root ?? ""}${one}` : one;
    if (path === "" || (yield* files.exists(whole)) !== undefined) there.push(one);
  }
  return there.sort();
}
