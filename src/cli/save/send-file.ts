/** A stream from a descriptor to the host, piece by piece, until it ends or nobody wants more. */
import { read } from "node:fs";
import type { HostClient } from "../connection.ts";

const PIECE_BYTES = 1 << 20;

export interface Sending {
  /** Nobody wants more; done when the descriptor is not being read from. */
  stop(): Promise<void>;
}

/** What cannot be read ends the stream: the host says what is missing. */
export function sendFile(host: HostClient, fd: number): Sending {
  let stopped = false;
  let reading: Promise<unknown> = Promise.resolve();
  const pump = async (): Promise<void> => {
    while (!stopped) {
      const next = readPiece(fd);
      reading = next;
      const piece = await next;
      if (stopped || piece.length === 0) break;
      await host.sendBytes(piece);
    }
    if (!stopped) host.endBytes();
  };
  void pump();
  return {
    async stop() {
      stopped = true;
      await reading;
    },
  };
}

const readPiece = (fd: number): Promise<Uint8Array> =>
  new Promise((resolve) => {
    const buffer = new Uint8Array(PIECE_BYTES);
    read(fd, buffer, 0, buffer.length, null, (error, count) => {
      resolve(error === null ? buffer.subarray(0, count) : new Uint8Array(0));
    });
  });
