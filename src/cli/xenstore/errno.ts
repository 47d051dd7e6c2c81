/** The C library's numbers (Linux) and words for the errors that xenstored may answer. */
import type { XsErrno } from "../../abi/io/xs-wire.ts";

export const ERRNO: Readonly<Record<XsErrno, { readonly number: number; readonly words: string }>> = {
  EPERM: { number: 1, words: "Operation not permitted" },
  ENOENT: { number: 2, words: "No such file or directory" },
  EIO: { number: 5, words: "Input/output error" },
  E2BIG: { number: 7, words: "Argument list too long" },
  EAGAIN: { number: 11, words: "Resource temporarily unavailable" },
  ENOMEM: { number: 12, words: "Cannot allocate memory" },
  EACCES: { number: 13, words: "Permission denied" },
  EBUSY: { number: 16, words: "Device or resource busy" },
  EEXIST: { number: 17, words: "File exists" },
  EISDIR: { number: 21, words: "Is a directory" },
  EINVAL: { number: 22, words: "Invalid argument" },
  ENOSPC: { number: 28, words: "No space left on device" },
  EROFS: { number: 30, words: "Read-only file system" },
  ENOSYS: { number: 38, words: "Function not implemented" },
  ENOTEMPTY: { number: 39, words: "Directory not empty" },
  EISCONN: { number: 106, words: "Transport endpoint is already connected" },
};
