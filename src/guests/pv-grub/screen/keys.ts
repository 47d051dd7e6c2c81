/**
 * Keys, from the bytes that terminals send for them. A key is the character itself ("a", "\r" for Enter, "\u001b" for
 * Escape, "\b" for Backspace, "\u0001" for Control-A), or a name of two letters or more ("up", "pagedown", "f10").
 */

export const ESCAPE = "\u001b";
export const ENTER = "\r";
export const BACKSPACE = "\b";
export const TAB = "\t";
/** Control and this letter. */
export const control = (letter: string): string =>
  String.fromCharCode(letter.toUpperCase().charCodeAt(0) - 64);

/** By the last letter of "CSI letter" and "SS3 letter". */
const BY_LETTER: Readonly<Record<string, string>> = {
  A: "up",
  B: "down",
  C: "right",
  D: "left",
  F: "end",
  H: "home",
  P: "f1",
  Q: "f2",
  R: "f3",
  S: "f4",
};
/** By the number in "CSI number ~". */
const BY_NUMBER: Readonly<Record<string, string>> = {
  1: "home",
  2: "insert",
  3: "delete",
  4: "end",
  5: "pageup",
  6: "pagedown",
  7: "home",
  8: "end",
  12: "f2",
  14: "f4",
  21: "f10",
};
/** A sequence that began: it may go on. */
const UNFINISHED = /^\u001b(\[[0-9;?]*|O)?$/u;
const SEQUENCE = /^\u001b(?:\[([0-9;?]*)([@-~])|O([A-Za-z]))/u;
/** No key's sequence is longer. */
const LONGEST = 16;

export class KeyDecoder {
  readonly #decoder = new TextDecoder();
  #text = "";

  push(bytes: Uint8Array): void {
    this.#text += this.#decoder.decode(bytes, { stream: true });
  }

  /** A sequence has begun and nothing that ends it has come. */
  isUnfinished(): boolean {
    return this.#text.length < LONGEST && UNFINISHED.test(this.#text);
  }

  /** The next key; undefined: none has come whole. `late`: what is unfinished has waited long enough to be Escape. */
  next(late: boolean): string | undefined {
    for (;;) {
      if (this.#text === "" || (this.isUnfinished() && !late)) return undefined;
      const sequence = SEQUENCE.exec(this.#text);
      if (sequence === null) return this.#plain();
      const [whole, numbers = "", last = "", ss3] = sequence;
      this.#text = this.#text.slice(whole.length);
      const key =
        ss3 !== undefined
          ? BY_LETTER[ss3]
          : last === "~"
            ? BY_NUMBER[numbers.split(";")[0] ?? ""]
            : BY_LETTER[last];
      // What is no key of ours (an answer of the terminal's, say) is nothing.
      if (key !== undefined) return key;
    }
  }

  #plain(): string {
    const key = String.fromCodePoint(this.#text.codePointAt(0) ?? 0);
    this.#text = this.#text.slice(key.length);
    if (key === "\n") return ENTER;
    return key === "\u007f" ? BACKSPACE : key;
  }
}
