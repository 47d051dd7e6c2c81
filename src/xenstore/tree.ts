/**
 * The tree: a snapshot (a transaction) is one reference. A change copies the nodes on the way to the root, and their
 * lists of children if a snapshot may see them. So a node in hand keeps value and permissions, but its children only
 * until the next change. Children keep the order of their creation.
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
  /** Length of the list of children as it is said on the wire. */
  readonly childBytes: number;
}

export type Content = Pick<Node, "value" | "perms">;

/** Numbers changes; one for the store and all its transactions. */
export interface Counter {
  generation: number;
}

/** What a domain owns. */
interface Owned {
  readonly nodes: number;
  readonly bytes: number;
}

const NO_CHILDREN: ReadonlyMap<string, Node> = new Map();
const NOTHING: Owned = { nodes: 0, bytes: 0 };

/** Sizes of C xenstored's record of a node. */
const RECORD_HEADER = 24;
const RECORD_PERM = 8;

/** Bytes that a node counts against `entrySize`. */
export const recordSize = ({ value, perms }: Content, childBytes: number): number =>
  RECORD_HEADER + RECORD_PERM * perms.length + value.length + childBytes;

const namesOf = (path: string): string[] => (path === "/" ? [] : path.slice(1).split("/"));

export class Tree {
  root: Node;
  readonly #counter: Counter;
  /** By owner: what the quotas count. */
  readonly #owned: Map<number, Owned>;
  /** Lists of children that no other tree sees: they may be changed in place. */
  #private = new WeakSet<ReadonlyMap<string, Node>>();

  constructor(counter: Counter, root?: Node, owned?: ReadonlyMap<number, Owned>) {
    this.#counter = counter;
    this.#owned = new Map(owned);
    if (root !== undefined) {
      this.root = root;
      return;
    }
    this.root = {
      value: "",
      perms: [{ domid: 0, access: "n" }],
      generation: ++counter.generation,
      children: NO_CHILDREN,
      childBytes: 0,
    };
    this.#count("/", this.root, 1);
  }

  snapshot(): Tree {
    this.#private = new WeakSet();
    return new Tree(this.#counter, this.root, this.#owned);
  }

  /** Takes over everything that `other`, a snapshot of this tree, has become. */
  adopt(other: Tree): void {
    this.root = other.root;
    this.#private = new WeakSet();
    this.#owned.clear();
    for (const [domid, owned] of other.#owned) this.#owned.set(domid, owned);
  }

  /** How many nodes a domain owns. */
  ownedBy(domid: number): number {
    return (this.#owned.get(domid) ?? NOTHING).nodes;
  }

  /** How many bytes they are, paths included. */
  bytesOf(domid: number): number {
    return (this.#owned.get(domid) ?? NOTHING).bytes;
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
      childBytes: before?.childBytes ?? 0,
    };
    if (before !== undefined) this.#count(path, before, -1);
    this.#count(path, node, 1);
    this.#replace(path, node, before === undefined);
    return node;
  }

  /** Takes away a node and all below it. Not for "/". */
  remove(path: string): void {
    const node = this.get(path);
    if (node === undefined) return;
    for (const gone of walk(path, node)) this.#count(gone.path, gone.node, -1);
    this.#replace(path, undefined, true);
  }

  #count(path: string, node: Node, by: 1 | -1): void {
    const domid = node.perms[0].domid;
    const { nodes, bytes } = this.#owned.get(domid) ?? NOTHING;
    const after = {
      nodes: nodes + by,
      bytes: bytes + by * (recordSize(node, node.childBytes) + path.length),
    };
    if (after.nodes === 0) this.#owned.delete(domid);
    else this.#owned.set(domid, after);
  }

  #changeable(children: ReadonlyMap<string, Node>): Map<string, Node> {
    if (this.#private.has(children)) return children as Map<string, Node>;
    const copy = new Map(children);
    this.#private.add(copy);
    return copy;
  }

  #replace(path: string, node: Node | undefined, touchesParent: boolean): void {
    if (path === "/") {
      if (node !== undefined) this.root = node;
      return;
    }
    const parentPath = parentOf(path);
    const parent = this.get(parentPath);
    if (parent === undefined) return;
    const children = this.#changeable(parent.children);
    const name = nameOf(path);
    if (node === undefined) children.delete(name);
    else children.set(name, node);
    if (!touchesParent) {
      this.#replace(parentPath, { ...parent, children }, false);
      return;
    }
    const grown = (name.length + 1) * (node === undefined ? -1 : 1);
    const generation = ++this.#counter.generation;
    const after = { ...parent, generation, children, childBytes: parent.childBytes + grown };
    this.#count(parentPath, parent, -1);
    this.#count(parentPath, after, 1);
    this.#replace(parentPath, after, false);
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
