/**
 * Where a host is found: `$XLAB_STATE`, else `$XDG_RUNTIME_DIR/xlab`, else `~/.local/state/xlab`. The owner's alone.
 */
import { lstatSync, mkdirSync } from "node:fs";
import { homedir } from "node:os";
import { isAbsolute, join, resolve } from "node:path";

/** `sun_path` is 107 bytes on Linux, 103 on macOS; the sockets' names must fit too. */
const LONGEST_DIRECTORY = 80;

export const SOCKET_NAME = "host.sock";

/** Where xenstored listens: what XENSTORED_PATH must say. The folder alone serves as XENSTORED_RUNDIR. */
export const xenstoreSocketPath = (directory: string): string => join(directory, "xenstored", "socket");

/** The directory cannot be used; the message says why and what to do. */
export class StateDirectoryError extends Error {
  override readonly name = "StateDirectoryError";
}

export function stateDirectory(env: NodeJS.ProcessEnv): string {
  const named = env["XLAB_STATE"];
  if (named !== undefined && named !== "") return resolve(named);
  const runtime = env["XDG_RUNTIME_DIR"];
  if (runtime !== undefined && isAbsolute(runtime)) return join(runtime, "xlab");
  return join(homedir(), ".local", "state", "xlab");
}

/** Makes the directory (0700) if need be. Refuses one that others may enter, or that is not ours. */
export function claimStateDirectory(directory: string): void {
  if (Buffer.byteLength(directory) > LONGEST_DIRECTORY) {
    throw new StateDirectoryError(
      `the state directory's path is too long for a socket (${Buffer.byteLength(directory)} bytes, at most ${LONGEST_DIRECTORY}): ${directory}\nset XLAB_STATE to a shorter one`,
    );
  }
  try {
    mkdirSync(directory, { recursive: true, mode: 0o700 });
  } catch (cause) {
    throw new StateDirectoryError(
      `cannot make the state directory ${directory}: ${(cause as Error).message}\nset XLAB_STATE to a directory of yours`,
      { cause },
    );
  }
  const stat = lstatSync(directory);
  if (!stat.isDirectory())
    throw new StateDirectoryError(`the state directory ${directory} is not a directory`);
  const uid = process.getuid?.();
  if (uid !== undefined && stat.uid !== uid) {
    throw new StateDirectoryError(
      `the state directory ${directory} belongs to user ${stat.uid}, not to you (${uid})\nset XLAB_STATE to a directory of yours`,
    );
  }
  if ((stat.mode & 0o077) !== 0) {
    throw new StateDirectoryError(
      `the state directory ${directory} is open to others\nclose it (chmod 700 ${directory}) or set XLAB_STATE to another`,
    );
  }
}
