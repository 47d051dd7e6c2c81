/**
 * The host process: `node dist/host/daemon/main.js STATE_DIRECTORY`. Started detached by the first command that needs a
 * machine; ends when asked, or after ten idle minutes without guests. What it says goes to log/host.log.
 */
import { mkdirSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { claimStateDirectory } from "../../protocol/state-directory.ts";
import { Host } from "../host.ts";
import { listenXenstore } from "../xenstore-socket.ts";
import { Session } from "./session.ts";
import { takePlace } from "./socket.ts";

const IDLE_MILLIS = 10 * 60_000;
const LOOK_MILLIS = 5_000;

/** XLAB_BACKING_MIB: how much of this host's memory guests may fill. What is no such number is passed over. */
const backing = (text: string | undefined): { backingMib?: number } => {
  const mib = Number(text);
  return text !== undefined && Number.isInteger(mib) && mib >= 32 && mib <= 3968 ? { backingMib: mib } : {};
};

async function main(directory: string): Promise<void> {
  process.umask(0o077);
  claimStateDirectory(directory);
  mkdirSync(join(directory, "log", "console"), { recursive: true, mode: 0o700 });
  const sessions = new Set<Session>();
  let host: Promise<Host> | undefined;
  let lastUse = process.hrtime.bigint();

  const server = createServer((socket) => {
    if (host === undefined) {
      socket.destroy();
      return;
    }
    const session = new Session({
      socket,
      host,
      directory,
      stop: () => void shutDown(0),
      closed: () => sessions.delete(session),
    });
    sessions.add(session);
  });
  const place = await takePlace(directory, server);
  if (place === undefined) process.exit(0);
  const switchOn = async () => {
    const machine = await Host.start({
      clock: process.env["XLAB_CLOCK"] === "warp" ? "warp" : "real",
      stateDirectory: directory,
      ...backing(process.env["XLAB_BACKING_MIB"]),
    });
    const xenstore = await listenXenstore(directory, (output) => machine.openXenstore(output));
    return { machine, xenstore };
  };
  const on = switchOn();
  host = on.then(({ machine }) => machine); // whoever is answered finds xenstore's socket too
  const { machine, xenstore } = await on;

  let stopping = false;
  async function shutDown(status: number): Promise<void> {
    if (stopping) return;
    stopping = true;
    xenstore.close();
    place?.leave();
    server.close();
    await machine.stop();
    for (const session of sessions) session.end();
    // Answers still in the sockets leave first.
    setTimeout(() => process.exit(status), 50);
  }
  machine.onFailure((error) => {
    console.error(error);
    for (const session of sessions) session.end();
    xenstore.close();
    place?.leave();
    process.exit(70);
  });
  for (const signal of ["SIGTERM", "SIGINT", "SIGHUP"] as const) process.on(signal, () => void shutDown(0));

  setInterval(() => {
    const now = process.hrtime.bigint();
    const guests = machine.list().length > 1;
    if (guests && place.holds()) lastUse = now;
    const clients = sessions.size + xenstore.connections();
    if (clients > 0) lastUse = now;
    const idleMillis = Number((now - lastUse) / 1_000_000n);
    if (idleMillis >= IDLE_MILLIS || (!place.holds() && !guests && clients === 0)) void shutDown(0);
  }, LOOK_MILLIS).unref();
}

const directory = process.argv[2];
if (directory === undefined) {
  console.error("usage: main.js STATE_DIRECTORY");
  process.exit(2);
}
main(directory).catch((error: unknown) => {
  console.error(error);
  process.exit(70);
});
