/** The real xl's transcripts, where they lie beside the repository. */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";

const directory = resolve("../shared/golden");

export const goldenExists = existsSync(directory);
export const noGolden = "the real xl's transcripts (../shared/golden) are not here";

export interface Transcript {
  readonly command: string;
  readonly stdout: string;
  readonly stderr: string;
  readonly status: number;
  /** The config that the transcript quotes. */
  readonly config: string | undefined;
}

export function readTranscript(path: string): Transcript {
  const text = readFileSync(join(directory, path), "utf8");
  const match = /^\$ (.*)\n([\s\S]*?)--- stderr\n([\s\S]*?)--- exit (\d+)\n(?:--- elapsed .*\n)?/.exec(text);
  if (match === null) throw new Error(`${path} is no transcript`);
  const config = /^--- config\n([\s\S]*?)(?=^--- |(?![\s\S]))/m.exec(text)?.[1];
  const [, command = "", stdout = "", stderr = "", status] = match;
  return { command, stdout, stderr, status: Number(status), config };
}

export const transcriptsIn = (folder: string): string[] =>
  goldenExists
    ? readdirSync(join(directory, folder))
        .filter((name) => name.endsWith(".txt"))
        .map((name) => `${folder}/${name}`)
    : [];

export const configPath = (name: string): string => join(directory, "_configs", name);
