/**
 * The host's place in the state directory: a socket bound under a private name, then linked into place, so that whoever
 * finds `host.sock` finds one that listens. One that refuses a connection is what a killed host left behind.
 */
import { linkSync, lstatSync, renameSync, unlinkSync } from "node:fs";
import { connect, type Server } from "node:net";
import { join } from "node:path";
import { SOCKET_NAME } from "../../protocol/state-directory.ts";

function remove(path: string): void {
  try {
    unlinkSync(path);
  } catch {
    // Somebody else was quicker.
  }
}

/** True: a host answers at this path. */
function answers(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path);
    socket.once("connect", () => {
      socket.destroy();
      resolve(true);
    });
    socket.once("error", () => resolve(false));
  });
}

export interface Place {
  /** False once another host has taken the place. */
  holds(): boolean;
  /** Gives the place up. */
  leave(): void;
}

/** Takes the place for `server`; undefined: another host holds it and lives. */
export async function takePlace(directory: string, server: Server): Promise<Place | undefined> {
  const own = join(directory, `.${process.pid}.sock`);
  const place = join(directory, SOCKET_NAME);
  remove(own);
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(own, resolve);
  });
  const inode = lstatSync(own).ino;
  for (let attempt = 0; attempt < 20; attempt++) {
    try {
      linkSync(own, place);
      remove(own);
      const holds = (): boolean => {
        try {
          return lstatSync(place).ino === inode;
        } catch {
          return false;
        }
      };
      return {
        holds,
        leave: () => {
          if (holds()) remove(place);
        },
      };
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
    }
    if (await answers(place)) {
      remove(own);
      return undefined;
    }
    // Stale. Whoever renames it away first may judge it; a live one taken by mistake is put back.
    const aside = join(directory, `.${process.pid}.stale`);
    try {
      renameSync(place, aside);
    } catch {
      continue;
    }
    if (await answers(aside)) {
      try {
        linkSync(aside, place);
      } catch {
        // A third host stands there by now; the one put aside notices that its place is gone.
      }
    }
    remove(aside);
  }
  remove(own);
  throw new Error(`cannot take ${place}`);
}
