/** What strangers may send to the host's socket: each is told what is wrong, and the host goes on. */
import { connect } from "node:net";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { encodeBytes, encodeJson, FrameParser } from "../../../src/protocol/frame.ts";
import { PROTOCOL_VERSION } from "../../../src/protocol/messages.ts";
import { SOCKET_NAME } from "../../../src/protocol/state-directory.ts";
import { type ServedMachine, serveMachine } from "../../cli/fake-machine.ts";

let served: ServedMachine;
beforeAll(async () => {
  served = await serveMachine();
});
afterAll(() => served.close());

const hello = encodeJson({ hello: PROTOCOL_VERSION });
const request = (method: unknown, params: unknown = {}, id: unknown = 1) =>
  encodeJson({ id, method, params });

/** Sends the pieces, and answers the JSON that came back until `enough` answers, or the host closed. */
function talk(
  pieces: readonly Uint8Array[],
  enough: number,
): Promise<{ answers: unknown[]; closed: boolean }> {
  return new Promise((resolve, reject) => {
    const socket = connect(join(served.state, SOCKET_NAME));
    const parser = new FrameParser();
    const answers: unknown[] = [];
    const finish = (closed: boolean): void => {
      socket.destroy();
      resolve({ answers, closed });
    };
    socket.setTimeout(5_000, () => reject(new Error(`no answer to ${JSON.stringify(pieces.length)} pieces`)));
    socket.on("error", () => finish(true));
    socket.on("close", () => finish(true));
    socket.on("data", (chunk) => {
      parser.push(chunk);
      for (let next = parser.next(); next.state === "frame"; next = parser.next()) {
        if (next.frame.kind === "json") answers.push(next.frame.value);
      }
      if (answers.length >= enough) finish(false);
    });
    for (const piece of pieces) socket.write(piece);
  });
}

const isAlive = async (): Promise<void> => {
  const { answers } = await talk([hello, request("list")], 2);
  expect(answers[1]).toMatchObject({ id: 1, ok: [{ name: "Domain-0" }] });
};

describe("requests", () => {
  it.each([
    ["no method", request(undefined)],
    ["a method that is none", request("toString")],
    ["a method that is a number", request(5)],
    ["no params", encodeJson({ id: 1, method: "pause" })],
    ["params of another kind", request("pause", 7)],
    ["a domid that is text", request("pause", { domid: "0" })],
    ["a domid below zero", request("pause", { domid: -1 })],
    ["a domid that is no number", request("pause", { domid: 1.5 })],
    ["a create without a text", request("create", { source: "x" })],
    ["overrides that are no list", request("create", { text: "", source: "x", overrides: { length: 3 } })],
    ["null", encodeJson(null)],
    ["a list", encodeJson([1, 2])],
  ])("%s is refused in words, and the connection goes on", async (_what, bad) => {
    const { answers, closed } = await talk([hello, bad, request("domidOf", { name: "Domain-0" }, 2)], 3);
    expect(closed).toBe(false);
    expect(answers[1]).toHaveProperty("bug");
    expect(answers[2]).toEqual({ id: 2, ok: 0 });
  });

  it("a config that is wrong is the user's mistake, in xl's words", async () => {
    const params = {
      text: "name=",
      source: "a.cfg",
      overrides: [],
      cwd: "/",
      paused: false,
      monitor: "none",
      verbosity: 0,
    };
    const { answers } = await talk([hello, request("create", params)], 2);
    expect(answers[1]).toMatchObject({ id: 1, xl: { exitCode: 1 } });
  });
});

describe("what is no request at all", () => {
  it.each([
    ["no hello", [request("list")]],
    ["a hello of another version", [encodeJson({ hello: "xlab 0" })]],
    ["HTTP", [Buffer.from("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")]],
    ["a frame of four gigabytes", [Uint8Array.of(0xff, 0xff, 0xff, 0xff, 0)]],
    ["an empty frame", [Uint8Array.of(0, 0, 0, 0, 0)]],
    ["a kind that is none", [Uint8Array.of(2, 0, 0, 0, 9, 9)]],
    ["JSON that is none", [hello, Uint8Array.of(3, 0, 0, 0, 0, 0x7b, 0x7b)]],
    ["text that is no UTF-8", [hello, Uint8Array.of(3, 0, 0, 0, 0, 0xff, 0xfe)]],
  ])("%s ends the connection, and no other", async (_what, pieces) => {
    const { answers, closed } = await talk(pieces, 99);
    expect(closed).toBe(true);
    expect(answers.at(-1)).toHaveProperty("bug");
    await isAlive();
  });

  it("keys for a console that nobody attached are dropped", async () => {
    const { answers } = await talk([hello, ...encodeBytes(Buffer.from("keys")), request("list")], 2);
    expect(answers[1]).toMatchObject({ id: 1 });
  });

  it("whatever it is, the host survives", async () => {
    const piece = fc.oneof(
      fc.uint8Array({ maxLength: 40 }),
      fc.constant(hello),
      fc.jsonValue().map((value) => encodeJson(value)),
      fc
        .constantFrom("list", "status", "console", "waitForMonitor", "nonsense")
        .map((method) => request(method)),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(piece, { minLength: 1, maxLength: 6 }), async (pieces) => {
        const socket = connect(join(served.state, SOCKET_NAME));
        socket.on("error", () => {});
        socket.on("data", () => {});
        const closed = new Promise((resolve) => socket.on("close", resolve));
        for (const each of pieces) socket.write(each);
        socket.end();
        await closed;
      }),
      { numRuns: 200 },
    );
    await isAlive();
  });
});
