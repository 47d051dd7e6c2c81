/** Chains of clusters: the table's entry of each names the next. */
import { viewOf } from "../../disk-bytes.ts";
import { corrupt, type Reading } from "../../disk-reading.ts";
import type { OpenFile } from "../file-system.ts";
import { openRuns } from "../runs.ts";
import type { FatVolume } from "./layout.ts";

/** Bytes of the table that are read at a time; a multiple of 3, so that no entry of 12 bits crosses the border. */
const PIECE = 3 * 4096;

/** The entry of `cluster`. */
function* nextOf(volume: FatVolume, cluster: number): Reading<number> {
  const { bits, bytes, tableAt, tableSize } = volume;
  const at = Math.floor((cluster * bits) / 8);
  const start = Math.floor(at / PIECE) * PIECE;
  const piece = yield* bytes.structure(tableAt + start, Math.min(PIECE, tableSize - start), "the FAT");
  const view = viewOf(piece);
  if (bits === 32) return view.getUint32(at - start, true) & 0x0fff_ffff;
  const word = view.getUint16(at - start, true);
  if (bits === 16) return word;
  return cluster % 2 === 0 ? word & 0xfff : word >>> 4;
}

/** Neighbouring clusters: [file's first, first on the disk, count]. */
type Stretch = readonly [number, number, number];

/**
 * The chain from `first` on, read as far as it is asked for. One that leads back into itself is found before it has gone
 * round twice (Brent's cycle detection: a mark is left at every power of two).
 */
class Chain {
  readonly #volume: FatVolume;
  readonly #stretches: Stretch[] = [];
  #length = 0;
  /** The cluster that comes next; undefined behind the end. */
  #next: number | undefined;
  #mark = 0;
  #markAt = 1;

  constructor(volume: FatVolume, first: number) {
    this.#volume = volume;
    this.#next = first;
  }

  /** The stretch that holds the chain's cluster number `index`; undefined when it ends before. */
  *find(index: number): Reading<Stretch | undefined> {
    while (this.#length <= index) {
      if (this.#next === undefined) return undefined;
      yield* this.#extend();
    }
    let low = 0;
    let high = this.#stretches.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >>> 1;
      if ((this.#stretches[middle]?.[0] ?? 0) <= index) low = middle;
      else high = middle - 1;
    }
    return this.#stretches[low];
  }

  /** Adds one stretch. */
  *#extend(): Reading<void> {
    const volume = this.#volume;
    const end = (1 << Math.min(volume.bits, 28)) - 8;
    const first = this.#next ?? 0;
    let cluster = first;
    for (let count = 1; ; count++) {
      volume.bytes.work.step();
      if (cluster < 2 || cluster >= volume.clusters + 2)
        corrupt(`a chain of clusters leads to ${cluster}, but they are 2 to ${volume.clusters + 1}`);
      if (cluster === this.#mark || this.#length + count > volume.clusters)
        corrupt("a chain of clusters leads back into itself");
      if (this.#length + count === this.#markAt) {
        this.#mark = cluster;
        this.#markAt *= 2;
      }
      const next = yield* nextOf(volume, cluster);
      if (next === cluster + 1) {
        cluster = next;
        continue;
      }
      this.#stretches.push([this.#length, first, count]);
      this.#length += count;
      this.#next = next >= end ? undefined : next;
      return;
    }
  }
}

/** The first `size` bytes of the chain; with an unknown size (a directory) see {@link readChain}. */
export function openChain(volume: FatVolume, first: number, size: number): OpenFile {
  const chain = new Chain(volume, first);
  const { clusterSize, dataAt } = volume;
  return openRuns(volume.bytes, size, function* (offset) {
    const index = Math.floor(offset / clusterSize);
    const stretch = yield* chain.find(index);
    if (stretch === undefined) corrupt(`a chain of clusters ends after ${index}, before its file does`);
    const [start, disk, count] = stretch;
    const into = offset - start * clusterSize;
    return { disk: dataAt + (disk - 2) * clusterSize + into, length: count * clusterSize - into };
  });
}

/** The places of a directory's clusters, in order, up to `most` bytes. */
export function* chainPlaces(volume: FatVolume, first: number, most: number): Reading<number[]> {
  const chain = new Chain(volume, first);
  const { clusterSize, dataAt } = volume;
  const out: number[] = [];
  for (let index = 0; index * clusterSize < most; index++) {
    volume.bytes.work.step();
    const stretch = yield* chain.find(index);
    if (stretch === undefined) break;
    out.push(dataAt + (stretch[1] + index - stretch[0] - 2) * clusterSize);
  }
  return out;
}
