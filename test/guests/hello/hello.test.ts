import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { assemble, formatErrors } from "../../../src/guests/hello/asm/assemble.ts";
import { elfFile } from "../../../src/guests/hello/asm/elf-file.ts";
import { bootGuest } from "./machine.ts";

function hello(): Uint8Array {
  const program = assemble(readFileSync("src/guests/hello/hello.asm", "utf8"));
  if (!program.ok) throw new Error(formatErrors("hello.asm", program.errors));
  const file = elfFile(program.value);
  if (!file.ok) throw new Error(file.why);
  return file.value;
}

const SECOND = 1e9;

describe("hello", () => {
  const image = hello();

  it("introduces itself, counts its ticks and ends when no terminal is attached", () => {
    const guest = bootGuest(image, "ticks=3 ms=50", 16);
    guest.run(5 * SECOND);
    console.log(guest.output(), guest.shutdown());
    expect(guest.shutdown()).toBe(0);
  });
});
