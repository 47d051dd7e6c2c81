/**
 * The small machine that every case runs in, on the processor as on the engine: one arena of eight pages, seen at
 * fixed addresses.
 *
 *   0x10000000  CODE  C0 C1          read, execute; every byte an int3 but for the instruction under test
 *   0x10010000  DATA  D0 D1          read, write
 *   0x10012000        D2             read
 *   0x10013000        -              nothing
 *   0x10014000        D3             read, write
 *   0x10020000  STACK S0 S1          read, write
 *   0x7abc12340000    DATA again: the same pages, where no 32-bit address reaches
 *
 * Around each of them lies nothing.
 */
import { createRandom } from "./prng.ts";

export const PAGE = 4096;
export const READ = 4;
export const WRITE = 2;
export const EXECUTE = 1;

export interface Mapping {
  readonly va: bigint;
  /** First page in the arena. */
  readonly page: number;
  readonly pages: number;
  /** READ | WRITE | EXECUTE */
  readonly access: number;
}

export const CODE = 0x10000000n;
export const CODE_SIZE = 2 * PAGE;
export const DATA = 0x10010000n;
export const STACK = 0x10020000n;
export const STACK_SIZE = 2 * PAGE;
const HIGH = 0x7abc12340000n;
/** Add to an address in DATA to reach the same byte from far away. */
export const TO_HIGH = HIGH - DATA;
const ARENA_PAGES = 8;

export const MAPPINGS: readonly Mapping[] = [
  { va: CODE, page: 0, pages: 2, access: READ | EXECUTE },
  { va: DATA, page: 2, pages: 2, access: READ | WRITE },
  { va: DATA + 0x2000n, page: 4, pages: 1, access: READ },
  { va: DATA + 0x4000n, page: 5, pages: 1, access: READ | WRITE },
  { va: STACK, page: 6, pages: 2, access: READ | WRITE },
  { va: HIGH, page: 2, pages: 2, access: READ | WRITE },
  { va: HIGH + 0x2000n, page: 4, pages: 1, access: READ },
  { va: HIGH + 0x4000n, page: 5, pages: 1, access: READ | WRITE },
];

/** A machine for the recorder and the replayer: memory as it is before every case, and where it is seen. */
export interface Machine {
  readonly arena: Uint8Array;
  readonly mappings: readonly Mapping[];
}

export const INT3 = 0xcc;

export function createMachine(): Machine {
  const arena = new Uint8Array(ARENA_PAGES * PAGE).fill(INT3, 0, CODE_SIZE);
  const rng = createRandom(1, "arena");
  for (let i = CODE_SIZE; i < arena.length; i++) arena[i] = rng.u32();
  return { arena, mappings: MAPPINGS };
}

/** Offset in the arena of the byte at this address; -1 where nothing is. */
export function arenaOffset(va: bigint): number {
  for (const m of MAPPINGS) {
    const offset = va - m.va;
    if (offset >= 0n && offset < BigInt(m.pages * PAGE)) return m.page * PAGE + Number(offset);
  }
  return -1;
}
