/**
 * POSIX extended regular expressions, matched in bounded time: a hostile pattern gives up instead of running for ever (as the
 * language's own would).
 */

/** Steps of one match. */
const STEPS_MAX = 200_000;
/** Characters of a pattern and of what it is matched with. */
const TEXT_MAX = 512;
const REPEAT_MAX = 255;

type Node =
  | { readonly kind: "one"; readonly matches: (char: string) => boolean }
  | { readonly kind: "start" | "end" }
  | { readonly kind: "sequence"; readonly nodes: readonly Node[] }
  | { readonly kind: "either"; readonly nodes: readonly Node[] }
  | { readonly kind: "group"; readonly index: number; readonly node: Node }
  | { readonly kind: "repeat"; readonly node: Node; readonly min: number; readonly max: number };

export type Match =
  /** The whole and its groups; undefined: it does not match. */
  | { readonly ok: true; readonly groups: readonly (string | undefined)[] | undefined }
  | { readonly ok: false; readonly why: string };

class PatternFault extends Error {
  override readonly name = "PatternFault";
}

/** Matches anywhere in `text`, the first place first. */
export function matchEre(pattern: string, text: string): Match {
  if (pattern.length > TEXT_MAX || text.length > TEXT_MAX)
    return { ok: false, why: `a pattern and its text have at most ${TEXT_MAX} characters` };
  try {
    const node = new Pattern(pattern).whole();
    const matcher = new Matcher(text);
    for (let from = 0; from <= text.length; from++) {
      const groups = matcher.match(node, from);
      if (groups !== undefined) return { ok: true, groups };
    }
    return { ok: true, groups: undefined };
  } catch (error) {
    if (error instanceof PatternFault) return { ok: false, why: error.message };
    throw error;
  }
}

const CLASSES: Readonly<Record<string, RegExp>> = {
  alnum: /[A-Za-z0-9]/,
  alpha: /[A-Za-z]/,
  blank: /[ \t]/,
  digit: /[0-9]/,
  lower: /[a-z]/,
  punct: /[!-/:-@[-`{-~]/,
  space: /[ \t\n\v\f\r]/,
  upper: /[A-Z]/,
  xdigit: /[0-9A-Fa-f]/,
};

class Pattern {
  readonly #text: string;
  #at = 0;
  #groups = 0;
  #depth = 0;

  constructor(text: string) {
    this.#text = text;
  }

  whole(): Node {
    const node = this.#either();
    if (this.#at < this.#text.length) this.#fault("a ) is not opened");
    return node;
  }

  #either(): Node {
    if (++this.#depth > 20) this.#fault("the pattern's groups are nested too deeply");
    const nodes = [this.#sequence()];
    while (this.#text[this.#at] === "|") {
      this.#at++;
      nodes.push(this.#sequence());
    }
    this.#depth--;
    return { kind: "either", nodes };
  }

  #sequence(): Node {
    const nodes: Node[] = [];
    while (this.#at < this.#text.length && !"|)".includes(this.#text[this.#at] ?? "")) {
      let node = this.#one();
      for (;;) {
        const range = this.#range();
        if (range === undefined) break;
        node = { kind: "repeat", node, ...range };
      }
      nodes.push(node);
    }
    return { kind: "sequence", nodes };
  }

  #range(): { min: number; max: number } | undefined {
    const match = /[*+?]|\{(\d{1,3})(,(\d{1,3})?)?\}/y;
    match.lastIndex = this.#at;
    const found = match.exec(this.#text);
    if (found === null) return undefined;
    this.#at = match.lastIndex;
    const [sign, low, comma, high] = found;
    if (sign === "*") return { min: 0, max: Number.POSITIVE_INFINITY };
    if (sign === "+") return { min: 1, max: Number.POSITIVE_INFINITY };
    if (sign === "?") return { min: 0, max: 1 };
    const min = Number(low);
    const max = comma === undefined ? min : high === undefined ? Number.POSITIVE_INFINITY : Number(high);
    if (min > REPEAT_MAX || max < min) this.#fault("a repetition's numbers are wrong");
    return { min, max };
  }

  #one(): Node {
    const char = this.#text[this.#at++] ?? "";
    if (char === "^") return { kind: "start" };
    if (char === "$") return { kind: "end" };
    if (char === ".") return { kind: "one", matches: () => true };
    if (char === "[") return this.#set();
    if (char === "(") {
      const index = ++this.#groups;
      const node = this.#either();
      if (this.#text[this.#at++] !== ")") this.#fault("a ( is not closed");
      return { kind: "group", index, node };
    }
    if ("*+?".includes(char)) this.#fault(`${char} stands behind nothing`);
    const wanted = char === "\\" ? this.#text[this.#at++] : char;
    if (wanted === undefined) this.#fault("the pattern ends in a backslash");
    return { kind: "one", matches: (one) => one === wanted };
  }

  #set(): Node {
    const isNot = this.#text[this.#at] === "^";
    if (isNot) this.#at++;
    const tests: ((char: string) => boolean)[] = [];
    for (let isFirst = true; ; isFirst = false) {
      const char = this.#text[this.#at++];
      if (char === undefined) return this.#fault("a [ is not closed");
      if (char === "]" && !isFirst) break;
      const named = char === "[" ? /^:([a-z]+):\]/.exec(this.#text.slice(this.#at)) : null;
      if (named !== null) {
        const inClass = CLASSES[named[1] ?? ""] ?? this.#fault("a class of characters is unknown");
        tests.push((one) => inClass.test(one));
        this.#at += named[0].length;
        continue;
      }
      const last = this.#text[this.#at + 1];
      if (this.#text[this.#at] === "-" && last !== undefined && last !== "]") {
        this.#at += 2;
        tests.push((one) => one >= char && one <= last);
      } else tests.push((one) => one === char);
    }
    return { kind: "one", matches: (one) => tests.some((test) => test(one)) !== isNot };
  }

  #fault(why: string): never {
    throw new PatternFault(why);
  }
}

class Matcher {
  readonly #text: string;
  #steps = STEPS_MAX;
  #groups: (string | undefined)[] = [];

  constructor(text: string) {
    this.#text = text;
  }

  match(node: Node, from: number): readonly (string | undefined)[] | undefined {
    this.#groups = [];
    let end = -1;
    const found = this.#go(node, from, (at) => {
      end = at;
      return true;
    });
    if (!found) return undefined;
    this.#groups[0] = this.#text.slice(from, end);
    return this.#groups;
  }

  #go(node: Node, at: number, then: (at: number) => boolean): boolean {
    if (--this.#steps < 0) throw new PatternFault("the match takes too long");
    switch (node.kind) {
      case "one": {
        const char = this.#text[at];
        return char !== undefined && node.matches(char) && then(at + 1);
      }
      case "start":
        return at === 0 && then(at);
      case "end":
        return at === this.#text.length && then(at);
      case "sequence":
        return this.#sequence(node.nodes, 0, at, then);
      case "either":
        return node.nodes.some((one) => this.#go(one, at, then));
      case "group": {
        const before = this.#groups[node.index];
        const found = this.#go(node.node, at, (end) => {
          const inner = this.#groups[node.index];
          this.#groups[node.index] = this.#text.slice(at, end);
          if (then(end)) return true;
          this.#groups[node.index] = inner;
          return false;
        });
        if (!found) this.#groups[node.index] = before;
        return found;
      }
      case "repeat":
        return this.#repeat(node, 0, at, then);
    }
  }

  #sequence(nodes: readonly Node[], index: number, at: number, then: (at: number) => boolean): boolean {
    const node = nodes[index];
    if (node === undefined) return then(at);
    return this.#go(node, at, (end) => this.#sequence(nodes, index + 1, end, then));
  }

  #repeat(
    node: Extract<Node, { kind: "repeat" }>,
    count: number,
    at: number,
    then: (at: number) => boolean,
  ): boolean {
    const more = (): boolean =>
      this.#go(
        node.node,
        at,
        (end) => (end > at || count < node.min) && this.#repeat(node, count + 1, end, then),
      );
    return (count < node.max && more()) || (count >= node.min && then(at));
  }
}
