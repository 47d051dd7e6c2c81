/**
 * What Mini-OS's virtual memory can do: an array far larger than the domain, of which a few pages are written; what happens
 * when the frames run out; and what a write to a read-only page is: the end.
 */
import { PAGE_SIZE } from "../../abi/types.ts";
import { OutOfMemory } from "../minios/address-space.ts";
import type { MiniOs } from "../minios/kernel.ts";
import { schedule, type Thread } from "../minios/threads.ts";

const ARRAY_SIZE = 2 ** 30;
const PAGES = ARRAY_SIZE / PAGE_SIZE;
const EVERY = 1000;

export function* miniOsMemory(os: MiniOs): Thread<number> {
  const { space, memory, console } = os;
  console.print(`${os.start.nrPages} pages of memory, ${memory.freePages} free\n`);
  const array = space.mapZeros(ARRAY_SIZE);
  console.print(
    `an array of ${ARRAY_SIZE / 2 ** 20} MiB at 0x${array.address.toString(16)}: ${PAGES} pages, ${array.frames} frames; ${memory.freePages} free\n`,
  );

  for (let page = 0; page < PAGES; page += EVERY) {
    array.setUint32(page * PAGE_SIZE, page);
    if (page % (EVERY * 50) === 0) yield* schedule();
  }
  console.print(`every ${EVERY}th page written: ${array.frames} frames; ${memory.freePages} free\n`);

  let sum = 0;
  for (let page = 0; page < PAGES; page++) {
    sum += array.getUint32(page * PAGE_SIZE);
    if (page % 4096 === 0) yield* schedule();
  }
  console.print(`all ${PAGES} pages read: their sum is ${sum}; ${array.frames} frames\n`);

  let written = 0;
  try {
    for (; written < PAGES; written++) {
      array.setUint32(written * PAGE_SIZE, 1);
      if (written % 256 === 0) yield* schedule();
    }
  } catch (error) {
    if (!(error instanceof OutOfMemory)) throw error;
    console.print(`page ${written}: ${error.message}; ${memory.freePages} free\n`);
  }
  array.unmap();
  console.print(`the array is gone: ${memory.freePages} free\n`);

  const text = space.mapZeros(PAGE_SIZE);
  text.write(0, new TextEncoder().encode("read-only"));
  text.protect();
  console.print(
    `a read-only page at 0x${text.address.toString(16)} says "${textOf(text.read(0, 9))}"; writing to it\n`,
  );
  text.setUint8(0, 0x52);
  return 0;
}

const textOf = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);
