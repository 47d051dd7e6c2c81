/** Blocks in order, loops and merges found, cycles with two entries cut. */
import { describe, expect, it } from "vitest";
import type { Block } from "../../../src/cpu/translate/graph.ts";
import { shape } from "../../../src/cpu/translate/shape.ts";

/** Blocks 0…n-1 with these edges; each is named by its number. */
function graph(edges: readonly (readonly [number, number])[]): Block[] {
  const count = 1 + Math.max(...edges.flat());
  const blocks = Array.from({ length: count }, (_, name) => {
    const block = {} as Block;
    return Object.assign(block, { name, page: 0, offset: 0, callee: block, edges: [] });
  });
  edges.forEach(([a, b], record) => {
    const from = blocks[a] as Block;
    from.edges.push({ from, to: blocks[b], record, target: b, checked: false });
  });
  return blocks;
}

const CASES = [
  {
    what: "a line",
    edges: [
      [0, 1],
      [1, 2],
    ],
    loops: [],
    merges: {},
    cut: 0,
  },
  {
    what: "a diamond",
    edges: [
      [0, 1],
      [0, 2],
      [1, 3],
      [2, 3],
    ],
    loops: [],
    merges: { 0: [3] },
    cut: 0,
  },
  {
    what: "a loop",
    edges: [
      [0, 1],
      [1, 2],
      [2, 1],
    ],
    loops: [1],
    merges: {},
    cut: 0,
  },
  { what: "a loop at the head", edges: [[0, 0]], loops: [0], merges: {}, cut: 0 },
  {
    what: "two edges to one block",
    edges: [
      [0, 1],
      [0, 1],
    ],
    loops: [],
    merges: { 0: [1] },
    cut: 0,
  },
  {
    what: "loops in each other",
    edges: [
      [0, 1],
      [1, 2],
      [2, 2],
      [2, 1],
    ],
    loops: [1, 2],
    merges: {},
    cut: 0,
  },
  {
    what: "a cycle with two entries",
    edges: [
      [0, 1],
      [0, 2],
      [1, 2],
      [2, 1],
    ],
    loops: [],
    merges: {},
    cut: 1,
  },
  {
    what: "a merge in a loop",
    edges: [
      [0, 1],
      [1, 2],
      [1, 3],
      [2, 4],
      [3, 4],
      [4, 1],
    ],
    loops: [1],
    merges: { 1: [4] },
    cut: 0,
  },
] as const;

describe("the shape of", () => {
  it.each(CASES)("$what", ({ edges, loops, merges, cut }) => {
    const shaped = [...shape(graph(edges)).values()];
    const names = (list: readonly { block: Block }[]): number[] => list.map((s) => s.block.name);
    expect(names(shaped.filter((s) => s.isLoop))).toEqual(loops);
    const found = shaped.filter((s) => s.merges.length > 0).map((s) => [s.block.name, names(s.merges)]);
    // where an edge is cut, a merge may be left or not
    if (cut === 0) expect(Object.fromEntries(found)).toEqual(merges);
    const left = shaped.flatMap((s) => s.block.edges).filter((edge) => edge.to === undefined);
    expect(left.length).toBe(cut);
  });
});
