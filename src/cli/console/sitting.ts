/**
 * One sitting at a guest's console: what it prints goes to the terminal, what is typed goes to it, until the user leaves,
 * the guest's life or its console ends, or whoever started the sitting has seen enough.
 */
import { setTimeout as sleep } from "node:timers/promises";
import type { ReportedEnd } from "../../protocol/messages.ts";
import { withoutQuestions } from "./questions.ts";
import { Terminal } from "./terminal.ts";

/** What a sitting needs of a machine, be it behind a socket or in this process. */
export interface ConsoleHost {
  /** Undefined: the domain has no console. */
  attachConsole(
    domid: number,
    listener: { data(bytes: Uint8Array): void | Promise<void>; end(): void },
    interactive: boolean,
  ): MaybePromise<{ write(bytes: Uint8Array): void; detach(): void } | undefined>;
  waitForEnd(domid: number): Promise<ReportedEnd>;
}
type MaybePromise<T> = T | Promise<T>;

export type SittingEnd =
  | { readonly why: "left" | "unread" | "enough" }
  /** `end`: how the guest's life ended; undefined: only its console did. */
  | { readonly why: "ended"; readonly end: ReportedEnd | undefined };

export interface Sitting {
  /** What the guest printed before is shown first: it has had its answers. */
  readonly replays?: boolean;
  /** Called once the console listens: what must not be missed starts here. */
  readonly attached?: () => Promise<void>;
  /** Sees the bytes first: how many are to be printed, and whether that is all this sitting is to show. */
  readonly watch?: (bytes: Uint8Array) => { readonly print: number; readonly enough: boolean };
  /** When it settles, the sitting ends; when it fails, so does the sitting. */
  readonly until?: Promise<void>;
}

/** What a guest printed last may still be on its way when its end is told, and its end when its console closes. */
const LAST_WORDS_MILLIS = 2_000;

/** What was printed before comes first and at once; what comes so much later is new. */
const REPLAY_MILLIS = 150;

/** Undefined: the domain has no console. Throws what the machine throws, HostGone when its process dies. */
export async function sitAtConsole(
  host: ConsoleHost,
  domid: number,
  { replays = false, attached, watch, until }: Sitting = {},
): Promise<SittingEnd | undefined> {
  const terminal = new Terminal();
  const decided = deferred<SittingEnd>();
  const silence = deferred<undefined>();
  let shownEnough = false;
  let replayEnds: number | undefined;
  const isReplay = (): boolean => {
    replayEnds ??= performance.now() + REPLAY_MILLIS;
    return replays && terminal.interactive && performance.now() < replayEnds;
  };
  const listener = {
    async data(bytes: Uint8Array): Promise<void> {
      if (shownEnough) return;
      const { print, enough } = watch?.(bytes) ?? { print: bytes.length, enough: false };
      shownEnough = enough;
      const shown = bytes.subarray(0, print);
      const read = await terminal.print(isReplay() ? withoutQuestions(shown) : shown);
      if (enough) decided.resolve({ why: "enough" });
      else if (!read) decided.resolve({ why: "unread" });
    },
    end: () => silence.resolve(undefined),
  };
  const attachment = await host.attachConsole(domid, listener, terminal.interactive);
  if (attachment === undefined) return undefined;
  terminal.open({
    keys: (bytes) => attachment.write(bytes),
    leave: () => decided.resolve({ why: "left" }),
  });
  const patience = new AbortController();
  const lastWords = (): Promise<undefined> =>
    sleep(LAST_WORDS_MILLIS, undefined, { signal: patience.signal }).catch(() => undefined);
  try {
    await attached?.();
    const life = host.waitForEnd(domid);
    const guest = life.then(async (end): Promise<SittingEnd> => {
      await Promise.race([silence.promise, lastWords()]);
      return { why: "ended", end };
    });
    const quiet = silence.promise.then(
      async (): Promise<SittingEnd> => ({ why: "ended", end: await Promise.race([life, lastWords()]) }),
    );
    const enough = until?.then((): SittingEnd => ({ why: "enough" })) ?? decided.promise;
    return await Promise.race([decided.promise, guest, quiet, enough]);
  } finally {
    shownEnough = true;
    patience.abort();
    terminal.close();
    attachment.detach();
  }
}

function deferred<T>(): { readonly promise: Promise<T>; readonly resolve: (value: T) => void } {
  let resolve: (value: T) => void = () => {};
  const promise = new Promise<T>((settle) => {
    resolve = settle;
  });
  return { promise, resolve };
}
