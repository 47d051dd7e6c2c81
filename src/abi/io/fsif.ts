/**
 * Files of the serving domain, for a Mini-OS: the operations are those of Xen 3.3's public/io/fsif.h, the layout is our own.
 * One ring page of slots of 64 bytes; a request is answered in its place, in any order. Little-endian.
 *
 *   request    0 u8 operation   2 u16 id   4 u32 fd   8 u64 offset   16 u32 length   20 u32 flags   24 u32 reserved, 0
 *              32 u32 × 8 grant references: of the pages that data goes through, in order, each from its byte 0
 *   response   0 u16 id   4 s32 result: ≥ 0, or -errno (public/errno.h)
 *              stat: 8 u32 mode   16 u64 size   24 u64 seconds since 1970 of the last change
 *
 * A path lies in the first page, `length` bytes of UTF-8 without a final NUL, parts divided by "/"; "..", and what is no
 * name, are refused. rename: the old path, a NUL, the new one. list: names from number `offset` on, each followed by a NUL,
 * are put into the pages; the result says how many.
 *
 * Nodes: the back end's `export` says the folder's name. The front end's `ring-ref`, `event-channel`; states as of other
 * devices: Initialising, Initialised (front), Connected (both), Closing, Closed.
 */

export const REQ_FILE_OPEN = 1; //     flags FSIF_O_*; result: fd
export const REQ_FILE_CLOSE = 2; //    fd
export const REQ_FILE_READ = 3; //     fd, offset, length; result: bytes read
export const REQ_FILE_WRITE = 4; //    fd, offset, length; result: bytes written
export const REQ_STAT = 5; //          fd
export const REQ_FILE_TRUNCATE = 6; // fd, offset: the new size
export const REQ_REMOVE = 7; //        a file, or an empty directory
export const REQ_RENAME = 8;
export const REQ_CREATE = 9; //        a directory
export const REQ_DIR_LIST = 10;
export const REQ_FILE_SYNC = 13; //    fd

export const FSIF_O_WRITE = 1; //  for writing too
export const FSIF_O_CREAT = 2; //  made if it is not there
export const FSIF_O_EXCL = 4; //   and must not have been there
export const FSIF_O_TRUNC = 8;

/** `st_mode` */
export const S_IFMT = 0o170000;
export const S_IFDIR = 0o040000;
export const S_IFREG = 0o100000;

export const FSIF_SLOT_SIZE = 64;
export const FSIF_MAX_PAGES = 8;
export const FSIF_MAX_BYTES = FSIF_MAX_PAGES * 4096;
/** Bytes of a path. */
export const FSIF_MAX_PATH = 1024;

export const FSIF_REQUEST = { op: 0, id: 2, fd: 4, offset: 8, length: 16, flags: 20, grefs: 32 } as const;
export const FSIF_RESPONSE = { id: 0, result: 4, mode: 8, size: 16, mtime: 24 } as const;
