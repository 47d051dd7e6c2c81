/** A line of text being edited, with the keys of bash and Emacs. */
import { BACKSPACE, control } from "./keys.ts";

export class EditLine {
  #chars: string[];
  #at: number;
  #killed: string[] = [];
  readonly #longest: number;

  constructor(text = "", longest = 1600) {
    this.#chars = [...text];
    this.#at = this.#chars.length;
    this.#longest = longest;
  }

  get text(): string {
    return this.#chars.join("");
  }

  set text(text: string) {
    this.#chars = [...text];
    this.#at = this.#chars.length;
  }

  /** What stands before the cursor. */
  get before(): string {
    return this.#chars.slice(0, this.#at).join("");
  }

  get cursor(): number {
    return this.#at;
  }

  set cursor(at: number) {
    this.#at = Math.max(0, Math.min(at, this.#chars.length));
  }

  get length(): number {
    return this.#chars.length;
  }

  insert(text: string): void {
    const chars = [...text].slice(0, Math.max(0, this.#longest - this.#chars.length));
    this.#chars.splice(this.#at, 0, ...chars);
    this.#at += chars.length;
  }

  /** Takes out what stands between the cursor and `to`. */
  #kill(to: number): void {
    const from = Math.min(this.#at, to);
    this.#killed = this.#chars.splice(from, Math.abs(to - this.#at));
    this.#at = from;
  }

  /** False: the key means nothing here. */
  press(key: string): boolean {
    switch (key) {
      case "left":
      case control("B"):
        this.cursor = this.#at - 1;
        return true;
      case "right":
      case control("F"):
        this.cursor = this.#at + 1;
        return true;
      case "home":
      case control("A"):
        this.#at = 0;
        return true;
      case "end":
      case control("E"):
        this.#at = this.#chars.length;
        return true;
      case BACKSPACE:
        if (this.#at > 0) this.#chars.splice(--this.#at, 1);
        return true;
      case "delete":
      case control("D"):
        this.#chars.splice(this.#at, 1);
        return true;
      case control("K"):
        this.#kill(this.#chars.length);
        return true;
      case control("U"):
        this.#kill(0);
        return true;
      case control("W"):
        this.#kill(this.before.replace(/\S+\s*$/u, "").length);
        return true;
      case control("Y"):
        this.insert(this.#killed.join(""));
        return true;
      default:
        if ([...key].length !== 1 || key < " ") return false;
        this.insert(key);
        return true;
    }
  }
}
