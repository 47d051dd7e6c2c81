/**
 * The demo that Mini-OS is when nothing is linked to it (extras/mini-os/kernel.c of Xen 3.3): what it found at boot, its
 * xenstore nodes, the time every second; and each disk that it was given is read from end to end, or, where it may write,
 * written with patterns which are read again.
 *
 *   extra="seconds=5"     stops by itself after so many seconds
 */
import { SECTOR_SIZE, VDISK_READONLY } from "../../abi/io/blkif.ts";
import { printBanner } from "../minios/banner.ts";
import { type Blkfront, BlkfrontError, listVbds, openBlkfront } from "../minios/blkfront.ts";
import type { MiniOs } from "../minios/kernel.ts";
import { sleep, type Thread } from "../minios/threads.ts";

const SECOND = 1_000_000_000;
/** Sectors of one read or write. */
const STRIDE = 64;
/** Sectors of a disk that are looked at in one round. */
const ROUND = 4096;

export function* miniOsDemo(os: MiniOs): Thread<number> {
  printBanner(os);
  for (const node of (yield* os.xenbus.directory("device")) ?? []) os.console.print(`device/${node}\n`);
  for (const devid of yield* listVbds(os)) os.createThread("blkfront", diskThread(os, devid));
  const seconds = Number(/(?:^| )seconds=(\d+)/.exec(os.start.cmdline)?.[1] ?? Number.POSITIVE_INFINITY);
  for (let second = 0; second < seconds; second++) {
    const now = os.now();
    os.console.print(
      `T(s=${Math.floor(now / SECOND)} us=${Math.floor((now % SECOND) / 1000)}) free pages: ${os.memory.freePages}\n`,
    );
    yield* sleep(os, SECOND);
  }
  return 0;
}

function* diskThread(os: MiniOs, devid: number): Thread<void> {
  try {
    const disk = yield* openBlkfront(os, devid);
    const readonly = (disk.info.info & VDISK_READONLY) !== 0;
    os.console.print(
      `vbd ${devid}: ${disk.info.sectors} sectors of ${SECTOR_SIZE}, ${readonly ? "read-only" : "read/write"}\n`,
    );
    yield* readonly ? readAll(os, disk) : exercise(os, disk);
  } catch (error) {
    if (!(error instanceof BlkfrontError)) throw error;
    os.console.print(`${error.message}\n`);
  }
}

/** Reads the disk's beginning over and over, and says how much it was. */
function* readAll(os: MiniOs, disk: Blkfront): Thread<void> {
  for (;;) {
    const before = os.now();
    const sectors = Math.min(disk.info.sectors, ROUND);
    for (let at = 0; at < sectors; at += STRIDE) yield* disk.read(at, Math.min(STRIDE, sectors - at));
    const nanos = os.now() - before;
    os.console.print(`vbd ${disk.devid}: read ${sectors} sectors in ${Math.round(nanos / 1000)} us\n`);
    yield* sleep(os, SECOND);
  }
}

/** Every sector gets a pattern that tells where it is; a sector that reads otherwise is told. */
function* exercise(os: MiniOs, disk: Blkfront): Thread<void> {
  for (let round = 0; ; round++) {
    const sectors = Math.min(disk.info.sectors, ROUND);
    let wrong = 0;
    for (let at = 0; at < sectors; at += STRIDE) {
      const count = Math.min(STRIDE, sectors - at);
      yield* disk.write(at, pattern(at, count, round));
    }
    yield* disk.flush();
    for (let at = 0; at < sectors; at += STRIDE) {
      const count = Math.min(STRIDE, sectors - at);
      const expected = pattern(at, count, round);
      const found = yield* disk.read(at, count);
      if (found.some((byte, i) => byte !== expected[i])) wrong++;
    }
    os.console.print(
      `vbd ${disk.devid}: round ${round}: ${sectors} sectors written and read, ${wrong} wrong\n`,
    );
    yield* sleep(os, SECOND);
  }
}

function pattern(sector: number, count: number, round: number): Uint8Array {
  const words = new Uint32Array((count * SECTOR_SIZE) / 4);
  for (let i = 0; i < words.length; i++) words[i] = (sector + ((i * 4) >>> 9)) ^ (round << 24) ^ i;
  return new Uint8Array(words.buffer);
}
