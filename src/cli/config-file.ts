/** A config file, read as `xl create` reads it: a plain file, whole. */
import { closeSync, fstatSync, openSync, readFileSync } from "node:fs";
import { XlError } from "../toolstack/error.ts";
import { strerror } from "./strerror.ts";

/** libxl's ERROR_FAIL as an exit status. */
const EXIT_FAIL = 3;

/** A config is text; nothing that is one comes near. */
const LARGEST_BYTES = 1 << 20;

/** `/dev/null` stands for a config that is all on the command line. */
export function readConfigFile(path: string): string {
  if (path === "/dev/null") return "";
  let fd: number;
  try {
    fd = openSync(path, "r");
  } catch (error) {
    throw failure(path, [], strerror(error));
  }
  try {
    const stat = fstatSync(fd);
    if (!stat.isFile()) {
      const line = `libxl: error: libxl_utils.c:346:libxl_read_file_contents: ${path} is not a plain file: Success`;
      throw failure(path, [line], "Inappropriate ioctl for device");
    }
    if (stat.size > LARGEST_BYTES) throw failure(path, [], "File too large");
    return readFileSync(fd, "utf8");
  } catch (error) {
    throw error instanceof XlError ? error : failure(path, [], strerror(error));
  } finally {
    closeSync(fd);
  }
}

const failure = (path: string, before: readonly string[], why: string): XlError =>
  new XlError(EXIT_FAIL, [...before, `Failed to read config file: ${path}: ${why}`]);
