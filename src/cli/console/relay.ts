/**
 * One sitting at a guest's console: what it prints goes to the terminal, what is typed goes to it, until the user leaves,
 * the console ends, or the guest does.
 */
import type { ReportedEnd } from "../../protocol/messages.ts";
import { XlError } from "../../toolstack/error.ts";
import type { HostClient } from "../connection.ts";
import { Terminal } from "./terminal.ts";

export type SittingEnd =
  | { readonly why: "left" }
  /** The reader of our output has gone. */
  | { readonly why: "unread" }
  /** `end`: how the guest's life ended; undefined: only its console did. */
  | { readonly why: "ended"; readonly end: ReportedEnd | undefined };

export interface Sitting {
  /** Called once the console listens: what must not be missed starts here. */
  readonly attached?: () => Promise<void>;
}

/** What a guest printed last may still be on its way when its end is told. */
const LAST_WORDS_MILLIS = 2_000;

/** Undefined: the domain has no console. Throws HostGone when the host dies. */
export async function sitAtConsole(
  host: HostClient,
  domid: number,
  sitting: Sitting = {},
): Promise<SittingEnd | undefined> {
  const terminal = new Terminal();
  let settle: (end: SittingEnd) => void = () => {};
  const settled = new Promise<SittingEnd>((resolve) => {
    settle = resolve;
  });
  let consoleEnded: () => void = () => {};
  const consoleEnd = new Promise<void>((resolve) => {
    consoleEnded = resolve;
  });
  const attachment = await host.attachConsole(
    domid,
    {
      data: async (bytes) => {
        if (!(await terminal.print(bytes))) settle({ why: "unread" });
      },
      end: () => consoleEnded(),
    },
    terminal.interactive,
  );
  if (attachment === undefined) return undefined;
  terminal.open({ keys: (bytes) => attachment.write(bytes), leave: () => settle({ why: "left" }) });
  try {
    await sitting.attached?.();
    const life = host.call("waitForEnd", { domid }).catch((error: unknown): ReportedEnd => {
      if (error instanceof XlError) return { how: "destroyed" };
      throw error;
    });
    const lastWords = (): Promise<void> =>
      new Promise((resolve) => setTimeout(resolve, LAST_WORDS_MILLIS).unref());
    const guest = life.then(async (end): Promise<SittingEnd> => {
      await Promise.race([consoleEnd, lastWords()]);
      return { why: "ended", end };
    });
    const silence = consoleEnd.then(async (): Promise<SittingEnd> => {
      await Promise.race([life, lastWords()]);
      return { why: "ended", end: undefined };
    });
    return await Promise.race([settled, guest, silence]);
  } finally {
    terminal.close();
    attachment.detach();
  }
}
