/**
 * The engine on integer work (workload.c): guest instructions a second of host CPU time, beside the figures of engine.md §2.
 * CPU time is the process's: V8 compiles the interpreter's hot code on other threads during the first repetition.
 */
import { createEngine } from "../src/cpu/engine.ts";
import {
  CPL,
  CPU,
  CR0,
  CR3,
  EFER,
  EXIT_BUDGET,
  EXIT_SYSCALL,
  ICOUNT,
  RAX,
  RDI,
  RFLAGS,
  RIP,
  RSP,
} from "../src/cpu/layout.ts";
import { coreModule } from "../src/host/core-wasm.ts";
import { WORKLOAD } from "./workload.ts";

const PAGE = 4096;
const LOAD_AT = 0x40_0000;
const STACK_TOP = 0x80_0000;
const FIRST_FRAME = 0x100;
/** Code, 512 KiB of data, the stack: all that lies from LOAD_AT to STACK_TOP. */
const PAGES = (STACK_TOP - LOAD_AT) / PAGE;
const USER = 7n;
const SLICE = 100_000;

export interface Outcome {
  readonly checksum: number;
  readonly instructions: number;
  readonly cpuSeconds: number;
}

/** Runs the workload so many times over, in slices. */
export function runWorkload(repetitions: number, slice = SLICE, translate = true): Outcome {
  const engine = createEngine({ core: coreModule(), memoryPages: 8192, translate });
  const { mem } = engine;
  const table = (mfn: number, index: number, to: number) =>
    mem.view.setBigUint64(mem.writeAddress(mfn) + 8 * index, (BigInt(to) << 12n) | USER, true);
  table(1, 0, 2);
  table(2, 0, 3);
  for (let i = 0; i < PAGES; i++) {
    const va = LOAD_AT + i * PAGE;
    const l1 = 4 + (va >>> 21);
    table(3, va >>> 21, l1);
    table(l1, (va >>> 12) & 511, FIRST_FRAME + i);
  }
  const code = Buffer.from(WORKLOAD, "base64");
  mem.u8.set(code, mem.writeAddress(FIRST_FRAME));
  engine.select(engine.createVcpu());
  const set = (offset: number, value: bigint) => mem.view.setBigUint64(CPU + offset, value, true);
  mem.view.setUint32(CPU + CPL, 3, true);
  set(CR0, 0x8005_0033n);
  set(CR3, 1n << 12n);
  set(EFER, 0xd01n);
  set(RFLAGS, 0x202n);
  set(RIP, BigInt(LOAD_AT));
  set(RSP, BigInt(STACK_TOP));
  set(RDI, BigInt(repetitions));

  const before = process.cpuUsage();
  let exit = EXIT_BUDGET;
  while (exit === EXIT_BUDGET) exit = engine.run(slice);
  const { user, system } = process.cpuUsage(before);
  if (exit !== EXIT_SYSCALL) throw new Error(`the workload stopped with exit ${exit}`);
  return {
    checksum: mem.view.getUint32(CPU + RAX, true),
    instructions: Number(mem.view.getBigUint64(CPU + ICOUNT, true)),
    cpuSeconds: (user + system) / 1e6,
  };
}

const mips = (o: Outcome) => (o.instructions / o.cpuSeconds / 1e6).toFixed(0);

function show(what: string, translate: boolean, repetitions: number): void {
  const outcome = runWorkload(repetitions, SLICE, translate);
  console.log(
    `${what} ${mips(outcome)} M instructions/s, ${outcome.cpuSeconds.toFixed(2)} s, checksum ${outcome.checksum}`,
  );
}

/** CPU time is that of all threads: compiling counts. */
export function run(): void {
  show("1 repetition, cold           ", true, 1);
  for (let i = 0; i < 3; i++) {
    show("10 repetitions, interpreted  ", false, 10);
    show("10 repetitions, translated   ", true, 10);
  }
  show("100 repetitions, translated  ", true, 100);
}
