/** The recorder's two files (recorder.c tells their layout). */
import { type Case, type Patch, type Result, S_RIP, STATE_SIZE, viewOf } from "./case.ts";
import { CODE, CODE_SIZE, type Machine, PAGE } from "./machine.ts";

const MAGIC = 0x43505543;
const VERSION = 1;

const padded = (n: number): number => (n + 3) & ~3;

/** The instruction as patches of the code pages: what runs over their end is not there. */
export function codePatches(c: Pick<Case, "state">, code: Uint8Array): Patch[] {
  const offset = Number(viewOf(c.state).getBigUint64(S_RIP, true) - CODE);
  return [{ offset, bytes: code.subarray(0, CODE_SIZE - offset) }];
}

export interface CaseInput {
  readonly state: Uint8Array;
  readonly patches: readonly Patch[];
}

export function encodeCases(machine: Machine, cases: readonly CaseInput[], timeoutMs: number): Uint8Array {
  let size = 24 + 24 * machine.mappings.length + machine.arena.length;
  for (const c of cases) {
    size += 8 + STATE_SIZE;
    for (const p of c.patches) size += 8 + padded(p.bytes.length);
  }
  const out = new Uint8Array(size);
  const view = viewOf(out);
  const head = [
    MAGIC,
    VERSION,
    machine.arena.length / PAGE,
    machine.mappings.length,
    cases.length,
    timeoutMs,
  ];
  head.forEach((v, i) => {
    view.setUint32(4 * i, v, true);
  });
  let at = 24;
  for (const m of machine.mappings) {
    view.setBigUint64(at, m.va, true);
    view.setUint32(at + 8, m.page, true);
    view.setUint32(at + 12, m.pages, true);
    view.setUint32(at + 16, m.access, true);
    at += 24;
  }
  out.set(machine.arena, at);
  at += machine.arena.length;
  for (const c of cases) {
    view.setUint32(at, c.patches.length, true);
    out.set(c.state, at + 8);
    at += 8 + STATE_SIZE;
    for (const p of c.patches) {
      view.setUint32(at, p.offset, true);
      view.setUint32(at + 4, p.bytes.length, true);
      out.set(p.bytes, at + 8);
      at += 8 + padded(p.bytes.length);
    }
  }
  return out;
}

export function decodeResults(file: Uint8Array, count: number): Result[] {
  const view = viewOf(file);
  const results: Result[] = [];
  let at = 0;
  for (let i = 0; i < count; i++) {
    const n = view.getUint32(at + 16, true);
    const writes: Patch[] = [];
    const result = {
      vector: view.getUint32(at, true),
      error: view.getUint32(at + 4, true),
      cr2: view.getBigUint64(at + 8, true),
      state: file.slice(at + 24, at + 24 + STATE_SIZE),
      writes,
    };
    at += 24 + STATE_SIZE;
    for (let k = 0; k < n; k++) {
      const length = view.getUint32(at + 4, true);
      writes.push({ offset: view.getUint32(at, true), bytes: file.slice(at + 8, at + 8 + length) });
      at += 8 + padded(length);
    }
    results.push(result);
  }
  if (at !== file.length) throw new Error(`results end at ${at}, not ${file.length}`);
  return results;
}
