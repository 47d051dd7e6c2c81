/** A connection for as long as a command needs one, and the views of it that commands share. */
import { XlError } from "../toolstack/error.ts";
import { connectHost, type HostClient } from "./connection.ts";
import type { ConsoleHost } from "./console/sitting.ts";

/** Connects, starting a host where none runs; closes whatever happens. */
export async function withHost<T>(use: (host: HostClient) => Promise<T>): Promise<T> {
  const host = await connectHost({ start: true });
  if (host === undefined) throw new Error("connectHost({start: true}) answered no host");
  try {
    return await use(host);
  } finally {
    host.close();
  }
}

/** The connection as a sitting at a console wants it. A domain that is gone by then was destroyed. */
export const consoleHost = (host: HostClient): ConsoleHost => ({
  attachConsole: (...request) => host.attachConsole(...request),
  waitForEnd: (domid) =>
    host.call("waitForEnd", { domid }).catch((error: unknown) => {
      if (error instanceof XlError) return { how: "destroyed" } as const;
      throw error;
    }),
});
