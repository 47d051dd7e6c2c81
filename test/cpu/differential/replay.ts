/**
 * The same cases on the engine: four levels of page tables with everything a user page, as PV has it; the state put
 * into the vCPU block and taken out of it.
 */
import {
  CPL,
  CPU,
  CR0,
  CR3,
  CR4,
  EFER,
  EXIT_BUDGET,
  EXIT_FAULT,
  EXIT_INT,
  EXIT_PAUSE,
  EXIT_PRIVILEGED,
  FPU,
  FS_BASE,
  GPR,
  GS_BASE,
  ICOUNT,
  MXCSR,
  PV_USER,
  RFLAGS,
  RIP,
  SEL_CS,
  SEL_DS,
  SEL_ES,
  SEL_FS,
  SEL_GS,
  SEL_SS,
  X_ERROR,
  X_HAS_ERROR,
  X_VA,
  X_VECTOR,
  XMM,
} from "../../../src/cpu/layout.ts"; // prettier-ignore
import type { Engine } from "../../../src/cpu/types.ts";
import {
  type Case,
  type Patch,
  type Result,
  S_FCW,
  S_FS_BASE,
  S_FSW,
  S_FTW,
  S_GPR,
  S_GS_BASE,
  S_MXCSR,
  S_RFLAGS,
  S_RIP,
  S_ST,
  S_XMM,
  STATE_SIZE,
  VECTOR_HANG,
  VECTOR_PF,
  viewOf,
} from "./case.ts"; // prettier-ignore
import { codePatches } from "./case-file.ts";
import { EXECUTE, type Machine, PAGE, WRITE } from "./machine.ts";

const FIRST_FRAME = 0x100;
const FIRST_TABLE = 0x4000;

const PRESENT = 1n;
const WRITABLE = 2n;
const USER = 4n;
const ACCESSED_DIRTY = 0x60n;
const NO_EXECUTE = 1n << 63n;

/** core/fpu/state.ts */
const X_FCW = FPU;
const X_FSW = FPU + 2;
const X_TAGS = FPU + 4;
const X_REGS = FPU + 0x20;

/** What the engine gave back where the recorder has no word for it. */
const VECTOR_ODD_EXIT = 0x100;

export interface Replayer {
  /** Runs one case. `writes` of the answer: bytes of memory that are not as expected. */
  replay(c: Case, expected: Result): Result;
  /** Runs, `budget` instructions at a time, without expectation, for programs: leaves memory as it is then. */
  run(state: Uint8Array, budget: number, rounds: number): Result;
  /** Instructions run so far. */
  instructions(): bigint;
  /** Memory of the arena as it is now. */
  page(n: number): Uint8Array;
}

export function createReplayer(engine: Engine, machine: Machine): Replayer {
  const { mem } = engine;
  const pages = machine.arena.length / PAGE;
  const tables = layPageTables(engine, machine);
  const address: number[] = [];
  for (let n = 0; n < pages; n++) {
    const at = mem.writeAddress(FIRST_FRAME + n);
    if (at === 0) throw new Error("no slot for the arena");
    address.push(at);
    mem.u8.set(machine.arena.subarray(n * PAGE, (n + 1) * PAGE), at);
    mem.noteWrite(FIRST_FRAME + n, 0, PAGE);
  }
  const vcpu = engine.createVcpu();
  engine.select(vcpu);
  const { u8, view } = mem;
  view.setBigUint64(CPU + CR3, BigInt(tables) << 12n, true);
  view.setBigUint64(CPU + CR0, 0x80050033n, true);
  view.setBigUint64(CPU + CR4, 0x620n, true);
  view.setBigUint64(CPU + EFER, 0xd01n, true);
  view.setUint32(CPU + PV_USER, 0, true);
  view.setUint32(CPU + CPL, 3, true);
  view.setUint16(CPU + SEL_CS, 0x33, true); // Linux' selectors
  view.setUint16(CPU + SEL_SS, 0x2b, true);
  for (const sel of [SEL_DS, SEL_ES, SEL_FS, SEL_GS]) view.setUint16(CPU + sel, 0, true);
  engine.flushAllTlbs();

  /** As it should be after the case. */
  const wanted = machine.arena.slice();

  function put(patches: readonly Patch[], code: boolean): void {
    for (const p of patches) {
      for (let i = 0; i < p.bytes.length; ) {
        const page = Math.floor((p.offset + i) / PAGE);
        const offset = (p.offset + i) % PAGE;
        const n = Math.min(p.bytes.length - i, PAGE - offset);
        u8.set(p.bytes.subarray(i, i + n), (address[page] as number) + offset);
        if (code) mem.noteWrite(FIRST_FRAME + page, offset, n);
        i += n;
      }
    }
  }

  function loadState(s: Uint8Array): void {
    const from = viewOf(s);
    u8.set(s.subarray(S_GPR, S_GPR + 128), CPU + GPR);
    view.setBigUint64(CPU + RIP, from.getBigUint64(S_RIP, true), true);
    view.setBigUint64(CPU + RFLAGS, from.getBigUint64(S_RFLAGS, true), true);
    view.setBigUint64(CPU + FS_BASE, from.getBigUint64(S_FS_BASE, true), true);
    view.setBigUint64(CPU + GS_BASE, from.getBigUint64(S_GS_BASE, true), true);
    const fsw = from.getUint16(S_FSW, true);
    view.setUint16(CPU + X_FCW, from.getUint16(S_FCW, true), true);
    view.setUint16(CPU + X_FSW, fsw, true);
    view.setUint8(CPU + X_TAGS, s[S_FTW] as number);
    for (let i = 0; i < 8; i++)
      u8.set(s.subarray(S_ST + 16 * i, S_ST + 16 * i + 10), CPU + X_REGS + 16 * (((fsw >> 11) + i) & 7));
    view.setUint32(CPU + MXCSR, from.getUint32(S_MXCSR, true), true);
    u8.set(s.subarray(S_XMM, S_XMM + 256), CPU + XMM);
  }

  function saveState(before: Uint8Array): Uint8Array {
    const s = before.slice(0, STATE_SIZE);
    const to = viewOf(s);
    s.set(u8.subarray(CPU + GPR, CPU + GPR + 128), S_GPR);
    to.setBigUint64(S_RIP, view.getBigUint64(CPU + RIP, true), true);
    to.setBigUint64(S_RFLAGS, view.getBigUint64(CPU + RFLAGS, true), true);
    to.setBigUint64(S_FS_BASE, view.getBigUint64(CPU + FS_BASE, true), true);
    to.setBigUint64(S_GS_BASE, view.getBigUint64(CPU + GS_BASE, true), true);
    const fsw = view.getUint16(CPU + X_FSW, true);
    to.setUint16(S_FCW, view.getUint16(CPU + X_FCW, true), true);
    to.setUint16(S_FSW, fsw, true);
    to.setUint8(S_FTW, view.getUint8(CPU + X_TAGS));
    for (let i = 0; i < 8; i++) {
      const at = CPU + X_REGS + 16 * (((fsw >> 11) + i) & 7);
      s.set(u8.subarray(at, at + 10), S_ST + 16 * i);
    }
    to.setUint32(S_MXCSR, view.getUint32(CPU + MXCSR, true), true);
    s.set(u8.subarray(CPU + XMM, CPU + XMM + 256), S_XMM);
    return s;
  }

  function execute(state: Uint8Array, budget: number, rounds: number): Result {
    loadState(state);
    let exit = EXIT_BUDGET;
    for (let n = 0; n < rounds && (exit === EXIT_BUDGET || exit === EXIT_PAUSE); n++)
      exit = engine.run(budget);
    let vector = VECTOR_ODD_EXIT + exit;
    let error = 0;
    let cr2 = 0n;
    if (exit === EXIT_BUDGET) vector = VECTOR_HANG;
    else if (exit === EXIT_INT || exit === EXIT_FAULT) {
      vector = view.getUint32(CPU + X_VECTOR, true);
      if (exit === EXIT_FAULT && view.getUint32(CPU + X_HAS_ERROR, true))
        error = view.getUint32(CPU + X_ERROR, true);
      if (vector === VECTOR_PF) cr2 = view.getBigUint64(CPU + X_VA, true);
    } else if (exit === EXIT_PRIVILEGED) vector = 13; // its owner makes it a #GP, or does it
    return { vector, error, cr2, state: saveState(state), writes: [] };
  }

  let number = 0;

  return {
    replay(c, expected) {
      const code = codePatches(c, c.code);
      const patched = [...code, ...c.patches];
      put(code, true);
      put(c.patches, false);
      for (const list of [patched, expected.writes]) for (const p of list) wanted.set(p.bytes, p.offset);

      // small budgets, so that REP is interrupted and taken up again
      const budget = 1 + 3 * (number++ % 4);
      const answer = execute(c.state, budget, 3000);

      for (const p of c.undefinedMemory)
        for (let i = p.offset; i < p.offset + p.length; i++)
          wanted[i] = u8[(address[Math.floor(i / PAGE)] as number) + (i % PAGE)] as number;
      const wrong: Patch[] = [];
      for (let n = 0; n < pages; n++) {
        const at = address[n] as number;
        const is = u8.subarray(at, at + PAGE);
        if (Buffer.compare(is, wanted.subarray(n * PAGE, (n + 1) * PAGE)) !== 0)
          wrong.push(...runsThatDiffer(is, wanted, n * PAGE));
      }

      // all as before
      const restore = (p: Patch): Patch => ({
        offset: p.offset,
        bytes: machine.arena.slice(p.offset, p.offset + p.bytes.length),
      });
      put(code.map(restore), true);
      put([...c.patches, ...expected.writes, ...wrong].map(restore), false);
      for (const list of [patched, expected.writes])
        for (const p of list)
          wanted.set(machine.arena.subarray(p.offset, p.offset + p.bytes.length), p.offset);
      for (const p of c.undefinedMemory) {
        put([restore({ offset: p.offset, bytes: new Uint8Array(p.length) })], false);
        wanted.set(machine.arena.subarray(p.offset, p.offset + p.length), p.offset);
      }
      return { ...answer, writes: wrong };
    },
    run: execute,
    instructions: () => view.getBigUint64(CPU + ICOUNT, true),
    page: (n) => u8.subarray(address[n] as number, (address[n] as number) + PAGE),
  };
}

function runsThatDiffer(is: Uint8Array, wanted: Uint8Array, from: number): Patch[] {
  const runs: Patch[] = [];
  for (let i = 0; i < is.length; i++) {
    if (is[i] === wanted[from + i]) continue;
    let end = i + 1;
    while (end < is.length && is[end] !== wanted[from + end]) end++;
    runs.push({ offset: from + i, bytes: is.slice(i, end) });
    i = end;
  }
  return runs;
}

/** Answers the frame of the top table. */
function layPageTables(engine: Engine, machine: Machine): number {
  const { mem } = engine;
  let next = FIRST_TABLE;
  const table = (): number => {
    const mfn = next++;
    if (mem.writeAddress(mfn) === 0) throw new Error("no slot for a page table");
    return mfn;
  };
  const entry = (mfn: number, index: number): number => mem.writeAddress(mfn) + 8 * index;
  const top = table();
  for (const m of machine.mappings) {
    for (let n = 0; n < m.pages; n++) {
      const va = m.va + BigInt(n * PAGE);
      let mfn = top;
      for (const shift of [39n, 30n, 21n]) {
        const at = entry(mfn, Number((va >> shift) & 511n));
        const there = mem.view.getBigUint64(at, true);
        if (there !== 0n) mfn = Number((there >> 12n) & 0xffffffffffn);
        else {
          mfn = table();
          mem.view.setBigUint64(at, (BigInt(mfn) << 12n) | PRESENT | WRITABLE | USER | ACCESSED_DIRTY, true);
        }
      }
      const flags =
        PRESENT |
        USER |
        ACCESSED_DIRTY |
        (m.access & WRITE ? WRITABLE : 0n) |
        (m.access & EXECUTE ? 0n : NO_EXECUTE);
      const at = entry(mfn, Number((va >> 12n) & 511n));
      mem.view.setBigUint64(at, (BigInt(FIRST_FRAME + m.page + n) << 12n) | flags, true);
    }
  }
  return top;
}
