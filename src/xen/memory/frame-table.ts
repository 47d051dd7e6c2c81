/** Placeholder until the memory room stands. */
export interface FrameTable {
  readonly total: number;
}
