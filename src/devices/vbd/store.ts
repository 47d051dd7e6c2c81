/**
 * What lies behind a virtual block device: an image that answers later. Whoever opens the image (host/) makes one; the back
 * end knows nothing of files and formats.
 */

/** Sectors are of 512 bytes. */
export type StoreRequest =
  | { readonly op: "read"; readonly sector: number; readonly count: number }
  | { readonly op: "write"; readonly sector: number; readonly bytes: Uint8Array }
  /** What has been answered before this is on the disk when it is answered. */
  | { readonly op: "flush" }
  /** The sectors' content is of no more interest; they read as zeros or as before. */
  | { readonly op: "discard"; readonly sector: number; readonly count: number };

/** `bytes`: of a read. */
export type StoreAnswer = { readonly ok: true; readonly bytes?: Uint8Array } | { readonly ok: false };

export interface BlockStore {
  readonly sectors: number;
  readonly readonly: boolean;
  /** Bytes that a discard should be aligned to; 0: discards are not taken. */
  readonly discardGranularity: number;
  /** Answered at a scheduling point of virtual time, not before the call returns. Requests in flight are in no order. */
  submit(request: StoreRequest, answer: (answer: StoreAnswer) => void): void;
  /** Nothing is submitted afterwards; requests in flight are still answered. */
  close(): void;
}
