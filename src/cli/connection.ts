/**
 * The client's side of the host's socket: finds the host, starts one where none runs, asks and listens.
 * Kept small: `xl list` loads this and little else.
 */
import { closeSync, mkdirSync, openSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { encodeBytes, encodeEndOfBytes, encodeJson, FrameParser } from "../protocol/frame.ts";
import { type Method, type Methods, PROTOCOL_VERSION, type Reply } from "../protocol/messages.ts";
import { claimStateDirectory, SOCKET_NAME, stateDirectory } from "../protocol/state-directory.ts";
import { XlError } from "../toolstack/error.ts";

/** How long a host may take to come up before we give up on it. */
const START_MILLIS = 30_000;

/** The host ended, or was never one of ours, while a command waited for it. */
export class HostGone extends Error {
  override readonly name = "HostGone";
}

export interface ConsoleEnds {
  data(bytes: Uint8Array): void | Promise<void>;
  end(): void;
}

export interface HostClient {
  readonly stateDirectory: string;
  /** This very call started it: it has no guests yet. */
  readonly freshlyStarted: boolean;
  /** Throws XlError as the host threw it, HostGone when it dies. `onLog`: libxl's lines, as they come. */
  call<M extends Method>(
    method: M,
    params: Methods[M]["params"],
    onLog?: (line: string) => void,
  ): Promise<Methods[M]["result"]>;
  /** Called when a domain that this connection creates has a boot loader on its console. */
  onConsoleReady(listener: (domid: number) => void): void;
  /** Undefined: no such console. One a connection. */
  attachConsole(
    domid: number,
    listener: ConsoleEnds,
    interactive: boolean,
  ): Promise<{ write(bytes: Uint8Array): void; detach(): void } | undefined>;
  /** A saved domain's bytes to the host; resolves when there is room for more. */
  sendBytes(bytes: Uint8Array): Promise<void>;
  /** Nothing more will be sent. */
  endBytes(): void;
  /** Hears the bytes of a saved domain from the host. */
  receiveBytes(data: (bytes: Uint8Array) => void | Promise<void>): void;
  close(): void;
}

/** Connects to the host of this user's state directory; undefined when none runs and `start` is false. */
export async function connectHost(options: { readonly start: boolean }): Promise<HostClient | undefined> {
  const directory = stateDirectory(process.env);
  const path = join(directory, SOCKET_NAME);
  const found = await open(path);
  if (found !== undefined) return new Client(found, directory, false);
  if (!options.start) return undefined;
  claimStateDirectory(directory);
  return new Client(await start(directory, path), directory, true);
}

function open(path: string): Promise<Socket | undefined> {
  return new Promise((resolve) => {
    const socket = connect(path);
    socket.once("connect", () => {
      socket.removeAllListeners("error");
      resolve(socket);
    });
    socket.once("error", () => resolve(undefined));
  });
}

async function start(directory: string, path: string): Promise<Socket> {
  mkdirSync(join(directory, "log"), { recursive: true, mode: 0o700 });
  const log = join(directory, "log", "host.log");
  const output = openSync(log, "a", 0o600);
  const { spawn } = await import("node:child_process");
  const main = join(dirname(fileURLToPath(import.meta.url)), "..", "host", "daemon", "main.js");
  const child = spawn(process.execPath, [main, directory], {
    cwd: "/",
    detached: true,
    stdio: ["ignore", output, output],
  });
  closeSync(output);
  let ended: string | undefined;
  child.once("error", (error) => {
    ended = error.message;
  });
  child.once("exit", (status, signal) => {
    // Status 0: another host was quicker, and that one will answer.
    if (status !== 0)
      ended = signal === null ? `it ended with status ${status}` : `it was killed by ${signal}`;
  });
  child.unref();
  const deadline = Date.now() + START_MILLIS;
  for (let pause = 5; ; pause = Math.min(pause * 2, 100)) {
    const socket = await open(path);
    if (socket !== undefined) return socket;
    if (ended !== undefined) throw new HostGone(`the host did not start: ${ended}; its log is ${log}`);
    if (Date.now() > deadline)
      throw new HostGone(`the host did not answer within ${START_MILLIS / 1000} s; its log is ${log}`);
    await new Promise((resolve) => setTimeout(resolve, pause));
  }
}

interface Pending {
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: Error) => void;
}

class Client implements HostClient {
  readonly stateDirectory: string;
  readonly freshlyStarted: boolean;
  readonly #socket: Socket;
  readonly #parser = new FrameParser();
  readonly #pending = new Map<number, Pending>();
  #console: ConsoleEnds | undefined;
  /** Lines come whenever the host has some: whoever listened last hears them. */
  #onLog: ((line: string) => void) | undefined;
  #onConsoleReady: ((domid: number) => void) | undefined;
  #nextId = 1;
  #greeted = false;
  #gone: HostGone | undefined;
  /** Frames are handled in order; a slow console reader holds the socket back. */
  #handling = false;

  constructor(socket: Socket, directory: string, freshlyStarted: boolean) {
    this.#socket = socket;
    this.stateDirectory = directory;
    this.freshlyStarted = freshlyStarted;
    socket.on("data", (chunk) => {
      this.#parser.push(chunk);
      void this.#drain();
    });
    socket.on("error", () => socket.destroy());
    socket.on("close", () => {
      if (!this.#handling) this.#end("the host has gone");
      else this.#gone ??= new HostGone("the host has gone");
    });
    socket.write(encodeJson({ hello: PROTOCOL_VERSION }));
  }

  call<M extends Method>(
    method: M,
    params: Methods[M]["params"],
    onLog?: (line: string) => void,
  ): Promise<Methods[M]["result"]> {
    if (this.#gone !== undefined) return Promise.reject(this.#gone);
    if (onLog !== undefined) this.#onLog = onLog;
    const id = this.#nextId++;
    return new Promise((resolve, reject) => {
      this.#pending.set(id, { resolve: resolve as (value: unknown) => void, reject });
      this.#socket.write(encodeJson({ id, method, params }));
    });
  }

  async attachConsole(
    domid: number,
    listener: ConsoleEnds,
    interactive: boolean,
  ): ReturnType<HostClient["attachConsole"]> {
    this.#console = listener;
    const attached = await this.call("console", { domid, interactive });
    if (!attached) {
      this.#console = undefined;
      return undefined;
    }
    return {
      write: (bytes) => {
        for (const frame of encodeBytes(bytes)) this.#socket.write(frame);
      },
      detach: () => {
        this.#console = undefined;
        this.close();
      },
    };
  }

  async sendBytes(bytes: Uint8Array): Promise<void> {
    for (const frame of encodeBytes(bytes)) {
      if (this.#gone !== undefined || this.#socket.destroyed) return;
      if (this.#socket.write(frame)) continue;
      await new Promise<void>((resolve) => {
        const go = (): void => {
          this.#socket.off("drain", go);
          this.#socket.off("close", go);
          resolve();
        };
        this.#socket.once("drain", go);
        this.#socket.once("close", go);
      });
    }
  }

  endBytes(): void {
    this.#socket.write(encodeEndOfBytes());
  }

  receiveBytes(data: (bytes: Uint8Array) => void | Promise<void>): void {
    this.#console = { data, end: () => {} };
  }

  close(): void {
    this.#socket.end();
    this.#socket.unref();
  }

  async #drain(): Promise<void> {
    if (this.#handling) return;
    this.#handling = true;
    for (;;) {
      const outcome = this.#parser.next();
      if (outcome.state === "more") break;
      if (outcome.state === "broken") {
        this.#socket.destroy();
        this.#gone ??= new HostGone(`the host's answer makes no sense: ${outcome.why}`);
        break;
      }
      const { frame } = outcome;
      if (frame.kind === "bytes") {
        const wait = this.#console?.data(frame.bytes);
        if (wait !== undefined) {
          this.#socket.pause();
          await wait;
          this.#socket.resume();
        }
      } else if (!this.#greeted) {
        const { hello } = frame.value as { hello?: unknown };
        if (hello !== PROTOCOL_VERSION) {
          this.#gone ??= new HostGone(
            `the running host speaks ${JSON.stringify(hello)}, this xlab "${PROTOCOL_VERSION}"; stop it with the xlab that started it`,
          );
          this.#socket.destroy();
          break;
        }
        this.#greeted = true;
      } else {
        this.#take(frame.value as Reply);
      }
    }
    this.#handling = false;
    if (this.#gone !== undefined) this.#end(this.#gone.message);
  }

  onConsoleReady(listener: (domid: number) => void): void {
    this.#onConsoleReady = listener;
  }

  #take(reply: Reply): void {
    if ("consoleReady" in reply) {
      this.#onConsoleReady?.(reply.consoleReady);
      return;
    }
    if ("log" in reply) {
      this.#onLog?.(reply.log);
      return;
    }
    if ("consoleEnd" in reply) {
      const listener = this.#console;
      this.#console = undefined;
      listener?.end();
      return;
    }
    if (reply.id === 0 && "bug" in reply) {
      this.#gone ??= new HostGone(`the host refused: ${reply.bug}`);
      return;
    }
    const pending = this.#pending.get(reply.id);
    this.#pending.delete(reply.id);
    if (pending === undefined) return;
    if ("ok" in reply) pending.resolve(reply.ok);
    else if ("xl" in reply) pending.reject(new XlError(reply.xl.exitCode, reply.xl.lines, reply.xl.hint));
    else pending.reject(new Error(reply.bug));
  }

  #end(why: string): void {
    this.#gone ??= new HostGone(why);
    for (const { reject } of this.#pending.values()) reject(this.#gone);
    this.#pending.clear();
    const listener = this.#console;
    this.#console = undefined;
    listener?.end();
  }
}
