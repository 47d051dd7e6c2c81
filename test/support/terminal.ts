/**
 * A terminal of 80 by 24 as people have them: what a guest's console bytes look like. Knows what VT100 and its heirs have in
 * common, and refuses the rest, so that nothing unusual is sent unnoticed.
 */
interface Cell {
  text: string;
  style: string;
}

export class Terminal {
  readonly rows: number;
  readonly columns: number;
  row = 0;
  column = 0;
  cursorShown = true;
  /** Cells that were written to, in all: what has flickered. */
  written = 0;
  #cells: Cell[][];
  #style = "";
  #pending = "";
  readonly #decoder = new TextDecoder();

  constructor(rows = 24, columns = 80) {
    this.rows = rows;
    this.columns = columns;
    this.#cells = Array.from({ length: rows }, () => this.#blankRow());
  }

  #blankRow(): Cell[] {
    return Array.from({ length: this.columns }, () => ({ text: " ", style: "" }));
  }

  write(bytes: Uint8Array | string): void {
    const text = typeof bytes === "string" ? bytes : this.#decoder.decode(bytes, { stream: true });
    this.#pending += text;
    while (this.#pending !== "") {
      const sequence = /^\u001b(\[([0-9;?]*)([@-~]))?/u.exec(this.#pending);
      if (sequence !== null) {
        const [whole, isWhole, numbers = "", last = ""] = sequence;
        if (isWhole === undefined && this.#pending.length < 8 && /^.\[?[0-9;?]*$/s.test(this.#pending))
          return;
        if (isWhole === undefined)
          throw new Error(`a sequence no terminal knows: ${JSON.stringify(this.#pending)}`);
        this.#pending = this.#pending.slice(whole.length);
        this.#control(numbers, last);
        continue;
      }
      const char = String.fromCodePoint(this.#pending.codePointAt(0) ?? 0);
      this.#pending = this.#pending.slice(char.length);
      this.#char(char);
    }
  }

  #control(numbers: string, last: string): void {
    const [first = 0, second = 0] = numbers.split(";").map(Number);
    switch (last) {
      case "H":
        this.row = Math.min(this.rows, Math.max(1, first)) - 1;
        this.column = Math.min(this.columns, Math.max(1, second)) - 1;
        return;
      case "J":
        if (first === 2) this.#cells = this.#cells.map(() => this.#blankRow());
        else throw new Error(`J ${numbers}`);
        return;
      case "K":
        for (let at = this.column; at < this.columns; at++) this.#put(at, " ", "");
        return;
      case "C":
        this.column = Math.min(this.columns - 1, this.column + Math.max(1, first));
        return;
      case "D":
        this.column = Math.max(0, this.column - Math.max(1, first));
        return;
      case "m":
        this.#style = numbers === "0" ? "" : numbers;
        return;
      case "h":
      case "l":
        if (numbers !== "?25") throw new Error(`mode ${numbers}`);
        this.cursorShown = last === "h";
        return;
      default:
        throw new Error(`CSI ${numbers} ${last}`);
    }
  }

  #put(column: number, text: string, style: string): void {
    const cell = this.#cells[this.row]?.[column];
    if (cell !== undefined) Object.assign(cell, { text, style });
  }

  #char(char: string): void {
    if (char === "\r") this.column = 0;
    else if (char === "\n") this.#lineFeed();
    else if (char < " ") throw new Error(`control character ${JSON.stringify(char)}`);
    else {
      if (this.column >= this.columns) {
        this.column = 0;
        this.#lineFeed();
      }
      this.written++;
      const wide = /\p{Script=Han}|\p{Script=Hiragana}|\p{Script=Katakana}|\p{Script=Hangul}/u.test(char);
      this.#put(this.column++, char, this.#style);
      if (wide) this.#put(this.column++, "", this.#style);
    }
  }

  #lineFeed(): void {
    if (this.row < this.rows - 1) this.row++;
    else this.#cells = [...this.#cells.slice(1), this.#blankRow()];
  }

  /** The whole screen, blanks at the ends of lines and below left out. */
  get text(): string {
    return this.#cells
      .map((row) =>
        row
          .map(({ text }) => text)
          .join("")
          .trimEnd(),
      )
      .join("\n")
      .trimEnd();
  }

  /** The rows that have text in this style ("30;47"), with it. */
  inStyle(style: string): readonly string[] {
    return this.#cells
      .map((row) =>
        row
          .filter((cell) => cell.style === style)
          .map(({ text }) => text)
          .join("")
          .trimEnd(),
      )
      .filter((text) => text !== "");
  }
}
