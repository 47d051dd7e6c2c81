/**
 * What a domain's record says of its memory. The frames themselves are in the frame table, by owner.
 */
import type { E820Entry } from "../../abi/memory.ts";
import type { HeldFrame } from "./mapped-frame.ts";

export interface DomainMemory {
  /** Frames it owns (`tot_pages`), those of a dying domain included that others still map. */
  totPages: number;
  /** Frames of Xen's that are shared with it (shared_info, grant table), those that others still map included (`xenheap_pages`). */
  heapPages: number;
  /** Its limit (`max_pages`): frames beyond it are refused. */
  maxPages: number;
  /** Frames claimed for it and not allocated yet. */
  outstandingPages: number;
  /** All of its frames lie in lowest..highest. */
  lowest: number;
  highest: number;
  /** Answer of XENMEM_memory_map; undefined until the toolstack has set it. */
  memoryMap: readonly E820Entry[] | undefined;
  /** LDT pages in use, by vCPU id, then page index: a seg_desc reference is held on each frame. */
  readonly ldtFrames: Map<number, Map<number, number>>;
  /** Frames that this domain's TypeScript has mapped, its own or others'. */
  readonly held: Set<HeldFrame>;
  /** Frames on which a typed reference is held for a while: stepwise.ts. */
  readonly prepared: number[];
  readonly releasing: number[];
  /** How far tearing down has come. */
  teardown: { stage: number; cursor: number };
  /** Called when a dying domain has lost its last frame, of either kind: only then may its id be used again. */
  onEmpty: (() => void) | undefined;
}

export const createDomainMemory = (maxPages: number): DomainMemory => ({
  totPages: 0,
  heapPages: 0,
  maxPages,
  outstandingPages: 0,
  lowest: 0xffff_ffff,
  highest: 0,
  memoryMap: undefined,
  ldtFrames: new Map(),
  held: new Set(),
  prepared: [],
  releasing: [],
  teardown: { stage: 0, cursor: 0 },
  onEmpty: undefined,
});
