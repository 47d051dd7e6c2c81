/**
 * The order in which a region's blocks become nested loops and blocks of WebAssembly: reverse postorder and dominators
 * (Cooper, Harvey, Kennedy), then Ramsey's "Beyond Relooper". Edges that make a cycle with two entries leave the region.
 */
import type { Block, Edge } from "./graph.ts";

export interface Shaped {
  readonly block: Block;
  /** Place in reverse postorder. */
  readonly order: number;
  isLoop: boolean;
  /** Reached by more than one forward edge: it stands behind its dominator's code, and is branched to. */
  isMerge: boolean;
  /** Merges among the blocks it immediately dominates, in order. */
  readonly merges: Shaped[];
}

/** The head's shape, and by block the others'. Blocks that are no longer reached are missing. */
export function shape(blocks: readonly Block[]): ReadonlyMap<Block, Shaped> {
  const head = blocks[0] as Block;
  for (;;) {
    const order = reversePostorder(head);
    const place = new Map(order.map((block, i) => [block, i]));
    const dominator = dominators(order, place);
    const dominates = (a: number, b: number): boolean => {
      let at = b;
      while (at > a) at = dominator[at] as number;
      return at === a;
    };
    let cut = false;
    const shaped = order.map((block, i): Shaped => {
      return { block, order: i, isLoop: false, isMerge: false, merges: [] };
    });
    const forward = order.map(() => 0);
    for (const edge of edgesOf(order)) {
      const from = place.get(edge.from) as number;
      const to = place.get(edge.to as Block) as number;
      if (to > from) forward[to] = (forward[to] as number) + 1;
      else if (dominates(to, from)) (shaped[to] as Shaped).isLoop = true;
      else {
        edge.to = undefined;
        cut = true;
      }
    }
    if (cut) continue;
    shaped.forEach((s, i) => {
      s.isMerge = (forward[i] as number) > 1;
      if (s.isMerge) (shaped[dominator[i] as number] as Shaped).merges.push(s);
    });
    return new Map(shaped.map((s) => [s.block, s]));
  }
}

function* edgesOf(order: readonly Block[]): Generator<Edge> {
  for (const block of order) for (const edge of block.edges) if (edge.to !== undefined) yield edge;
}

function reversePostorder(head: Block): Block[] {
  const seen = new Set([head]);
  const postorder: Block[] = [];
  const stack = [{ block: head, next: 0 }];
  for (let top = stack.at(-1); top !== undefined; top = stack.at(-1)) {
    const to = top.block.edges[top.next++];
    if (to === undefined) {
      postorder.push(top.block);
      stack.pop();
    } else if (to.to !== undefined && !seen.has(to.to)) {
      seen.add(to.to);
      stack.push({ block: to.to, next: 0 });
    }
  }
  return postorder.reverse();
}

/** By place: the place of the immediate dominator (the head's is its own). */
function dominators(order: readonly Block[], place: ReadonlyMap<Block, number>): number[] {
  const before: number[][] = order.map(() => []);
  for (const edge of edgesOf(order))
    before[place.get(edge.to as Block) as number]?.push(place.get(edge.from) as number);
  const dominator: number[] = order.map((_, i) => (i === 0 ? 0 : -1));
  const meet = (a: number, b: number): number => {
    let [x, y] = [a, b];
    while (x !== y) {
      while (x > y) x = dominator[x] as number;
      while (y > x) y = dominator[y] as number;
    }
    return x;
  };
  for (let changed = true; changed; ) {
    changed = false;
    for (let i = 1; i < order.length; i++) {
      let best = -1;
      for (const p of before[i] as number[]) {
        if (dominator[p] === -1) continue;
        best = best === -1 ? p : meet(best, p);
      }
      if (dominator[i] !== best) {
        dominator[i] = best;
        changed = true;
      }
    }
  }
  return dominator;
}
