import { existsSync, readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { readKernel } from "../../src/dombuild/kernel.ts";
import { kernelSymbols } from "../../src/dombuild/symbols.ts";
import { assemble } from "../../src/guests/hello/asm/assemble.ts";
import { elfFile } from "../../src/guests/hello/asm/elf-file.ts";
import { guestsDirectory, noGuests } from "../support/guests.ts";

describe("a kernel's names", () => {
  it("come from its symbol table, ascending", () => {
    const program = assemble(
      "org 0x1000\nentry one\nsection .text\none: nop\ntwo: ret\nsection .data\nthree: dq 0\nabsolute equ 7",
    );
    const file = program.ok ? elfFile(program.value) : program;
    if (!file.ok) throw new Error("does not assemble");
    expect(kernelSymbols(file.value)).toEqual([
      { address: 0x1000n, name: "one" },
      { address: 0x1001n, name: "two" },
      { address: 0x2000n, name: "three" },
    ]);
    expect(kernelSymbols(file.value.subarray(0, 300))).toEqual([]);
    expect(kernelSymbols(new Uint8Array(10))).toEqual([]);
  });

  it.skipIf(guestsDirectory === undefined || !existsSync(`${guestsDirectory}/vmlinuz-cloud`))(
    `of Debian's cloud kernel come from its kallsyms: ENTRY is startup_xen (${noGuests})`,
    { timeout: 60_000 },
    () => {
      const kernel = readKernel(new Uint8Array(readFileSync(`${guestsDirectory}/vmlinuz-cloud`)));
      if (!kernel.ok) throw new Error(kernel.why);
      const symbols = kernelSymbols(kernel.value.image);
      expect(symbols.length).toBeGreaterThan(30_000);
      expect(symbols.find((symbol) => symbol.name === "startup_xen")?.address).toBe(
        kernel.value.addresses.virtEntry,
      );
      expect(symbols.find((symbol) => symbol.name === "_text")?.address).toBe(
        kernel.value.addresses.virtKstart,
      );
    },
  );
});
