import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { XlError } from "../../../src/toolstack/error.ts";
import {
  LIBXL_REC,
  libxlHeader,
  libxlRecord,
  readLibxlHeader,
  readLibxlRecord,
} from "../../../src/toolstack/save/libxl-stream.ts";
import { sourceOf } from "../../../src/toolstack/save/stream.ts";
import { XcFault } from "../../../src/toolstack/save/xc-fault.ts";
import {
  REC,
  readXcHeaders,
  readXcRecord,
  xcHeaders,
  xcRecord,
} from "../../../src/toolstack/save/xc-records.ts";
import { readXlHead, xlHead } from "../../../src/toolstack/save/xl-file.ts";
import { run, thrown } from "./run.ts";

const changed = (bytes: Uint8Array, change: Readonly<Record<number, number>>): Uint8Array => {
  const copy = bytes.slice();
  for (const [at, byte] of Object.entries(change)) copy[Number(at)] = byte;
  return copy;
};
const quiet = (): void => {};

describe("xl's head", () => {
  const head = xlHead('{ "name": "a" }', "/f").bytes;

  test("is laid out as xl 4.17 lays it out", () => {
    expect(Buffer.from(head.subarray(0, 52)).toString("hex")).toBe(
      "58656e20736176656420646f6d61696e2c20786c20666f726d61740a2000200d" + // Xen saved domain, xl format
        "0403020103000000000000001400000010000000",
    );
  });
  test("is read as it was written, for any config and any chunking", () => {
    fc.assert(
      fc.property(fc.string({ unit: "grapheme", maxLength: 300 }), (text) => {
        const config = text.replaceAll("\0", "");
        const said: string[] = [];
        const { bytes, said: written } = xlHead(config, "/root/a.save");
        const read = run(readXlHead(sourceOf(bytes), "/root/a.save", (line) => said.push(line)));
        expect(read.config).toEqual({ text: config, json: true });
        expect(written).toBe(`Saving to /root/a.save new xl format (info 0x3/0x0/${bytes.length - 48})`);
        expect(said).toEqual([
          `Loading new save file /root/a.save (new xl fmt info 0x3/0x0/${bytes.length - 48})`,
          " Savefile contains xl domain config in JSON format",
        ]);
      }),
    );
  });
  test.each([
    ["another magic", { 3: 0x41 }, "File has wrong magic number - corrupt or for a different tool?"],
    ["another byte order", { 32: 1 }, "File has wrong byte order"],
    [
      "a flag that is not known",
      { 36: 7 },
      "Savefile has mandatory flag(s) 0x4 which are not supported; need newer xl",
    ],
    ["a config longer than what holds it", { 48: 0xff }, "Savefile truncated."],
  ])("%s is refused in xl's words", (_, change, line) => {
    const error = thrown(readXlHead(sourceOf(changed(head, change)), "/f", quiet));
    expect(error).toBeInstanceOf(XlError);
    expect(error).toMatchObject({ exitCode: 1, lines: [line] });
  });
  test("wherever the file ends too early, xl says so", () => {
    for (let length = 0; length < head.length; length++) {
      const error = thrown(readXlHead(sourceOf(head.subarray(0, length)), "/f", quiet));
      const what = length < 48 ? "header" : "optdata";
      expect(error).toMatchObject({ exitCode: 1 });
      expect(error.message).toContain(`file/stream truncated reading ${what} from /f`);
      expect(error.message).toContain("Protocol error");
    }
  });
  test("a head that claims gigabytes takes no memory for them", () => {
    const error = thrown(readXlHead(sourceOf(changed(head, { 47: 0x7f })), "/f", quiet));
    expect(error).toMatchObject({ exitCode: 1, lines: [] });
  });
});

describe("libxl's stream", () => {
  test("is laid out as the specification says", () => {
    expect(Buffer.from(libxlHeader()).toString("hex")).toBe("4c6962786c466d740000000200000000");
    expect(Buffer.from(libxlRecord(LIBXL_REC.LIBXC_CONTEXT)).toString("hex")).toBe("0100000000000000");
    run(readLibxlHeader(sourceOf(libxlHeader())));
    expect(run(readLibxlRecord(sourceOf(libxlRecord(LIBXL_REC.END))))).toBe("end");
  });
  test.each([
    [{ 0: 0 }, "Invalid ident: expected 0x4c6962786c466d74, got 0x006962786c466d74"],
    [{ 11: 3 }, "Unexpected Version: expected 2, got 3"],
    [{ 15: 1 }, "Unable to handle big endian streams"],
  ])("a header changed in %j is refused", (change, text) => {
    expect(thrown(readLibxlHeader(sourceOf(changed(libxlHeader(), change)))).message).toContain(text);
  });
  test.each([
    [2, "Received a xenstore emulator record when none was expected"],
    [3, "Received an emulator context record when none was expected"],
    [4, "Unexpected CHECKPOINT_END record in stream"],
    [5, "Unexpected CHECKPOINT_STATE record in stream"],
    [0x77, "Unrecognised record 0x00000077"],
  ])("a record of type %i is refused", (type, text) => {
    expect(thrown(readLibxlRecord(sourceOf(libxlRecord(type)))).message).toContain(text);
  });
});

describe("libxc's stream", () => {
  const headers = xcHeaders({ major: 4, minor: 17 });

  test("its headers are laid out as the specification says", () => {
    expect(Buffer.from(headers).toString("hex")).toBe(
      "ffffffffffffffff58454e46000000030000000000000000" + "01000000" + "0c000000" + "04000000" + "11000000",
    );
    const said: string[] = [];
    run(readXcHeaders(sourceOf(headers), (line) => said.push(line)));
    expect(said).toEqual(["Found x86 PV domain from Xen 4.17", "Restoring domain"]);
  });
  test.each([
    [{ 0: 0 }, "Invalid marker: Got 0x00ffffffffffffff"],
    [{ 8: 0 }, "Invalid ID: Expected 0x58454e46, Got 0x00454e46"],
    [{ 15: 4 }, "Invalid Version: Expected 2 <= ver <= 3, Got 4"],
    [{ 17: 1 }, "Unable to handle big endian streams"],
    [{ 24: 2 }, "Unable to restore x86 HVM domain into an x86_pv domain"],
    [{ 24: 9 }, "Unable to restore Reserved domain into an x86_pv domain"],
    [{ 28: 13 }, "Invalid page size 8192 for x86_pv domains"],
  ])("headers changed in %j are refused", (change, text) => {
    const error = thrown(readXcHeaders(sourceOf(changed(headers, change)), quiet));
    expect(error).toBeInstanceOf(XcFault);
    expect(error.message).toBe(`xc: error: ${text}: Internal error`);
  });
  test("a record is read as it was written, padded to eight bytes", () => {
    fc.assert(
      fc.property(fc.nat(0x7f), fc.uint8Array({ maxLength: 200 }), (type, body) => {
        const bytes = xcRecord(type, body.subarray(0, 3), body.subarray(3));
        expect(bytes.length % 8).toBe(0);
        const read = run(readXcRecord(sourceOf(bytes)));
        expect(read.type).toBe(type);
        expect(new Uint8Array(read.body.buffer, read.body.byteOffset, read.body.byteLength)).toEqual(body);
      }),
    );
  });
  test("wherever a record ends too early, libxc says which", () => {
    const bytes = xcRecord(REC.SHARED_INFO, new Uint8Array(21));
    for (let length = 0; length < bytes.length; length++) {
      const text =
        length < 8
          ? "Failed to read Record Header from stream (0 = Success)"
          : "Failed to read 24 bytes of data for record (0x00000007, Shared info) (0 = Success)";
      const error = thrown(readXcRecord(sourceOf(bytes.subarray(0, length))));
      expect(error.message).toBe(`xc: error: ${text}: Internal error`);
    }
  });
  test("a record that claims more than 128 MiB is refused before anything is read of it", () => {
    const bytes = changed(xcRecord(REC.PAGE_DATA, new Uint8Array(8)), { 7: 0x08, 4: 1 });
    expect(thrown(readXcRecord(sourceOf(bytes))).message).toContain("exceeds max (0x8000000)");
  });
});
