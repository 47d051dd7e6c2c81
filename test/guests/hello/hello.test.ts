import { existsSync, readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { readKernel } from "../../../src/dombuild/kernel.ts";
import { assemble, formatErrors } from "../../../src/guests/hello/asm/assemble.ts";
import { elfFile } from "../../../src/guests/hello/asm/elf-file.ts";
import { bootGuest, type Guest } from "./machine.ts";

const SECOND = 1e9;
const source = readFileSync("src/guests/hello/hello.asm", "utf8");

function build(text: string): Uint8Array {
  const program = assemble(text);
  if (!program.ok) throw new Error(formatErrors("hello.asm", program.errors));
  const file = elfFile(program.value);
  if (!file.ok) throw new Error(file.why);
  return file.value;
}

const image = build(source);
const boot = (cmdline: string, terminal = false): Guest => bootGuest(image, cmdline, 16, { terminal });

const GREETING = [
  'Hello! I am "hello", a small paravirtual guest, started by Xen 4.17.7.',
  "  domain    1",
  "  memory    4096 pages, 16 MiB",
  "  vCPUs     1 up, of 1",
  "My timer ticks; the clock counts from the machine's power-on.",
];
const TICKS = [1, 2, 3, 4, 5].map((n) => `  tick ${n} at ${(n * 0.2).toFixed(3)} s`);
const PROMPT = ["Say something. `exit` powers off, Ctrl-] leaves.", "> "];
const ALONE = ['No terminal is attached, so this was all. (extra = "stay" keeps me.)', ""];

/** What came after the greeting, the ticks and the prompt. */
const conversation = (guest: Guest): string => guest.output().split("leaves.\r\n")[1] ?? "";

describe("hello's file", () => {
  it("is a few KB, with the notes of a PV guest", () => {
    expect(image.length).toBeLessThan(10_000);
    const kernel = readKernel(image);
    if (!kernel.ok) throw new Error(kernel.why);
    expect(kernel.value.notes).toMatchObject({
      from: "PT_NOTE",
      guestOs: "hello",
      loader: "generic",
      xenVersion: "xen-3.0",
    });
    expect(kernel.value.addresses.virtEntry).toBe(kernel.value.addresses.virtBase);
    expect(kernel.value.addresses.hypercallPage).toBeGreaterThan(kernel.value.addresses.virtBase);
  });
});

describe.skipIf(!existsSync("build/core.wasm"))("hello, running (needs build/core.wasm)", () => {
  it("introduces itself, counts its ticks and powers off when no terminal is attached", () => {
    const guest = boot("");
    guest.run(3 * SECOND);
    expect(guest.output().split("\r\n")).toEqual([...GREETING, ...TICKS, ...PROMPT, ...ALONE]);
    expect(guest.shutdown()).toBe(0);
  });

  it("counts as many ticks of as many milliseconds as its command line says", () => {
    const guest = boot("root=/dev/xvda ticks=2 staying ms=30");
    guest.run(SECOND);
    expect(guest.output().match(/tick .*/g)).toEqual(["tick 1 at 0.030 s", "tick 2 at 0.060 s"]);
    expect(guest.shutdown()).toBe(0);
    const none = boot("ticks=0");
    none.run(SECOND);
    expect(none.output()).not.toContain("tick");
    expect(none.shutdown()).toBe(0);
  });

  it("stays with a terminal, echoes line by line, and powers off on `exit`", () => {
    const guest = boot("", true);
    guest.run(30 * SECOND);
    expect(guest.shutdown()).toBeUndefined();
    guest.type("Hallo");
    guest.run(SECOND);
    expect(conversation(guest)).toBe("> Hallo");
    guest.type(" Xen\r");
    guest.run(SECOND);
    expect(conversation(guest)).toBe("> Hallo Xen\r\nYou said: Hallo Xen\r\n> ");
    guest.type("exix\x7ft\r\n");
    guest.run(SECOND);
    expect(conversation(guest)).toMatch(/> exix\x08 \x08t\r\nGood-bye\.\r\n$/);
    expect(guest.shutdown()).toBe(0);
  });

  it("with the word stay it waits for somebody to come", () => {
    const guest = boot("stay ticks=1");
    guest.run(20 * SECOND);
    expect(guest.shutdown()).toBeUndefined();
    guest.type("\n\nexit\n");
    guest.run(SECOND);
    expect(conversation(guest)).toBe("> \r\n> \r\n> exit\r\nGood-bye.\r\n");
    expect(guest.shutdown()).toBe(0);
  });

  it("answers what was piped in, then ends when nothing more comes", () => {
    const guest = boot("");
    guest.run(0.1 * SECOND);
    guest.type("one\ntwo\n");
    guest.run(3 * SECOND);
    expect(conversation(guest)).toContain("You said: one\r\n> two\r\nYou said: two\r\n> ");
    expect(conversation(guest)).toContain("No terminal is attached");
    expect(guest.shutdown()).toBe(0);
  });

  it("takes more than its ring holds, and cuts a line at 255 bytes", () => {
    const guest = boot("stay ticks=0");
    guest.run(0.1 * SECOND);
    const lines = Array.from({ length: 50 }, (_, i) => `${i} ${"x".repeat(i === 7 ? 400 : 70)}`);
    guest.type(`${lines.join("\r")}\rexit\r`);
    guest.run(10 * SECOND);
    const said = guest.output().match(/You said: .*/g) ?? [];
    expect(said.map((line) => line.trim())).toEqual(lines.map((line) => `You said: ${line.slice(0, 255)}`));
    expect(guest.shutdown()).toBe(0);
  });

  it("says where it met a trap, and crashes", () => {
    const guest = bootGuest(build(source.replace("call    introduce", "ud2")), "", 16);
    guest.run(SECOND);
    expect(guest.output()).toMatch(/hello: unexpected trap 6 at 0xffffffff80000[0-9a-f]{3}\r\n$/);
    expect(guest.shutdown()).toBe(3);
  });

  it("finds its rings by the machine-to-physical table, so any memory size does", () => {
    for (const mib of [4, 5, 64]) {
      const guest = bootGuest(image, "ticks=0", mib);
      guest.run(SECOND);
      expect(guest.output()).toContain(`${mib * 256} pages, ${mib} MiB`);
      expect(guest.shutdown()).toBe(0);
    }
  });
});
