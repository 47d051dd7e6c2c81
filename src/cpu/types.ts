/**
 * What the rest of the model sees of the engine. It knows memory, registers, page tables and faults, nothing of Xen.
 *
 *   engine.select(v)            load a vCPU's state at CPU (the one before is saved)
 *   cpu.u64[(CPU + RIP) >> 3]   read or write it there
 *   engine.run(budget)          execute; the answer is an EXIT_*, details in X_*
 */

/** Machine memory: frames by number, backed by 4 KiB slots from their first write on. */
export interface MachineMemory {
  readonly memory: WebAssembly.Memory;
  /** Views over all of it. They never detach: the memory is created at its maximum and never grown. */
  readonly u8: Uint8Array;
  readonly u16: Uint16Array;
  readonly u32: Uint32Array;
  readonly u64: BigUint64Array;
  readonly view: DataView;
  /** Slots that can still be handed out. */
  slotsFree(): number;
  /** Byte address of the frame's content for reading (the shared zero slot while it is untouched). */
  readAddress(mfn: number): number;
  /** Byte address for writing; the frame gets a slot if it has none. 0: no slot is left. */
  writeAddress(mfn: number): number;
  /** Gives the slot back, zeroed; decoded code in it is dropped. The caller sees to TLBs. */
  release(mfn: number): void;
  /** To be called after the owner (not the engine) wrote to a frame: drops decoded code in these bytes. */
  noteWrite(mfn: number, offset: number, length: number): void;
}

export interface Engine {
  readonly mem: MachineMemory;
  /** A new vCPU, all zero but for x87/SSE reset state. Its index stays valid until destroyed. */
  createVcpu(): number;
  destroyVcpu(vcpu: number): void;
  /** Loads this vCPU at CPU. */
  select(vcpu: number): void;
  /** Byte address of a vCPU's state: CPU while it is loaded, else where it is saved. */
  stateAddress(vcpu: number): number;
  /** Runs the loaded vCPU for at most about `budget` instructions (1..2^30; overshoot: less than one decoded block). */
  run(budget: number): number;
  /**
   * After an EXIT_FAULT #PF of a write to a present, read-only page: looks at the store as EXIT_STORE does, without effect.
   * 1: X_FRAME, X_OFFSET, X_SIZE, X_VALUE say what it would store, and `finishStore` will do it, W bit or not.
   * 0: not such a fault, or not one store of at most 16 bytes; the fault's X_* stand.
   */
  probeStore(): 0 | 1;
  /** After EXIT_STORE: finishes the instruction (STORE_COMMIT, STORE_DROP). Answers EXIT_BUDGET, or a fault
   * met later in it, or EXIT_STORE again for the next part (a store of over 16 bytes, or into two such pages). */
  finishStore(answer: number): number;
  /** Drops the loaded vCPU's TLB entries (both modes). */
  flushTlb(): void;
  /** Drops every vCPU's TLB entries. */
  flushAllTlbs(): void;
  /** Drops one page (address as two 32-bit halves) from the loaded vCPU's TLBs. */
  invlpg(vaLow: number, vaHigh: number): void;
  /** Every store to this frame from now on exits (or no longer). The caller flushes all TLBs. */
  protect(mfn: number, on: boolean): void;
  /**
   * Walks the loaded vCPU's page tables as an access would, setting A and D. Answers the byte address in machine memory,
   * or 0 with X_VECTOR, X_ERROR and X_VA as the fault would have them. ACCESS_READ, _WRITE, _EXEC.
   */
  translate(vaLow: number, vaHigh: number, access: number): number;
  /** Machine frame that the last successful `translate` ended in. */
  translatedFrame(): number;
}
