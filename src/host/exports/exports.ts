/**
 * The folder that Mini-OS domains see as their files (3.3's /exports): `exports` in the state directory, if the user has made
 * one. Every Mini-OS domain that starts then has it as device/vfs/0.
 */
import { statSync } from "node:fs";
import { join } from "node:path";

const NAME = "exports";

/** Undefined: there is none, or this system has no /proc to reach it safely by. */
export function exportedFolder(stateDirectory: string | undefined): string | undefined {
  if (stateDirectory === undefined || process.platform !== "linux") return undefined;
  const folder = join(stateDirectory, NAME);
  return statSync(folder, { throwIfNoEntry: false })?.isDirectory() === true ? folder : undefined;
}
