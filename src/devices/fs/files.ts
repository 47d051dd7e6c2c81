/** What is behind an exported folder: it does one operation after the other, and answers each later, at a scheduling point. */
import type { Errno } from "../../abi/errno.ts";

/** A path as its parts: each a name, never "", "." or ".."; none: the folder itself. */
export type Path = readonly string[];

export type FileRequest =
  /** flags: FSIF_O_*. EMFILE: it has as many open as it may. */
  | { readonly op: "open"; readonly path: Path; readonly flags: number }
  | { readonly op: "close"; readonly fd: number }
  | { readonly op: "read"; readonly fd: number; readonly offset: number; readonly length: number }
  | { readonly op: "write"; readonly fd: number; readonly offset: number; readonly bytes: Uint8Array }
  | { readonly op: "stat"; readonly fd: number }
  | { readonly op: "truncate"; readonly fd: number; readonly size: number }
  | { readonly op: "remove"; readonly path: Path }
  | { readonly op: "rename"; readonly from: Path; readonly to: Path }
  | { readonly op: "mkdir"; readonly path: Path }
  /** At most so many bytes of names, with a NUL each. */
  | { readonly op: "list"; readonly path: Path; readonly first: number; readonly most: number }
  | { readonly op: "sync"; readonly fd: number };

export interface FileStat {
  readonly mode: number;
  readonly size: number;
  /** Seconds since 1970. */
  readonly mtime: number;
}

export type FileAnswer =
  | { readonly ok: true; readonly value: number; readonly bytes?: Uint8Array; readonly stat?: FileStat }
  | { readonly ok: false; readonly errno: Errno };

export interface FileServer {
  submit(request: FileRequest, answer: (answer: FileAnswer) => void): void;
  /** Its open files are closed once what is under way has ended. */
  close(): void;
}
