/** A list of which a window is seen, one of its lines chosen: the menu, and an entry's lines. */
import { control } from "./keys.ts";

export class List {
  readonly #seen: number;
  size: number;
  /** Index of the line that is highlighted. */
  chosen: number;
  /** Index of the first that is seen. */
  first = 0;

  /** `seen`: lines of the window. */
  constructor(size: number, chosen: number, seen: number) {
    this.#seen = seen;
    this.size = size;
    this.chosen = chosen;
    this.choose(chosen);
  }

  choose(index: number): void {
    this.chosen = Math.max(0, Math.min(index, this.size - 1));
    if (this.chosen < this.first) this.first = this.chosen;
    if (this.chosen >= this.first + this.#seen) this.first = this.chosen - this.#seen + 1;
  }

  get hasAbove(): boolean {
    return this.first > 0;
  }

  get hasBelow(): boolean {
    return this.first + this.#seen < this.size;
  }

  /** False: the key means nothing here. */
  press(key: string): boolean {
    switch (key) {
      case "up":
      case "^":
      case control("P"):
        this.choose(this.chosen - 1);
        return true;
      case "down":
      case "v":
      case control("N"):
        this.choose(this.chosen + 1);
        return true;
      case "home":
      case control("A"):
        this.choose(0);
        return true;
      case "end":
      case control("E"):
        this.choose(this.size - 1);
        return true;
      case "pageup":
        this.choose(this.chosen - this.#seen);
        return true;
      case "pagedown":
        this.choose(this.chosen + this.#seen);
        return true;
      default:
        return false;
    }
  }
}
