/** A connection for as long as a command needs one. */
import { connectHost, type HostClient } from "./connection.ts";

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
