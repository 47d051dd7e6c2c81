/**
 * Who has which image open, among all hosts on this machine, whoever runs them: one writer, or any number of readers.
 *
 * Everybody who opens a file puts a file of its own into one directory, named after the image's device and inode (so that
 * links and other paths make no difference), and only then looks at the others'. Of two who come at once at most one stays.
 * What a process left that is gone does not count.
 */
import { chmodSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** The same for every user, hence not TMPDIR. */
const DIRECTORY = "/tmp/.xlab-locks";

export interface LockHolder {
  readonly mode: "r" | "w";
  readonly pid: number;
  /** What the holder says it is, in words of its own. */
  readonly says: string;
}

export type LockOutcome =
  | { readonly ok: true; readonly release: () => void }
  | { readonly ok: false; readonly holder: LockHolder };

let made = 0;

/** `identity`: of the file; `says`: a line for whoever meets the lock. */
export function lockImage(
  identity: string,
  mode: "r" | "w",
  says: string,
  directory: string = DIRECTORY,
): LockOutcome {
  makeDirectory(directory);
  const image = identity.replace(":", "-");
  const own = `${image}.${process.pid}.${startOf(process.pid)}.${++made}.${mode}`;
  const path = join(directory, own);
  writeFileSync(path, `${says}\n`, { flag: "wx", mode: 0o644 });
  const release = (): void => rmSync(path, { force: true });
  for (const name of readdirSync(directory)) {
    const holder = name === own ? undefined : holderOf(directory, name);
    if (holder === undefined || !name.startsWith(`${image}.`) || (holder.mode === "r" && mode === "r"))
      continue;
    release();
    return { ok: false, holder };
  }
  return { ok: true, release };
}

/** Undefined: nobody any more. */
function holderOf(directory: string, name: string): LockHolder | undefined {
  const parts = /^[^.]+\.(\d+)\.(\d+)\.\d+\.([rw])$/.exec(name);
  if (parts === null) return undefined;
  const pid = Number(parts[1]);
  if (!isAlive(pid) || (parts[2] !== "0" && startOf(pid) !== parts[2])) {
    try {
      rmSync(join(directory, name), { force: true });
    } catch {} // another user's: it stays, and counts for nothing
    return undefined;
  }
  let says = "";
  try {
    [says = ""] = readFileSync(join(directory, name), "utf8").slice(0, 4096).split("\n");
  } catch {
    return undefined; // released just now
  }
  return { mode: parts[3] === "w" ? "w" : "r", pid, says };
}

function makeDirectory(directory: string): void {
  try {
    mkdirSync(directory);
    chmodSync(directory, 0o1777);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}

/** When a process began, so that another with its number is not taken for it; 0 where the system does not say (no /proc). */
function startOf(pid: number): string {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    return stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19] ?? "0";
  } catch {
    return "0";
  }
}
