// The engine's own part of the vCPU block and of low memory: addresses only.
//
//   0x0010_0000  vCPU states, MAX_VCPUS × CPU_SIZE
//   0x0018_0000  scratch: bounce buffers, the probe's snapshot, records of a single step
//   0x0020_0000  TLB sets, two a vCPU (PV kernel, PV user)
//   0x0140_0000  blocks of records
//   0x0690_0000  SLOT_MFN, FREE_SLOTS, SLOT_BLOCKS: u32 a slot
//   0x0750_0000  hash of blocks by address, then the cache of jump targets, then the regions
//
// Compiled by TypeScript too (translate/): only `export const NAME: u32 = number` may stand here.

import { CPU, ENGINE_BASE, SLOT_BASE, SLOT_OF } from "../layout.ts";

/** Host addresses from here on are guest memory; below: bounce buffers and the like. */
export const SLOTS: u32 = SLOT_BASE;

export const MAX_VCPUS: u32 = 256;
export const STATES: u32 = ENGINE_BASE;

export const SCRATCH: u32 = 0x0018_0000;
/** Reads that cross a page, up to 512 bytes. */
export const BOUNCE_R: u32 = SCRATCH;
/** Writes that cross a page, or that are probed. */
export const BOUNCE_W: u32 = SCRATCH + 0x400;
/** What a probed store would have written. */
export const PROBED: u32 = SCRATCH + 0x800;
/** The vCPU block as it was before a probe. */
export const SNAPSHOT: u32 = SCRATCH + 0x1000;
/** Block of one instruction, for single steps. */
export const STEP_BLOCK: u32 = SCRATCH + 0x2000;
/** Bytes of an instruction that crosses a page. */
export const FETCH: u32 = SCRATCH + 0x2800;
/** Gen and write epoch of each TLB set: u32 each. */
export const SET_META: u32 = SCRATCH + 0x3000;
/** u8 a vCPU: in use. */
export const VCPU_USED: u32 = SCRATCH + 0x5000;
/** For tests: bytes to decode. */
export const DECODE_BUFFER: u32 = SCRATCH + 0x6000;

export const TLBS: u32 = 0x0020_0000;
export const TLB_SET: u32 = 0x9000;
/** 16-byte entries {u64 page | SLOW?, u32 addend, u32 slot}: 1024 read, 1024 write, 256 execute. */
export const TLB_W: u32 = 0x4000;
export const TLB_X: u32 = 0x8000;

export const BLOCKS: u32 = 0x0140_0000;
export const BLOCKS_END: u32 = SLOT_OF;

export const SLOT_MFN: u32 = 0x0690_0000;
export const FREE_SLOTS: u32 = 0x06d0_0000;
export const SLOT_BLOCKS: u32 = 0x0710_0000;
export const HASH: u32 = 0x0750_0000;
export const HASH_BITS: u32 = 19;
export const JUMPS: u32 = 0x0770_0000;
export const JUMPS_MASK: u32 = 0x3fff;
/** Translated regions: see regions.ts. */
export const REGIONS: u32 = 0x0780_0000;

// ── in the vCPU block ──

/** Lazy flags: see flags.ts. */
export const F_A: u32 = CPU + 0x410;
export const F_B: u32 = CPU + 0x418;
export const F_C: u32 = CPU + 0x420;
/** u8 kind, u8 shift, 0, 0 */
export const F_KIND: u32 = CPU + 0x428;
/** u64 virtual address of the page that the running block starts in. */
export const PAGE_VA: u32 = CPU + 0x430;
/** The same plus 0x2000: base of RIP-relative operands whose displacement would overflow 32 bits. */
export const PAGE_VA_HIGH: u32 = CPU + 0x438;
/** u64 address made by a MICRO record for the one behind it. */
export const TMP_EA: u32 = CPU + 0x440;
/** u64 always 0. */
export const ZERO: u32 = CPU + 0x448;
/** u64 instruction count at which the budget is used up. */
export const DEADLINE: u32 = CPU + 0x450;
/** i32 budget left at the start of the running block, while a handler outside the main loop runs. */
export const LEFT: u32 = CPU + 0x458;
/** u32 EXIT_* of the stop under way. */
export const EXIT: u32 = CPU + 0x45c;
/** u32 TLB set in force, and its generation. */
export const TLB: u32 = CPU + 0x460;
export const GEN: u32 = CPU + 0x464;
/** i32 LEFT when the last region was left; -2^31 before the first one of a run. */
export const REGION_LEFT: u32 = CPU + 0x46c;
/** u32 the #GP raised is for a non-canonical address: #SS if the record says stack. */
export const NON_CANONICAL: u32 = CPU + 0x468;
