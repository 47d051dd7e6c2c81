/**
 * One command's connection to the host. Requests are served in order; whatever is malformed ends the connection with a
 * word why, and nothing that a client sends can end the host.
 */
import type { Socket } from "node:net";
import { Bug } from "../../lib/absurd.ts";
import { encodeBytes, encodeJson, FrameParser } from "../../protocol/frame.ts";
import { PROTOCOL_VERSION, type Reply } from "../../protocol/messages.ts";
import { XlError } from "../../toolstack/error.ts";
import type { ConsoleAttachment, HostApi } from "../types.ts";
import { SocketBytes } from "./byte-channel.ts";
import { Refused, serve } from "./serve.ts";

export interface SessionOptions {
  readonly socket: Socket;
  readonly host: Promise<HostApi>;
  readonly directory: string;
  /** The client asked for the machine to be switched off. */
  readonly stop: () => void;
  readonly closed: () => void;
}

export class Session {
  readonly #options: SessionOptions;
  readonly #parser = new FrameParser();
  #greeted = false;
  /** Requests are served one after the other: the tail of the queue. */
  #work: Promise<void> = Promise.resolve();
  #waiting = 0;
  #console: ConsoleAttachment | undefined;
  /** A saved domain on its way, where the connection has no console. */
  readonly #bytes: SocketBytes;
  #drained: (() => void) | undefined;
  /** The monitor that this client watches; there is none until it asks for one. */
  readonly #monitor = { done: Promise.resolve() };
  #closed = false;

  constructor(options: SessionOptions) {
    this.#options = options;
    const { socket } = options;
    this.#bytes = new SocketBytes(socket);
    socket.on("data", (chunk) => this.#receive(chunk));
    socket.on("drain", () => this.#drained?.());
    socket.on("error", () => socket.destroy());
    socket.on("close", () => this.#close());
    this.#send(encodeJson({ hello: PROTOCOL_VERSION }));
  }

  /** The machine is off. */
  end(): void {
    this.#options.socket.end();
  }

  #close(): void {
    this.#closed = true;
    this.#console?.detach();
    this.#console = undefined;
    this.#drained?.();
    this.#bytes.close();
    this.#options.closed();
  }

  #send(bytes: Uint8Array): boolean {
    return this.#closed || this.#options.socket.write(bytes);
  }

  #reply(reply: Reply): void {
    this.#send(encodeJson(reply));
  }

  #refuse(why: string): void {
    this.#reply({ id: 0, bug: why });
    this.#options.socket.end();
  }

  #receive(chunk: Uint8Array): void {
    this.#parser.push(chunk);
    for (;;) {
      const outcome = this.#parser.next();
      if (outcome.state === "more") return;
      if (outcome.state === "broken") {
        this.#refuse(outcome.why);
        return;
      }
      const { frame } = outcome;
      if (frame.kind === "bytes") {
        if (this.#console !== undefined) this.#console.write(frame.bytes);
        else this.#bytes.receive(frame.bytes);
        continue;
      }
      const { value } = frame;
      if (!this.#greeted) {
        if (
          typeof value !== "object" ||
          value === null ||
          !("hello" in value) ||
          value.hello !== PROTOCOL_VERSION
        ) {
          this.#refuse(`this host speaks "${PROTOCOL_VERSION}"; stop it with the xlab that started it`);
          return;
        }
        this.#greeted = true;
        continue;
      }
      // A client that keeps asking without reading answers is cut off, so that it cannot fill our memory.
      if (++this.#waiting > 64) {
        this.#refuse("too many requests at once");
        return;
      }
      this.#work = this.#work.then(() => this.#serve(value)).finally(() => this.#waiting--);
    }
  }

  async #serve(value: unknown): Promise<void> {
    if (this.#closed) return;
    const id =
      typeof value === "object" && value !== null && "id" in value && typeof value.id === "number"
        ? value.id
        : 0;
    try {
      const host = await this.#options.host;
      const answer = await serve(value, {
        host,
        directory: this.#options.directory,
        log: (line) => this.#reply({ log: line }),
        consoleReady: (domid) => this.#reply({ consoleReady: domid }),
        bytes: this.#bytes,
        monitor: this.#monitor,
        attach: (domid, interactive) => this.#attach(host, domid, interactive),
      });
      this.#reply({ id, ok: answer.result });
      answer.after?.();
      if (answer.stop === true) this.#options.stop();
    } catch (error) {
      if (error instanceof XlError) {
        const { exitCode, lines, hint } = error;
        this.#reply({ id, xl: hint === undefined ? { exitCode, lines } : { exitCode, lines, hint } });
      } else if (error instanceof Refused) {
        this.#reply({ id, bug: error.message });
      } else {
        if (error instanceof Bug) console.error(error);
        this.#reply({ id, bug: error instanceof Error ? (error.stack ?? error.message) : String(error) });
      }
    }
  }

  /** Console bytes held back until the request that attaches has been answered. */
  #attach(host: HostApi, domid: number, interactive: boolean): { readonly after: () => void } | undefined {
    if (this.#console !== undefined) throw new Refused("this connection has a console already");
    let open: () => void = () => {};
    const opened = new Promise<void>((resolve) => {
      open = resolve;
    });
    const attachment = host.attachConsole(
      domid as Parameters<HostApi["attachConsole"]>[0],
      {
        data: async (bytes) => {
          await opened;
          for (const frame of encodeBytes(bytes)) {
            if (!this.#send(frame)) {
              await new Promise<void>((resolve) => {
                this.#drained = resolve;
              });
              this.#drained = undefined;
            }
          }
        },
        end: () => {
          void opened.then(() => this.#reply({ consoleEnd: true }));
          this.#console = undefined;
        },
      },
      interactive,
    );
    if (attachment === undefined) return undefined;
    this.#console = attachment;
    return { after: open };
  }
}
