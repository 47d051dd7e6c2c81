/** PyGRUB's result, in the three forms that its callers can ask for. */
import type { PygrubOptions } from "./arguments.ts";

/** Paths as the caller can open them; undefined: there is none. */
export interface BootPaths {
  readonly kernel: string | undefined;
  readonly ramdisk: string | undefined;
  readonly args: string;
}

/** Undefined: `simple` cannot say it, since a value holds a line's end. */
export function formatResult(format: PygrubOptions["outputFormat"], paths: BootPaths): string | undefined {
  const { kernel, ramdisk, args } = paths;
  if (format === "sxp") {
    const parts = [
      `linux (kernel ${kernel === undefined ? "None" : repr(kernel)})`,
      ramdisk === undefined ? "" : `(ramdisk ${repr(ramdisk)})`,
      args === "" ? "" : `(args ${repr(args)})`,
    ];
    return parts.join("");
  }
  const end = format === "simple" ? "\n" : "\0";
  if ([kernel, ramdisk, args].some((value) => value?.includes(end))) return undefined;
  const lines = [
    `kernel ${kernel ?? "None"}`,
    ...(ramdisk === undefined ? [] : [`ramdisk ${ramdisk}`]),
    ...(args === "" ? [] : [`args ${args}`]),
    "",
  ];
  return lines.map((line) => line + end).join("");
}

/** Python's repr of a string. */
function repr(text: string): string {
  const quote = text.includes("'") && !text.includes('"') ? '"' : "'";
  const escaped = text.replace(/[\\\n\r\t\u0000-\u001f\u007f]/g, (char) => {
    const named = { "\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t" }[char];
    return named ?? `\\x${(char.codePointAt(0) ?? 0).toString(16).padStart(2, "0")}`;
  });
  return `${quote}${quote === "'" ? escaped.replaceAll("'", "\\'") : escaped}${quote}`;
}
