/** Damages an image in thousands of ways: a reader must end, within its work, in an answer or a fault and nothing else. */
import { expect } from "vitest";
import type { DiskBytes } from "../../../src/image/disk-bytes.ts";
import { attempt, type Reading } from "../../../src/image/disk-reading.ts";
import type { FileSystem } from "../../../src/image/fs/file-system.ts";
import { MIB, memoryDisk } from "../disks.ts";

/** `repair` may touch the block of 4 KiB around a damaged sector. */
const BLOCK = 4096;

type Opener = (bytes: DiskBytes) => Reading<FileSystem | undefined>;

/** Opens, lists down to some depth, reads every file's start and every symlink, follows each. */
function* everything(fs: FileSystem, path: string, depth: number): Reading<number> {
  const entries = yield* attempt(fs.list(path));
  if (!entries.ok) return 0;
  let count = 0;
  for (const { name } of entries.value.slice(0, 40)) {
    const at = `${path}/${name}`;
    const stat = yield* attempt(fs.stat(at, false));
    if (!stat.ok) continue;
    count++;
    if (stat.value.type === "directory" && depth > 0) count += yield* everything(fs, at, depth - 1);
    else if (stat.value.type === "symlink") {
      yield* attempt(fs.readlink(at));
      yield* attempt(fs.stat(at));
    } else {
      const file = yield* attempt(fs.open(at));
      if (!file.ok) continue;
      yield* attempt(file.value.read(0, 100_000));
      yield* attempt(file.value.read(Math.floor(file.value.size / 2), 5000));
      yield* attempt(file.value.read(file.value.size - 100, 200));
    }
  }
  return count;
}

/**
 * `rounds` damages of 1 to 8 spots each. `repair` is called on the damaged image: it may mend checksums, so that the damage
 * gets past them.
 */
export function damage(
  whole: Uint8Array,
  open: Opener,
  rounds: number,
  repair: (image: Uint8Array, at: number) => void = () => {},
): void {
  const sectors: number[] = [];
  for (let at = 0; at + 512 <= whole.length; at += 512)
    if (whole.subarray(at, at + 512).some((byte) => byte !== 0)) sectors.push(at);
  let x = 88172645;
  const chance = (below: number): number => {
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    return (x >>> 0) % below;
  };
  const pristine = whole.slice();
  let survived = 0;
  let slowest = 0;
  for (let round = 0; round < rounds; round++) {
    const touched: number[] = [];
    for (let n = 1 + chance(8); n > 0; n--) {
      // Half of it near the front, where the structures are.
      const sector = sectors[chance(chance(2) === 0 ? Math.min(sectors.length, 64) : sectors.length)] ?? 0;
      const at = sector + (chance(2) === 0 ? chance(64) : chance(512));
      touched.push(sector);
      const kind = chance(6);
      if (kind === 0) whole[at] = chance(256);
      else if (kind === 1) whole[at] = (whole[at] ?? 0) ^ (1 << chance(8));
      else if (kind === 2) whole.fill(0xff, at, Math.min(at + 4, sector + 512));
      else if (kind === 3) whole.fill(0, at, Math.min(at + 4, sector + 512));
      else if (kind === 4) whole[at] = (whole[at] ?? 0) + 1;
      else {
        const from = sectors[chance(sectors.length)] ?? 0;
        whole.copyWithin(sector, from, from + 512);
      }
    }
    for (const sector of touched) repair(whole, sector);
    const disk = memoryDisk(whole, { steps: 50_000, bytes: 16 * MIB });
    const start = performance.now();
    const out = disk.try(
      (function* () {
        const fs = yield* open(disk.bytes);
        return fs === undefined ? 0 : yield* everything(fs, "", 4);
      })(),
    );
    slowest = Math.max(slowest, performance.now() - start);
    if (out.ok && out.value > 0) survived++;
    for (const sector of touched) {
      const block = sector - (sector % BLOCK);
      whole.set(pristine.subarray(block, block + BLOCK), block);
    }
  }
  // Damage that no image survives would test nothing but the first check.
  expect(survived).toBeGreaterThan(rounds / 20);
  expect(slowest).toBeLessThan(3000);
}
