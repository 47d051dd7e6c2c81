/**
 * A listing without guests, on a host that this very command started, may be of the wrong place: under sudo, or with
 * another `XLAB_STATE`, the guests are elsewhere. Where a host's socket lies there, a line on stderr says so.
 */
import { existsSync } from "node:fs";
import { homedir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { SOCKET_NAME, stateDirectory } from "../protocol/state-directory.ts";
import { warn } from "./output.ts";

export function whisperEmptyHost(directory: string, env: NodeJS.ProcessEnv = process.env): void {
  const other = otherDirectories(env).find(
    (candidate) => resolve(candidate) !== resolve(directory) && existsSync(join(candidate, SOCKET_NAME)),
  );
  if (other === undefined) return;
  warn(`xlab: no guests in ${directory}, where a host has just been started; another one is in ${other}`);
  warn(`xlab: XLAB_STATE=${other} chooses that one`);
}

/** Where else this user, or the one who called sudo, would have a host. */
function otherDirectories(env: NodeJS.ProcessEnv): string[] {
  const { XLAB_STATE: _chosen, ...unchosen } = env;
  const { XDG_RUNTIME_DIR: _runtime, ...homeOnly } = unchosen;
  const directories = [stateDirectory(unchosen), stateDirectory(homeOnly)];
  const uid = env["SUDO_UID"];
  if (uid !== undefined && /^[0-9]+$/.test(uid)) directories.push(`/run/user/${uid}/xlab`);
  const user = env["SUDO_USER"];
  if (user !== undefined && /^[a-z_][-a-z0-9_.]*$/i.test(user)) {
    directories.push(join(dirname(homedir()), user, ".local/state/xlab"), `/home/${user}/.local/state/xlab`);
  }
  return directories;
}
