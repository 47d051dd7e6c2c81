/** The table of requests, by number (C xenstored's wire_funcs). What is not here is answered ENOSYS. */
import { XS } from "../../abi/io/xs-wire.ts";
import { answering, type CallRow } from "./call.ts";
import { control } from "./control.ts";
import { getDomainPath, introduce, isDomainIntroduced, release, resume, setTarget } from "./domains.ts";
import { directory, directoryPart, getPerms, mkdir, read, rm, setPerms, write } from "./nodes.ts";
import { transactionEnd, transactionStart } from "./transactions.ts";
import { resetWatches, unwatch, watch } from "./watches.ts";

export const CALLS: ReadonlyMap<number, CallRow> = new Map<number, CallRow>([
  [XS.CONTROL, { name: "CONTROL", handle: answering(control), privileged: true }],
  [XS.DIRECTORY, { name: "DIRECTORY", handle: answering(directory) }],
  [XS.READ, { name: "READ", handle: answering(read) }],
  [XS.GET_PERMS, { name: "GET_PERMS", handle: answering(getPerms) }],
  [XS.WATCH, { name: "WATCH", handle: watch, ignoresTransaction: true }],
  [XS.UNWATCH, { name: "UNWATCH", handle: answering(unwatch), ignoresTransaction: true }],
  [XS.TRANSACTION_START, { name: "TRANSACTION_START", handle: answering(transactionStart) }],
  [XS.TRANSACTION_END, { name: "TRANSACTION_END", handle: answering(transactionEnd) }],
  [XS.INTRODUCE, { name: "INTRODUCE", handle: answering(introduce), privileged: true }],
  [XS.RELEASE, { name: "RELEASE", handle: answering(release), privileged: true }],
  [XS.GET_DOMAIN_PATH, { name: "GET_DOMAIN_PATH", handle: answering(getDomainPath) }],
  [XS.WRITE, { name: "WRITE", handle: answering(write) }],
  [XS.MKDIR, { name: "MKDIR", handle: answering(mkdir) }],
  [XS.RM, { name: "RM", handle: answering(rm) }],
  [XS.SET_PERMS, { name: "SET_PERMS", handle: answering(setPerms) }],
  [
    XS.IS_DOMAIN_INTRODUCED,
    { name: "IS_DOMAIN_INTRODUCED", handle: answering(isDomainIntroduced), privileged: true },
  ],
  [XS.RESUME, { name: "RESUME", handle: answering(resume), privileged: true }],
  [XS.SET_TARGET, { name: "SET_TARGET", handle: answering(setTarget), privileged: true }],
  [XS.RESET_WATCHES, { name: "RESET_WATCHES", handle: answering(resetWatches) }],
  [XS.DIRECTORY_PART, { name: "DIRECTORY_PART", handle: answering(directoryPart) }],
]);
