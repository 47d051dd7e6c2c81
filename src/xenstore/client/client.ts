/**
 * xenstore for programs of dom0 that live in the same process: requests are answered at once, by the same handlers and
 * with the same refusals as on a ring; events come later, at a scheduling point, in order.
 *
 *   const xs = connectLocal(xenstored, clock);
 *   xs.read("/local/domain/5/name")                         undefined: not there
 *   xs.transaction((tx) => { tx.write(...); ... })           tried again on EAGAIN
 *   const watch = xs.watch("@releaseDomain", () => ...);     watch.cancel()
 *
 * Paths and values here are text (UTF-8 in the store).
 */
import { XS, type XsErrno } from "../../abi/io/xs-wire.ts";
import { bug } from "../../lib/absurd.ts";
import type { Clock } from "../../lib/clock.ts";
import { octetsOfText, textOf } from "../octets.ts";
import { Outbox } from "../outbox.ts";
import type { XsResult } from "../outcome.ts";
import { formatPerms, type Perms, parsePerms } from "../perms.ts";
import { outcomeOf, stringsOf } from "../wire.ts";
import type { Xenstored } from "../xenstored.ts";

/** A request was refused where the caller expected it to go through. */
export class XsError extends Error {
  override readonly name = "XsError";
  readonly errno: XsErrno;

  constructor(errno: XsErrno, what: string) {
    super(`xenstore: ${what}: ${errno}`);
    this.errno = errno;
  }
}

/** Reading and writing, in a transaction or outside one. A refusal throws {@link XsError}, but for ENOENT as said. */
export interface XsAccess {
  /** Undefined: no such node. */
  read(path: string): string | undefined;
  /** Undefined: no such node. */
  directory(path: string): string[] | undefined;
  write(path: string, value: string): void;
  mkdir(path: string): void;
  /** False: neither it nor its parent was there. */
  remove(path: string): boolean;
  /** Undefined: no such node. */
  perms(path: string): Perms | undefined;
  setPerms(path: string, perms: Perms): void;
}

export interface XsWatch {
  cancel(): void;
}

export interface XsClient extends XsAccess {
  /** Commits when `body` returns, aborts when it throws; runs it again after a conflict. */
  transaction<T>(body: (tx: XsAccess) => T): T;
  /** Told once at the start (as xenstored does), then at every change; `path` is the one that changed. */
  watch(path: string, changed: (path: string) => void): XsWatch;
  introduce(domid: number, mfn: number, port: number): void;
  /** False: was not introduced. */
  release(domid: number): boolean;
  /** The domain goes on after a suspend: its next shutdown is news. False: was not introduced. */
  resume(domid: number): boolean;
  close(): void;
}

/** More conflicts in a row than this mean that something is wrong with us: nobody runs between two requests. */
const ATTEMPTS = 100;

export function connectLocal(xs: Xenstored, clock: Clock, domid = 0): XsClient {
  const outbox = new Outbox();
  const watches = new Map<string, (path: string) => void>();
  const events: { readonly path: string; readonly token: string }[] = [];
  let scheduled = false;
  let answered: XsResult | undefined;
  let tokens = 0;

  const conn = xs.connect(domid, outbox, () => {
    for (let packet = outbox.take(); packet !== undefined; packet = outbox.take()) {
      if (packet.type !== XS.WATCH_EVENT) {
        answered = outcomeOf(packet);
        continue;
      }
      const [path = "", token = ""] = stringsOf(packet.payload);
      const waits =
        !path.startsWith("@") && events.some((event) => event.path === path && event.token === token);
      if (!waits) events.push({ path, token });
    }
    if (events.length === 0 || scheduled) return;
    scheduled = true;
    clock.at(clock.now(), deliver);
  });

  function deliver(): void {
    scheduled = false;
    for (const { path, token } of events.splice(0)) watches.get(token)?.(textOf(path));
  }

  function call(type: number, txId: number, payload: string): XsResult {
    answered = undefined;
    xs.request(conn, { type, reqId: 0, txId, payload });
    return answered ?? bug("xenstored: no answer");
  }

  function must(result: XsResult, what: string): string {
    if (!result.ok) throw new XsError(result.errno, what);
    return result.value;
  }

  function unlessAbsent(result: XsResult, what: string): string | undefined {
    return !result.ok && result.errno === "ENOENT" ? undefined : must(result, what);
  }

  const access = (tx: number): XsAccess => ({
    read(path) {
      const value = unlessAbsent(call(XS.READ, tx, `${path}\0`), `read ${path}`);
      return value === undefined ? undefined : textOf(value);
    },
    directory(path) {
      const list = call(XS.DIRECTORY, tx, `${path}\0`);
      if (!list.ok && list.errno === "E2BIG") return longDirectory(tx, path);
      const names = unlessAbsent(list, `directory ${path}`);
      return names === undefined ? undefined : stringsOf(names);
    },
    write(path, value) {
      must(call(XS.WRITE, tx, `${path}\0${octetsOfText(value)}`), `write ${path}`);
    },
    mkdir(path) {
      must(call(XS.MKDIR, tx, `${path}\0`), `mkdir ${path}`);
    },
    remove(path) {
      return unlessAbsent(call(XS.RM, tx, `${path}\0`), `rm ${path}`) !== undefined;
    },
    perms(path) {
      const strings = unlessAbsent(call(XS.GET_PERMS, tx, `${path}\0`), `get perms of ${path}`);
      return strings === undefined ? undefined : parsePerms(stringsOf(strings));
    },
    setPerms(path, perms) {
      const strings = formatPerms(perms).map((perm) => `${perm}\0`);
      must(call(XS.SET_PERMS, tx, `${path}\0${strings.join("")}`), `set perms of ${path}`);
    },
  });

  /** A list too long for one answer, in parts; begun anew when it changed between two of them. */
  function longDirectory(tx: number, path: string): string[] | undefined {
    let list = "";
    let generation: string | undefined;
    for (;;) {
      const part = unlessAbsent(
        call(XS.DIRECTORY_PART, tx, `${path}\0${list.length}\0`),
        `directory ${path}`,
      );
      if (part === undefined) return undefined;
      const split = part.indexOf("\0") + 1;
      if (generation !== undefined && generation !== part.slice(0, split)) {
        list = "";
        generation = undefined;
        continue;
      }
      generation = part.slice(0, split);
      const names = part.slice(split);
      if (names === "\0") return stringsOf(list);
      if (names.endsWith("\0\0")) return stringsOf(list + names.slice(0, -1));
      list += names;
    }
  }

  return {
    ...access(0),
    transaction(body) {
      for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
        const id = Number.parseInt(must(call(XS.TRANSACTION_START, 0, "\0"), "transaction start"), 10);
        let ended = false;
        try {
          const value = body(access(id));
          ended = true;
          const end = call(XS.TRANSACTION_END, id, "T\0");
          if (end.ok) return value;
          if (end.errno !== "EAGAIN") throw new XsError(end.errno, "transaction end");
        } finally {
          if (!ended) call(XS.TRANSACTION_END, id, "F\0");
        }
      }
      return bug("xenstore: a transaction of dom0 never commits");
    },
    watch(path, changed) {
      const token = String(++tokens);
      watches.set(token, changed);
      const set = call(XS.WATCH, 0, `${path}\0${token}\0`);
      if (!set.ok) {
        watches.delete(token);
        throw new XsError(set.errno, `watch ${path}`);
      }
      return {
        cancel() {
          if (watches.delete(token)) call(XS.UNWATCH, 0, `${path}\0${token}\0`);
        },
      };
    },
    introduce(other, mfn, port) {
      must(call(XS.INTRODUCE, 0, `${other}\0${mfn}\0${port}\0`), `introduce ${other}`);
    },
    release(other) {
      return unlessAbsent(call(XS.RELEASE, 0, `${other}\0`), `release ${other}`) !== undefined;
    },
    resume(other) {
      return unlessAbsent(call(XS.RESUME, 0, `${other}\0`), `resume ${other}`) !== undefined;
    },
    close() {
      watches.clear();
      xs.disconnect(conn);
    },
  };
}
