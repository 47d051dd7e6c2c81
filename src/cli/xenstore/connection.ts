/**
 * A connection to xenstored through its socket in the state directory; a host is started where none runs, as for xl.
 * Answers come in the order of the requests; several may be under way.
 */
import { connect, type Socket } from "node:net";
import { XENSTORE_PAYLOAD_MAX, XS } from "../../abi/io/xs-wire.ts";
import { stateDirectory, xenstoreSocketPath } from "../../protocol/state-directory.ts";
import type { Octets } from "../../xenstore/octets.ts";
import type { XsResult } from "../../xenstore/outcome.ts";
import { encode, outcomeOf, PacketParser, stringsOf } from "../../xenstore/wire.ts";
import { connectHost, HostGone } from "../connection.ts";

interface Waiting {
  readonly resolve: (result: XsResult) => void;
  readonly reject: (error: Error) => void;
}

export class XsConnection {
  /** Told of every watch event's path. */
  heard: ((path: Octets) => void) | undefined;
  readonly #socket: Socket;
  readonly #parser = new PacketParser();
  readonly #waiting: Waiting[] = [];
  /** Settles, with an error, when the host goes. */
  readonly gone: Promise<never>;

  constructor(socket: Socket) {
    this.#socket = socket;
    socket.on("data", (bytes) => this.#receive(bytes));
    socket.on("error", () => socket.destroy());
    this.gone = new Promise((_, reject) => {
      socket.on("close", () => {
        const error = new HostGone("the host has gone");
        for (const { reject: fail } of this.#waiting.splice(0)) fail(error);
        reject(error);
      });
    });
    this.gone.catch(() => {}); // whoever waits for it hears of it
  }

  request(type: number, payload: Octets, txId = 0): Promise<XsResult> {
    if (payload.length > XENSTORE_PAYLOAD_MAX) return Promise.resolve({ ok: false, errno: "E2BIG" });
    return new Promise((resolve, reject) => {
      if (this.#socket.destroyed) {
        reject(new HostGone("the host has gone"));
        return;
      }
      this.#waiting.push({ resolve, reject });
      this.#socket.write(encode({ type, reqId: 0, txId, payload }));
    });
  }

  /** Names of the children, however many. */
  async directory(path: Octets, txId = 0): Promise<XsResult<Octets[]>> {
    const whole = await this.request(XS.DIRECTORY, `${path}\0`, txId);
    if (whole.ok) return { ok: true, value: stringsOf(whole.value) };
    return whole.errno === "E2BIG" ? this.#longDirectory(path, txId) : whole;
  }

  close(): void {
    this.#socket.destroy();
  }

  /** In parts; begun anew when the list changed between two of them. */
  async #longDirectory(path: Octets, txId: number): Promise<XsResult<Octets[]>> {
    let list = "";
    let generation: string | undefined;
    for (;;) {
      const part = await this.request(XS.DIRECTORY_PART, `${path}\0${list.length}\0`, txId);
      if (!part.ok) return part;
      const split = part.value.indexOf("\0") + 1;
      const seen = part.value.slice(0, split);
      if (generation !== undefined && generation !== seen) {
        list = "";
        generation = undefined;
        continue;
      }
      generation = seen;
      const names = part.value.slice(split);
      if (names === "\0") return { ok: true, value: stringsOf(list) };
      if (names.endsWith("\0\0")) return { ok: true, value: stringsOf(list + names.slice(0, -1)) };
      list += names;
    }
  }

  #receive(bytes: Uint8Array): void {
    for (let at = 0; at < bytes.length; ) {
      const length = Math.min(this.#parser.wants(), bytes.length - at);
      const parsed = this.#parser.push(bytes.subarray(at, at + length));
      at += length;
      if (parsed === "more") continue;
      if (parsed === "too long") {
        this.#socket.destroy();
        return;
      }
      if (parsed.packet.type === XS.WATCH_EVENT) this.heard?.(stringsOf(parsed.packet.payload)[0] ?? "");
      else this.#waiting.shift()?.resolve(outcomeOf(parsed.packet));
    }
  }
}

export async function connectXenstore(): Promise<XsConnection> {
  const path = xenstoreSocketPath(stateDirectory(process.env));
  const found = await open(path);
  if (found !== undefined) return new XsConnection(found);
  const host = await connectHost({ start: true });
  await host?.call("status", {}); // answered once the machine is up, and xenstored with it
  host?.close();
  const socket = await open(path);
  if (socket === undefined) throw new HostGone(`the host does not listen at ${path}`);
  return new XsConnection(socket);
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
