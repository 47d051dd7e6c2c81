/**
 * Programs compiled by gcc (programs/), as flat images with the results that the processor computed. An image begins
 * with its own layout (programs/flat.ld): u64 start, rodata, data, end of image, result, end of memory.
 *
 * fixtures/programs.bin.gz: u32 length of a JSON list of {name, image, result: byte counts}, the list, then the bytes.
 */
import { readFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";
import { S_FCW, S_GPR, S_MXCSR, S_RFLAGS, S_RIP, STATE_SIZE, viewOf } from "./case.ts";
import { EXECUTE, type Machine, type Mapping, PAGE, READ, WRITE } from "./machine.ts";
import { fixturePath } from "./suite.ts";

const BASE = 0x20000000n;
const STACK_TOP = 0x30000000n;
const STACK_PAGES = 8;

export interface Program {
  readonly name: string;
  readonly image: Uint8Array;
  /** What it leaves in its result page, without the zeros at the end. */
  readonly result: Uint8Array;
}

export interface LoadedProgram {
  readonly machine: Machine;
  readonly state: Uint8Array;
  /** Page of the arena that the result goes to. */
  readonly resultPage: number;
}

const pagesUpTo = (v: bigint): number => Number((v - BASE + BigInt(PAGE - 1)) / BigInt(PAGE));

export function loadProgram(image: Uint8Array): LoadedProgram {
  const word = (n: number): bigint => viewOf(image).getBigUint64(8 * n, true);
  const [start, rodata, data, , result, end] = [0, 1, 2, 3, 4, 5].map(word) as [
    bigint,
    bigint,
    bigint,
    bigint,
    bigint,
    bigint,
  ];
  const pages = pagesUpTo(end);
  const arena = new Uint8Array((pages + STACK_PAGES) * PAGE);
  arena.set(image);
  const part = (from: bigint, to: bigint, access: number): Mapping => ({
    va: from,
    page: pagesUpTo(from),
    pages: pagesUpTo(to) - pagesUpTo(from),
    access,
  });
  const mappings = [
    part(BASE, rodata, READ | EXECUTE),
    part(rodata, data, READ),
    part(data, end, READ | WRITE | EXECUTE), // one of them writes code
    { va: STACK_TOP - BigInt(STACK_PAGES * PAGE), page: pages, pages: STACK_PAGES, access: READ | WRITE },
  ].filter((m) => m.pages > 0);
  const state = new Uint8Array(STATE_SIZE);
  const view = viewOf(state);
  view.setBigUint64(S_RIP, start, true);
  view.setBigUint64(S_GPR + 8 * 4, STACK_TOP - 64n, true);
  view.setBigUint64(S_RFLAGS, 0x202n, true);
  view.setUint16(S_FCW, 0x37f, true);
  view.setUint32(S_MXCSR, 0x1f80, true);
  return { machine: { arena, mappings }, state, resultPage: pagesUpTo(result) };
}

export function withoutTail(bytes: Uint8Array): Uint8Array {
  let n = bytes.length;
  while (n > 0 && bytes[n - 1] === 0) n--;
  return bytes.slice(0, n);
}

export function encodePrograms(programs: readonly Program[]): Uint8Array {
  const list = programs.map((p) => ({ name: p.name, image: p.image.length, result: p.result.length }));
  const json = new TextEncoder().encode(JSON.stringify(list));
  const parts = [new Uint8Array(4), json, ...programs.flatMap((p) => [p.image, p.result])];
  const bytes = new Uint8Array(parts.reduce((n, p) => n + p.length, 0));
  let at = 0;
  for (const p of parts) {
    bytes.set(p, at);
    at += p.length;
  }
  viewOf(bytes).setUint32(0, json.length, true);
  return bytes;
}

export function loadPrograms(): Program[] {
  const bytes = new Uint8Array(gunzipSync(readFileSync(fixturePath("programs"))));
  let at = 4 + viewOf(bytes).getUint32(0, true);
  const list = JSON.parse(new TextDecoder().decode(bytes.subarray(4, at))) as {
    name: string;
    image: number;
    result: number;
  }[];
  const take = (n: number): Uint8Array => {
    at += n;
    return bytes.slice(at - n, at);
  };
  return list.map((p) => ({ name: p.name, image: take(p.image), result: take(p.result) }));
}
