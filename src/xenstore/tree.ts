/**
 * The tree: immutable nodes, so that a snapshot (a transaction) is one reference. A change copies the nodes on the way
 * to the root and nothing else. Children keep the order of their creation.
 */

import type { Octets } from "./octets.ts";
import { nameOf, parentOf } from "./path.ts";
import type { Perms } from "./perms.ts";

export interface Node {
  readonly value: Octets;
  readonly perms: Perms;
  /** Number of the change that last touched value, permissions or the list of children. */
  readonly generation: number;
  readonly children: ReadonlyMap<string, Node>;
}

export type Content = Pick<Node, "value" | "perms">;

/** Numbers changes; one for the store and all its transactions. */
export interface Counter {
  generation: number;
}

const NO_CHILDREN: ReadonlyMap<string, Node> = new Map();

const namesOf = (path: string): string[] => (path === "/" ? [] : path.slice(1).split("/"));

export class Tree {
  root: Node;
  readonly #counter: Counter;
  /** Nodes by owner: what the quota counts. */
  readonly #owned: Map<number, number>;

  constructor(counter: Counter, root?: Node, owned?: ReadonlyMap<number, number>) {
    this.#counter = counter;
    this.root = root ?? {
      value: "",
      perms: [{ domid: 0, access: "n" }],
      generation: ++counter.generation,
      children: NO_CHILDREN,
    };
    this.#owned = new Map(owned);
  }

  snapshot(): Tree {
    return new Tree(this.#counter, this.root, this.#owned);
  }

  /** Takes over everything that `other`, a snapshot of this tree, has become. */
  adopt(other: Tree): void {
    this.root = other.root;
    this.#owned.clear();
    for (const [domid, count] of other.#owned) this.#owned.set(domid, count);
  }

  ownedBy(domid: number): number {
    return this.#owned.get(domid) ?? 0;
  }

  get(path: string): Node | undefined {
    let node: Node | undefined = this.root;
    for (const name of namesOf(path)) {
      node = node.children.get(name);
      if (node === undefined) return undefined;
    }
    return node;
  }

  /** Gives a node this content; one that is new appears in its parent, which must exist. */
  put(path: string, content: Content): Node {
    const before = this.get(path);
    const node: Node = {
      value: content.value,
      perms: content.perms,
      generation: ++this.#counter.generation,
      children: before?.children ?? NO_CHILDREN,
    };
    if (before !== undefined) this.#count(before.perms[0].domid, -1);
    this.#count(node.perms[0].domid, 1);
    this.#replace(path, node, before === undefined);
    return node;
  }

  /** Takes away a node and all below it. Not for "/". */
  remove(path: string): void {
    const node = this.get(path);
    if (node === undefined) return;
    for (const gone of walk(path, node)) this.#count(gone.node.perms[0].domid, -1);
    this.#replace(path, undefined, true);
  }

  #count(domid: number, by: number): void {
    this.#owned.set(domid, this.ownedBy(domid) + by);
  }

  #replace(path: string, node: Node | undefined, touchesParent: boolean): void {
    if (path === "/") {
      if (node !== undefined) this.root = node;
      return;
    }
    const parentPath = parentOf(path);
    const parent = this.get(parentPath);
    if (parent === undefined) return;
    const children = new Map(parent.children);
    if (node === undefined) children.delete(nameOf(path));
    else children.set(nameOf(path), node);
    const generation = touchesParent ? ++this.#counter.generation : parent.generation;
    this.#replace(parentPath, { ...parent, generation, children }, false);
  }
}

export interface Visit {
  readonly path: string;
  readonly node: Node;
}

/** A node and everything below it, children before their parents, in order. */
export function* walk(path: string, node: Node): Generator<Visit> {
  for (const [name, child] of node.children)
    yield* walk(path === "/" ? `/${name}` : `${path}/${name}`, child);
  yield { path, node };
}
