import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { kallsymsSymbols } from "../../src/image/kallsyms.ts";

type Era = "5.x" | "6.2" | "6.4";
interface Sym {
  readonly address: bigint;
  readonly type: string;
  readonly name: string;
}

const BASE = 0xffff_ffff_8100_0000n;
/** Words that get a token of their own, in slots that no character needs. */
const WORDS = ["xen_", "get_", "init", "__", "cpu", "ab"];

function tokenTable(): string[] {
  const out = Array.from({ length: 256 }, (_, i) => (i > 0x20 && i < 0x7f ? String.fromCharCode(i) : ""));
  WORDS.forEach((word, i) => {
    out[0x80 + i] = word;
  });
  return out;
}

function encode(text: string, tokens: readonly string[]): number[] {
  const out: number[] = [];
  for (let i = 0; i < text.length; ) {
    const word = WORDS.find((candidate) => text.startsWith(candidate, i));
    out.push(tokens.indexOf(word ?? (text[i] as string)));
    i += word?.length ?? 1;
  }
  return out.length < 128 ? [out.length, ...out] : [0x80 | (out.length & 0x7f), out.length >> 7, ...out];
}

const u16 = (n: number): number[] => [n & 255, n >> 8];
const u32 = (n: number): number[] => [n & 255, (n >> 8) & 255, (n >> 16) & 255, (n >>> 24) & 255];
const u64 = (n: bigint): number[] => [...u32(Number(n & 0xffff_ffffn)), ...u32(Number(n >> 32n))];

/** The tables as scripts/kallsyms.c of that time writes them, in the middle of other data. */
function tables(symbols: readonly Sym[], era: Era, before = 8 * 1000): Uint8Array {
  const tokens = tokenTable();
  const names: number[] = [];
  const markers: number[] = [];
  symbols.forEach((symbol, i) => {
    if (i % 256 === 0) markers.push(names.length);
    names.push(...encode(symbol.type + symbol.name, tokens));
  });
  const percpu = era !== "6.4";
  const offsets = symbols.flatMap(({ address }) => {
    if (!percpu) return u32(Number(address - BASE));
    return address < BASE ? u32(Number(address)) : u32(Number(BigInt.asUintN(32, BASE - 1n - address)));
  });
  let place = 0;
  const index = tokens.flatMap((token) => {
    const here = place;
    place += token.length + 1;
    return u16(here);
  });
  const text = tokens.flatMap((token) => [...new TextEncoder().encode(token), 0]);
  const seqs = symbols.flatMap((_, i) => [0, (i >> 8) & 255, i & 255]);
  const parts = {
    "5.x": [offsets, u64(BASE), u32(symbols.length), names, markers.flatMap(u32), text, index],
    "6.2": [offsets, u64(BASE), u32(symbols.length), names, markers.flatMap(u32), seqs, text, index],
    "6.4": [u32(symbols.length), names, markers.flatMap(u32), text, index, offsets, u64(BASE), seqs],
  }[era];
  const out: number[] = Array.from({ length: before }, (_, i) => (i * 7919) & 255);
  for (const part of parts) {
    while (out.length % 8 !== 0) out.push(0);
    for (const byte of part) out.push(byte);
  }
  for (let i = 0; i < 512; i++) out.push((i * 31) & 255);
  return Uint8Array.from(out);
}

function someSymbols(count: number): Sym[] {
  const out: Sym[] = [];
  for (let i = 0; i < count; i++) {
    const name = `${WORDS[i % WORDS.length]}${i.toString(36)}_of_${"x".repeat(i % 97 === 0 ? 150 : i % 13)}`;
    out.push({ address: BASE + BigInt(i * 24), type: "tTwWdDbB"[i % 8] as string, name });
  }
  return out;
}

const functions = (symbols: readonly Sym[]) =>
  symbols.filter((symbol) => "tTwW".includes(symbol.type)).map(({ address, name }) => ({ address, name }));

describe("kallsyms", () => {
  it.each<[Era, number]>([
    ["5.x", 5000],
    ["5.x", 5001],
    ["5.x", 1024],
    ["6.2", 5000],
    ["6.2", 4097],
    ["6.4", 5000],
    ["6.4", 3333],
  ])("as Linux %s lays them out, %i names: every function is named", (era, count) => {
    const symbols = someSymbols(count);
    expect(kallsymsSymbols(tables(symbols, era))).toEqual(functions(symbols));
  });

  it("per-cpu addresses before the kernel's own are absolute", () => {
    const symbols = [
      { address: 0n, type: "A", name: "fixed_percpu_data" },
      { address: 0x1000n, type: "t", name: "low" },
      ...someSymbols(2000),
    ];
    expect(kallsymsSymbols(tables(symbols, "5.x"))[0]).toEqual({ address: 0x1000n, name: "low" });
  });

  it("without tables, or with damaged ones, names nothing", () => {
    expect(kallsymsSymbols(new Uint8Array(100_000))).toEqual([]);
    expect(kallsymsSymbols(new Uint8Array(0))).toEqual([]);
    const digits = [..."0123456789"].flatMap((c) => [c.charCodeAt(0), 0]);
    expect(kallsymsSymbols(Uint8Array.from(Array.from({ length: 3000 }, () => digits).flat()))).toEqual([]);
  });

  it("finds the digits wherever they stand", () => {
    const symbols = someSymbols(1500);
    for (const shift of [0, 8, 16, 24, 40])
      expect(kallsymsSymbols(tables(symbols, "5.x", 800 + shift)).length).toBe(functions(symbols).length);
  });

  it("changed at will: an answer in time, never a throw", { timeout: 60_000 }, () => {
    const good = tables(someSymbols(1200), "6.2", 80);
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.nat(good.length - 1), fc.nat(255)), { minLength: 1, maxLength: 6 }),
        fc.nat(good.length),
        (edits, cut) => {
          const bytes = good.slice(0, cut < 100 ? good.length : cut);
          for (const [at, value] of edits) if (at < bytes.length) bytes[at] = value;
          expect(Array.isArray(kallsymsSymbols(bytes))).toBe(true);
        },
      ),
      { numRuns: 300 },
    );
  });
});
