/**
 * xenstored's Unix socket, `xenstored/socket` in the state directory: xenstore-ls and its kin work on it unmodified with
 * XENSTORED_PATH (or XENSTORED_RUNDIR) set. Whoever may open it, the owner alone, speaks as dom0.
 */
import { chmodSync, lstatSync, mkdirSync, renameSync, unlinkSync } from "node:fs";
import { createServer, type Socket } from "node:net";
import { dirname } from "node:path";
import { xenstoreSocketPath } from "../protocol/state-directory.ts";
import type { StreamOutput, StreamPeer } from "../xenstore/stream.ts";

/** The machine's side of a connection. */
export type XenstoreLine = Pick<StreamPeer, "receive" | "drained" | "close" | "isFull">;

export interface XenstoreSocket {
  /** Programs connected now. */
  connections(): number;
  close(): void;
}

/** The directory must be this host's alone already (socket.ts): what lies at the path is an earlier host's. */
export async function listenXenstore(
  directory: string,
  connect: (output: StreamOutput) => XenstoreLine,
): Promise<XenstoreSocket> {
  const path = xenstoreSocketPath(directory);
  const fresh = `${path}.new`;
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  remove(fresh);
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
    attach(socket, connect);
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(fresh, resolve);
  });
  chmodSync(fresh, 0o600);
  renameSync(fresh, path);
  const { ino } = lstatSync(path);
  return {
    connections: () => sockets.size,
    close() {
      if (lstatSync(path, { throwIfNoEntry: false })?.ino === ino) remove(path);
      server.close();
      for (const socket of sockets) socket.destroy();
    },
  };
}

function attach(socket: Socket, connect: (output: StreamOutput) => XenstoreLine): void {
  const line = connect({
    write: (bytes) => socket.write(bytes),
    drop: () => socket.destroy(),
  });
  socket.on("data", (chunk) => {
    line.receive(chunk);
    if (line.isFull) socket.pause();
  });
  socket.on("drain", () => {
    line.drained();
    if (!line.isFull) socket.resume();
  });
  socket.on("error", () => socket.destroy());
  socket.on("close", () => line.close());
}

function remove(path: string): void {
  try {
    unlinkSync(path);
  } catch {
    // Was not there.
  }
}
