// The engine's entry: what src/cpu/engine.ts calls. 64-bit values pass through memory or as two halves.

import { fpuReset } from "./fpu/fpu";
import {
  CPU, CPU_SIZE, EXIT_BUDGET, EXIT_FAULT, EXIT_STORE, FPU, ICOUNT, MXCSR, PV_USER, RFLAGS, RIP, SLOT_HAS_CODE, SLOT_PROTECTED,
  DR0, VCPU_INDEX, X_ERROR, X_VECTOR,
} from "../layout";
import { blockBytes, blockEpoch, flushBlocks, jumpTarget, knownBlock, lookup, relink, stepBlock } from "./blocks";
import { decode, undefinedOpcode } from "./decode";
import { exec } from "./exec";
import { foldFlags, TF, unfoldFlags } from "./flags";
import {
  answerPart, DB, flushEverything, flushPage, flushVcpu, forgetProbe, keepProbe, nextPart, noteStore, PF, probedSize, raise,
  setProbing, translate as translateVa, translatedFrame, useSet,
} from "./mmu";
import { EXIT_RECHECK } from "./slow";
import { initSlots, releaseFrame, setSlotFlags, slotFlags, slotsFree, slotToRead, slotToWrite } from "./slots";
import { DEADLINE, DECODE_BUFFER, EXIT, MAX_VCPUS, REGION_LEFT, SNAPSHOT, STATES, STEP_BLOCK, VCPU_USED } from "./state";

export { blockBytes, flushBlocks, releaseFrame, slotsFree, slotToWrite, translatedFrame };
export { dropRegions, installRegion, regionCarry, regionCondition, regionFlags, regionRead, regionStep, regionWrite } from "./regions";

/** `pages`: 4 KiB pages of the memory. To be called once. */
export function init(pages: u32): void {
  initSlots(pages);
}

// ── vCPUs ──

let loaded: u32 = 0xffffffff;

// @ts-ignore: decorator
@inline function stateOf(vcpu: u32): u32 {
  return STATES + vcpu * CPU_SIZE;
}

/** Index of a new vCPU, -1 if there are too many. */
export function createVcpu(): i32 {
  for (let v: u32 = 0; v < MAX_VCPUS; v++) {
    if (load<u8>(VCPU_USED + v)) continue;
    store<u8>(VCPU_USED + v, 1);
    const at = stateOf(v);
    memory.fill(at, 0, CPU_SIZE);
    store<u32>(at + VCPU_INDEX, v);
    store<u64>(at + RFLAGS, 2);
    fpuReset(at);
    flushVcpu(v);
    return v;
  }
  return -1;
}

export function destroyVcpu(vcpu: u32): void {
  store<u8>(VCPU_USED + vcpu, 0);
  if (loaded == vcpu) loaded = 0xffffffff;
}

export function select(vcpu: u32): void {
  if (vcpu == loaded) return;
  if (loaded != 0xffffffff) memory.copy(stateOf(loaded), CPU, CPU_SIZE);
  memory.copy(CPU, stateOf(vcpu), CPU_SIZE);
  loaded = vcpu;
}

export function stateAddress(vcpu: u32): u32 {
  return vcpu == loaded ? CPU : stateOf(vcpu);
}

// ── running ──

/** What finishStore would finish: 0 nothing, 1 an EXIT_STORE, 2 a store to a read-only page (probeStore). */
let storeUnderWay: u32 = 0;

function begin(): void {
  useSet((load<u32>(CPU + VCPU_INDEX) << 1) | (load<u32>(CPU + PV_USER) ? 1 : 0));
  unfoldFlags();
}

/** One instruction (or one iteration of a REP one). EXIT_BUDGET: it is done. */
function step(): i32 {
  begin();
  store<u64>(DEADLINE, load<u64>(CPU + ICOUNT) + 1);
  const block = stepBlock();
  let code = block ? exec(block, 1) : load<i32>(EXIT);
  if (code == EXIT_RECHECK) code = EXIT_BUDGET;
  foldFlags();
  return code;
}

/** #DB behind an instruction that began with TF set. */
function trapped(): i32 {
  raise(DB, false, 0);
  store<u64>(CPU + DR0 + 0x20, load<u64>(CPU + DR0 + 0x20) | 0x4000);
  return EXIT_FAULT;
}

function wasTracing(): bool {
  return (load<u32>(CPU + RFLAGS) & TF) != 0;
}

export function run(budget: i32): i32 {
  storeUnderWay = 0;
  store<i32>(REGION_LEFT, i32.MIN_VALUE);
  let left = budget;
  let code: i32;
  store<u32>(CPU + RFLAGS, load<u32>(CPU + RFLAGS) & ~0x10000);
  do {
    if (wasTracing()) {
      code = step();
      if (code == EXIT_BUDGET) return trapped();
      break;
    }
    begin();
    const deadline = load<u64>(CPU + ICOUNT) + left;
    store<u64>(DEADLINE, deadline);
    const block = lookup();
    code = block ? exec(block, left) : load<i32>(EXIT);
    foldFlags();
    if (code != EXIT_RECHECK) break;
    left = <i32>(deadline - load<u64>(CPU + ICOUNT));
    code = EXIT_BUDGET;
  } while (left > 0);
  if (code == EXIT_STORE) return showStore(1);
  return code;
}

/** Runs the instruction at RIP without effect to learn what it would store, and shows the first part. */
function showStore(kind: u32): i32 {
  memory.copy(SNAPSHOT, CPU, CPU_SIZE);
  forgetProbe();
  setProbing(1, kind == 2);
  const code = step();
  setProbing(0, false);
  if (code != EXIT_BUDGET) {
    // it faults for another reason; for probeStore the owner's fault stands
    if (kind == 2) memory.copy(CPU, SNAPSHOT, CPU_SIZE);
    return code;
  }
  memory.copy(CPU, SNAPSHOT, CPU_SIZE);
  if (!keepProbe() || !nextPart(kind == 2)) return EXIT_BUDGET;
  storeUnderWay = kind;
  return EXIT_STORE;
}

export function probeStore(): u32 {
  storeUnderWay = 0;
  if (load<u32>(CPU + X_VECTOR) != PF || (load<u32>(CPU + X_ERROR) & 11) != 3) return 0;
  if (showStore(2) != EXIT_STORE || probedSize() > 16) {
    storeUnderWay = 0;
    return 0;
  }
  return 1;
}

export function finishStore(answer: u32): i32 {
  if (!storeUnderWay) return EXIT_BUDGET;
  answerPart(answer);
  const readOnly = storeUnderWay == 2;
  if (nextPart(readOnly)) return EXIT_STORE;
  storeUnderWay = 0;
  const tracing = wasTracing();
  setProbing(2, readOnly);
  const code = step();
  setProbing(0, false);
  return tracing && code == EXIT_BUDGET ? trapped() : code;
}

// ── memory ──

export function flushTlb(): void {
  flushVcpu(load<u32>(CPU + VCPU_INDEX));
}

export function flushAllTlbs(): void {
  flushEverything();
}

export function invlpg(low: u32, high: u32): void {
  flushPage(load<u32>(CPU + VCPU_INDEX), <u64>low | (<u64>high << 32));
}

export function translate(low: u32, high: u32, access: u32): u32 {
  return translateVa(<u64>low | (<u64>high << 32), access);
}

export function protect(mfn: u32, on: bool): void {
  const slot = slotToWrite(mfn);
  if (!slot) return;
  const flags = slotFlags(slot);
  setSlotFlags(slot, on ? flags | SLOT_PROTECTED : flags & ~SLOT_PROTECTED);
}

export function noteWrite(mfn: u32, offset: u32, length: u32): void {
  const slot = slotToRead(mfn);
  if (slot && length && slotFlags(slot) & SLOT_HAS_CODE) noteStore(slot, offset, length);
}

// ── for the translator ──

export { knownBlock, relink };

/** Grows whenever all blocks (and regions) are forgotten. */
export function blockGeneration(): u32 {
  return blockEpoch;
}

/** The block at an address that was jumped to lately, else 0. */
export function jumpBlock(low: u32, high: u32): u32 {
  return jumpTarget(<u64>low | (<u64>high << 32));
}

/** Instructions since the last region was left, as far as the run that ended by its budget went; huge: there was none. */
export function sinceRegion(): u32 {
  const last = load<i32>(REGION_LEFT);
  if (last == i32.MIN_VALUE) return 0x7fffffff;
  return last - <i32>(load<u64>(DEADLINE) - load<u64>(CPU + ICOUNT));
}

// ── for tests ──

export function decodeBuffer(): u32 {
  return DECODE_BUFFER;
}

/** Length of the instruction in the buffer; negative: undefined (so many bytes were looked at). */
export function decodeLength(): i32 {
  const n = <i32>decode(DECODE_BUFFER, STEP_BLOCK, 0);
  return undefinedOpcode ? -n : n;
}
