/** Several lines of text being edited, and how they lie in a box: lines that are too long go on below. */
import { EditLine } from "./edit-line.ts";
import { BACKSPACE, control, ENTER } from "./keys.ts";
import { columnsOf, harmless } from "./width.ts";

/** Lines that a text may have. */
const LINES_MAX = 1000;

/** One row of the box: a piece of a line. */
interface Row {
  readonly line: number;
  /** Its first character's place in the line. */
  readonly from: number;
  readonly text: string;
}

export class EditText {
  readonly #lines: EditLine[];
  #line = 0;

  constructor(lines: readonly string[]) {
    this.#lines = (lines.length === 0 ? [""] : lines).map((text) => new EditLine(text));
    this.#current.cursor = 0;
  }

  get lines(): readonly string[] {
    return this.#lines.map(({ text }) => text);
  }

  get before(): string {
    return this.#current.before;
  }

  insert(text: string): void {
    this.#current.insert(text);
  }

  get #current(): EditLine {
    return this.#lines[this.#line] as EditLine;
  }

  press(key: string): void {
    const line = this.#current;
    switch (key) {
      case ENTER: {
        if (this.#lines.length >= LINES_MAX) return;
        const { before, text } = line;
        line.text = before;
        this.#lines.splice(this.#line + 1, 0, new EditLine(text.slice(before.length)));
        this.#moveTo(this.#line + 1, 0);
        return;
      }
      case "up":
      case control("P"):
        this.#moveTo(this.#line - 1, line.cursor);
        return;
      case "down":
      case control("N"):
        this.#moveTo(this.#line + 1, line.cursor);
        return;
      case "pageup":
        this.#moveTo(Math.max(0, this.#line - 10), line.cursor);
        return;
      case "pagedown":
        this.#moveTo(Math.min(this.#lines.length - 1, this.#line + 10), line.cursor);
        return;
      case BACKSPACE:
        if (line.cursor === 0) this.#joinWithNext(this.#line - 1);
        else line.press(key);
        return;
      case "delete":
      case control("D"):
      case control("K"):
        if (line.cursor === line.length) this.#joinWithNext(this.#line);
        else line.press(key);
        return;
      case "left":
      case control("B"):
        if (line.cursor === 0) this.#moveTo(this.#line - 1, Number.MAX_SAFE_INTEGER);
        else line.press(key);
        return;
      case "right":
      case control("F"):
        if (line.cursor === line.length) this.#moveTo(this.#line + 1, 0);
        else line.press(key);
        return;
      default:
        line.press(key);
    }
  }

  #moveTo(line: number, cursor: number): void {
    if (this.#lines[line] === undefined) return;
    this.#line = line;
    this.#current.cursor = cursor;
  }

  #joinWithNext(index: number): void {
    const [line, next] = [this.#lines[index], this.#lines[index + 1]];
    if (line === undefined || next === undefined) return;
    const at = line.length;
    line.text += next.text;
    this.#lines.splice(index + 1, 1);
    this.#moveTo(index, at);
  }

  /** The text in rows of `columns`; a row that its line goes on after ends in a backslash, one column further. */
  rows(columns: number): readonly Row[] {
    const rows: Row[] = [];
    for (const [line, { text }] of this.#lines.entries()) {
      let from = 0;
      let row = "";
      let width = 0;
      let at = 0;
      for (const char of harmless(text)) {
        const wide = columnsOf(char);
        if (width + wide > columns) {
          rows.push({ line, from, text: `${row}\\` });
          from = at;
          row = "";
          width = 0;
        }
        row += char;
        width += wide;
        at++;
      }
      rows.push({ line, from, text: row });
    }
    return rows;
  }

  /** Where the cursor stands among those rows. */
  place(rows: readonly Row[]): { readonly row: number; readonly column: number } {
    const at = this.#current.cursor;
    const row = rows.findLastIndex(({ line, from }) => line === this.#line && from <= at);
    const { from = 0, text = "" } = rows[row] ?? {};
    const before = [...text].slice(0, at - from);
    return { row: Math.max(0, row), column: before.reduce((sum, char) => sum + columnsOf(char), 0) };
  }
}
