/** Several frames of a front end, seen as one piece of memory: a ring of more than one page. */
import type { MappedFrame } from "../../abi/hypercall.ts";
import { PAGE_SIZE } from "../../abi/types.ts";

export class SharedPages {
  readonly #frames: readonly MappedFrame[];

  constructor(frames: readonly MappedFrame[]) {
    this.#frames = frames;
  }

  get size(): number {
    return this.#frames.length * PAGE_SIZE;
  }

  getUint32(offset: number): number {
    return this.#frame(offset).getUint32(offset % PAGE_SIZE);
  }

  setUint32(offset: number, value: number): void {
    this.#frame(offset).setUint32(offset % PAGE_SIZE, value);
  }

  /** A copy: what the other side writes later is not seen. */
  read(offset: number, length: number): Uint8Array {
    const inFirst = Math.min(length, PAGE_SIZE - (offset % PAGE_SIZE));
    const head = this.#frame(offset).read(offset % PAGE_SIZE, inFirst);
    if (inFirst === length) return head;
    const whole = new Uint8Array(length);
    whole.set(head);
    whole.set(this.read(offset + inFirst, length - inFirst), inFirst);
    return whole;
  }

  write(offset: number, bytes: Uint8Array): void {
    const inFirst = Math.min(bytes.length, PAGE_SIZE - (offset % PAGE_SIZE));
    this.#frame(offset).write(offset % PAGE_SIZE, bytes.subarray(0, inFirst));
    if (inFirst < bytes.length) this.write(offset + inFirst, bytes.subarray(inFirst));
  }

  unmap(): void {
    for (const frame of this.#frames) frame.unmap();
  }

  #frame(offset: number): MappedFrame {
    return this.#frames[Math.floor(offset / PAGE_SIZE)] as MappedFrame;
  }
}
