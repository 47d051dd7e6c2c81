/**
 * xenstore on the wire and in a domain's ring page (public/io/xs_wire.h, docs/misc/xenstore-ring.txt).
 * Every message is the 16-byte header followed by `len` bytes; strings end in NUL.
 */
import { at, struct, u32 } from "../../lib/struct.ts";

/** `xsd_sockmsg_type` */
export const XS = {
  CONTROL: 0,
  DIRECTORY: 1,
  READ: 2,
  GET_PERMS: 3,
  WATCH: 4,
  UNWATCH: 5,
  TRANSACTION_START: 6,
  TRANSACTION_END: 7,
  INTRODUCE: 8,
  RELEASE: 9,
  GET_DOMAIN_PATH: 10,
  WRITE: 11,
  MKDIR: 12,
  RM: 13,
  SET_PERMS: 14,
  WATCH_EVENT: 15,
  ERROR: 16,
  IS_DOMAIN_INTRODUCED: 17,
  RESUME: 18,
  SET_TARGET: 19,
  RESET_WATCHES: 21,
  DIRECTORY_PART: 22,
} as const;
export type XsTypeName = keyof typeof XS;

/** `xsd_errors`: the only errors that can be said on the wire, by name. What is not here travels as EINVAL. */
export const XSD_ERRORS = [
  "EINVAL",
  "EACCES",
  "EEXIST",
  "EISDIR",
  "ENOENT",
  "ENOMEM",
  "ENOSPC",
  "EIO",
  "ENOTEMPTY",
  "ENOSYS",
  "EROFS",
  "EBUSY",
  "EAGAIN",
  "EISCONN",
  "E2BIG",
  "EPERM",
] as const;
export type XsErrno = (typeof XSD_ERRORS)[number];

/** `xsd_sockmsg`, before every payload. */
export const xsdSockmsg = struct("xsd_sockmsg", 16, {
  type: at(0, u32), //   XS_*
  req_id: at(4, u32), // echoed in the reply; 0 in events
  tx_id: at(8, u32), //  0: no transaction
  len: at(12, u32), //   bytes that follow
});

export const XENSTORE_RING_SIZE = 1024;

/** `xenstore_domain_interface`. Indices run freely; an offset into a ring is index % 1024. */
export const xenstoreDomainInterface = struct("xenstore_domain_interface", 4096, {
  req_cons: at(0x800, u32), //        [XEN]
  req_prod: at(0x804, u32), //        [GST]
  rsp_cons: at(0x808, u32), //        [GST]
  rsp_prod: at(0x80c, u32), //        [XEN]
  server_features: at(0x810, u32), // XENSTORE_SERVER_FEATURE_* [XEN]
  connection: at(0x814, u32), //      RECONNECT [GST], CONNECTED [XEN]
  error: at(0x818, u32), //           XENSTORE_ERROR_* [XEN]
});
/** Where the two rings lie in the page. */
export const XENSTORE_REQ_RING = 0;
export const XENSTORE_RSP_RING = 0x400;

/** Violating this ends the connection. */
export const XENSTORE_PAYLOAD_MAX = 4096;
/** Violating these is answered with EINVAL. */
export const XENSTORE_ABS_PATH_MAX = 3072;
export const XENSTORE_REL_PATH_MAX = 2048;

export const XENSTORE_SERVER_FEATURE_RECONNECTION = 1;
export const XENSTORE_SERVER_FEATURE_ERROR = 2;

export const XENSTORE_CONNECTED = 0;
export const XENSTORE_RECONNECT = 1;

export const XENSTORE_ERROR_NONE = 0;
export const XENSTORE_ERROR_COMM = 1;
export const XENSTORE_ERROR_RINGIDX = 2;
export const XENSTORE_ERROR_PROTO = 3;

/** Entry of a domain's grant table that the builder seeds for xenstored (public/grant_table.h). */
export const GNTTAB_RESERVED_XENSTORE = 1;
