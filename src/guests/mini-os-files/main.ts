/**
 * A program for the POSIX-like layer: lists the folder that is exported to it, shows each file's beginning, and counts its
 * visits in a file of its own.
 */
import type { MiniOs } from "../minios/kernel.ts";
import { O_CREAT, O_RDONLY, O_RDWR, O_TRUNC, type Posix, runPosix } from "../minios/posix.ts";
import type { Thread } from "../minios/threads.ts";

const VISITS = "visits";
const SHOWN = 200;

export const miniOsFiles = (os: MiniOs): Thread<number> => runPosix(os, main);

function* main(posix: Posix): Thread<number> {
  const names = yield* posix.readdir("/");
  if (typeof names === "number") {
    yield* say(posix, "No FS backend found, is it running?\n");
    return 1;
  }
  for (const name of names) {
    if (name === VISITS) continue;
    const stat = yield* posix.stat(`/${name}`);
    if (typeof stat === "number") yield* say(posix, `${name}: error ${-stat}\n`);
    else yield* say(posix, `${name}: ${stat.size} bytes\n${yield* beginning(posix, `/${name}`)}`);
  }
  const visits = Number(yield* beginning(posix, `/${VISITS}`)) + 1;
  const fd = yield* posix.open(`/${VISITS}`, O_RDWR | O_CREAT | O_TRUNC);
  if (fd < 0) return -fd;
  yield* posix.write(fd, new TextEncoder().encode(`${visits}\n`));
  yield* posix.close(fd);
  yield* say(posix, `${VISITS}: ${visits}\n`);
  return 0;
}

/** Nothing of what cannot be read. */
function* beginning(posix: Posix, path: string): Thread<string> {
  const fd = yield* posix.open(path, O_RDONLY);
  if (fd < 0) return "";
  const into = new Uint8Array(SHOWN);
  const count = yield* posix.read(fd, into);
  yield* posix.close(fd);
  return new TextDecoder().decode(into.subarray(0, Math.max(0, count)));
}

const say = (posix: Posix, text: string): Thread<number> => posix.write(1, new TextEncoder().encode(text));
