/**
 * The commands `test` and `[`. Read from left to right as GRUB does: what stands side by side is joined by "and", "-o" parts
 * alternatives, "!" turns the next test round.
 */
import type { Stat } from "../../../image/fs/file-system.ts";
import type { Thread } from "../../minios/threads.ts";

/** What stands at a path; undefined for nothing. */
export type StatOf = (path: string) => Thread<Stat | undefined>;

const number = (text: string): number => {
  const match = /^\s*([+-]?)(0[xX][0-9a-fA-F]+|[0-9]+)/.exec(text);
  return match === null ? 0 : Number(match[2]) * (match[1] === "-" ? -1 : 1);
};

const BINARY: Readonly<Record<string, (a: string, b: string) => boolean>> = {
  "=": (a, b) => a === b,
  "==": (a, b) => a === b,
  "!=": (a, b) => a !== b,
  "<": (a, b) => a < b,
  "<=": (a, b) => a <= b,
  ">": (a, b) => a > b,
  ">=": (a, b) => a >= b,
  "-eq": (a, b) => number(a) === number(b),
  "-ne": (a, b) => number(a) !== number(b),
  "-lt": (a, b) => number(a) < number(b),
  "-le": (a, b) => number(a) <= number(b),
  "-gt": (a, b) => number(a) > number(b),
  "-ge": (a, b) => number(a) >= number(b),
  "-plt": (a, b) => afterPrefix(a, b, (x, y) => x < y),
  "-pgt": (a, b) => afterPrefix(a, b, (x, y) => x > y),
};

/** Numbers behind a prefix that both have. */
function afterPrefix(a: string, b: string, holds: (x: number, y: number) => boolean): boolean {
  let same = 0;
  while (same < a.length && a[same] === b[same] && !/[0-9]/.test(a[same] ?? "")) same++;
  return holds(number(a.slice(same)), number(b.slice(same)));
}

export function* evaluateTest(words: readonly string[], statOf: StatOf): Thread<boolean> {
  return yield* new Test(words, statOf).alternatives(0);
}

class Test {
  readonly #words: readonly string[];
  readonly #statOf: StatOf;
  #at = 0;

  constructor(words: readonly string[], statOf: StatOf) {
    this.#words = words;
    this.#statOf = statOf;
  }

  *alternatives(depth: number): Thread<boolean> {
    let any = false;
    let all = true;
    let inverted = false;
    const note = (holds: boolean) => {
      all = all && holds !== inverted;
      inverted = false;
    };
    while (this.#at < this.#words.length) {
      const word = this.#words[this.#at] ?? "";
      const second = this.#words[this.#at + 1];
      const third = this.#words[this.#at + 2];
      if (second !== undefined && third !== undefined) {
        const compare = Object.hasOwn(BINARY, second) ? BINARY[second] : undefined;
        const dated = /^-(nt|ot)([+-]\d+)?$/.exec(second);
        if (compare !== undefined || dated !== null) {
          this.#at += 3;
          note(
            compare?.(word, third) ?? (yield* this.#isNewer(word, third, dated?.[1] === "ot", dated?.[2])),
          );
          continue;
        }
      }
      if (second !== undefined && /^-[defsnz]$/.test(word)) {
        this.#at += 2;
        note(yield* this.#unary(word, second));
        continue;
      }
      this.#at++;
      if (word === ")") break;
      if (word === "(" && depth < 32) note(yield* this.alternatives(depth + 1));
      else if (word === "-o") {
        any = any || all;
        all = true;
      } else if (word === "!") inverted = !inverted;
      else if (word !== "-a") note(word !== "");
    }
    return any || all;
  }

  *#unary(operator: string, operand: string): Thread<boolean> {
    if (operator === "-n") return operand !== "";
    if (operator === "-z") return operand === "";
    const stat = yield* this.#statOf(operand);
    if (stat === undefined) return false;
    if (operator === "-d") return stat.type === "directory";
    if (operator === "-f") return stat.type !== "directory";
    return operator === "-e" || (stat.type !== "directory" && stat.size > 0);
  }

  /** `offset`: seconds by which the second's time is moved ("-nt+60"). */
  *#isNewer(a: string, b: string, turned: boolean, offset: string | undefined): Thread<boolean> {
    const first = yield* this.#statOf(a);
    const second = yield* this.#statOf(b);
    if (first === undefined || second === undefined) return false;
    const difference = Math.floor(first.mtime) - Math.floor(second.mtime) - Number(offset ?? 0);
    return turned ? difference < 0 : difference > 0;
  }
}
