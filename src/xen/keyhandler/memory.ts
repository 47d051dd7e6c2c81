/** `m`, `H`, `u`: free memory. This machine has one node, and zones by the highest bit of a frame's address as Xen has. */
import { PAGE_SHIFT } from "../../abi/types.ts";
import type { Domain } from "../domain/domain.ts";
import type { Machine } from "../machine.ts";

/** Xen's zone of a frame: `fls(mfn)`. */
const ZONES = 41;
const KIB_PER_PAGE = 4;
/** `dma_bitsize`: frames below 4 GiB. */
const DMA_BITS = 32;

/** Free frames by zone; those that wait for a TLB flush are free to whoever asks. */
function freeByZone(machine: Machine): number[] {
  machine.frames.drain();
  const zones = new Array<number>(ZONES).fill(0);
  for (let zone = 1; zone < ZONES; zone++) {
    const first = 2 ** (zone - 1);
    if (first >= machine.frames.total) break;
    zones[zone] = machine.frames.freeIn(first, Math.min(first * 2, machine.frames.total));
  }
  return zones;
}

export function dumpMemory(machine: Machine): void {
  const { log } = machine;
  const zones = freeByZone(machine);
  const kib = (pages: number): string => `${pages * KIB_PER_PAGE}kB free`;
  log("Physical memory information:");
  log(`    Xen heap: ${kib(zones[0] ?? 0)}`);
  let total = 0;
  for (let zone = 1; zone < ZONES; zone++) {
    if (zone + PAGE_SHIFT === DMA_BITS) {
      log(`    DMA heap: ${kib(total)}`);
      total = 0;
    }
    const free = zones[zone] ?? 0;
    total += free;
    if (free > 0) log(`    heap[${String(zone).padStart(2, "0")}]: ${kib(free)}`);
  }
  log(`    Dom heap: ${kib(total)}`);
}

export function dumpHeap(machine: Machine, key: string): void {
  machine.log(`'${key}' pressed -> dumping heap info (now = ${machine.time.now()})`);
  freeByZone(machine).forEach((pages, zone) => {
    machine.log(`heap[node=0][zone=${zone}] -> ${pages} pages`);
  });
}

export function dumpNuma(machine: Machine, key: string): void {
  const { log, frames, sched } = machine;
  log(`'${key}' pressed -> dumping numa info (now = ${machine.time.now()})`);
  log(`NODE0 start->0 size->${frames.total} free->${frames.freePages()}`);
  const pcpus = sched.pcpus.length;
  log(`CPU0${pcpus > 1 ? `...${pcpus - 1}` : ""} -> NODE0`);
  log("Memory location of each domain:");
  for (const domain of inOrder(machine)) {
    log(`Domain ${domain.domid} (total: ${domain.memory.totPages}):`);
    log(`    Node 0: ${domain.memory.totPages}`);
  }
}

/** By id, as Xen's list is. */
export const inOrder = (machine: Machine): Domain[] =>
  [...machine.domains.values()].sort((a, b) => a.domid - b.domid);
