/**
 * `--expect RE`: watches a guest's console for a line that matches, whatever pieces the bytes come in. The match is found
 * at the same byte each time, so what is printed up to it is the same in every run.
 */

/** Of a line longer than this only the end is looked at. */
const LONGEST_LINE = 4096;
const NEWLINE = 0x0a;

export class Expectation {
  readonly #pattern: RegExp;
  #line = "";
  #met = false;

  constructor(pattern: RegExp) {
    this.#pattern = pattern;
  }

  get met(): boolean {
    return this.#met;
  }

  /** How many of the bytes are to be shown: all of them, unless the match ends among them. */
  take(bytes: Uint8Array): { readonly print: number; readonly enough: boolean } {
    for (let i = 0; i < bytes.length && !this.#met; i++) {
      const byte = bytes[i] ?? 0;
      if (byte === NEWLINE) {
        this.#line = "";
        continue;
      }
      this.#line += String.fromCharCode(byte);
      if (this.#line.length > LONGEST_LINE) this.#line = this.#line.slice(-LONGEST_LINE / 2);
      if (this.#pattern.test(this.#line)) {
        this.#met = true;
        return { print: i + 1, enough: true };
      }
    }
    return { print: this.#met ? 0 : bytes.length, enough: this.#met };
  }
}
