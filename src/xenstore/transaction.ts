/**
 * A transaction works on its own snapshot of the tree. It commits only if no node that it touched (read, wrote, or
 * found absent) has been changed by others meanwhile; else EAGAIN, and the caller tries anew.
 *
 * What it keeps is bounded by the nodes that it touches, however often it does.
 */
import type { XsErrno } from "../abi/io/xs-wire.ts";
import type { Perms } from "./perms.ts";
import { type Content, type Node, recordSize, type Tree } from "./tree.ts";
import type { Reach } from "./watch.ts";

export interface QueuedEvent {
  readonly path: string;
  readonly reach: Reach;
  /** Permissions before this transaction, where the node existed. */
  readonly oldPerms: Perms | undefined;
}

const isBelow = (path: string, above: string): boolean => path.startsWith(`${above}/`);

export class Transaction {
  readonly id: number;
  readonly tree: Tree;
  /** Why it can only end in failure by now. */
  failed: XsErrno | undefined;
  /** A node was created in it: the quota is checked again at its end. */
  created = false;
  /** Bytes of the changes that it holds. */
  bytes = 0;
  readonly #base: Tree;
  readonly #baseRoot: Node;
  /** Every node touched, in order: its generation at the start; 0: absent. */
  readonly #touched = new Map<string, number>();
  /** What it takes away first, then what it puts, in order. */
  readonly #removed = new Set<string>();
  readonly #put = new Map<string, Content>();
  readonly #events = new Map<string, Reach>();

  constructor(id: number, tree: Tree) {
    this.id = id;
    this.tree = tree.snapshot();
    this.#base = tree.snapshot();
    this.#baseRoot = tree.root;
  }

  /** False: it would be more than `most` nodes. */
  touch(path: string, most: number): boolean {
    if (this.#touched.has(path)) return true;
    if (this.#touched.size >= most) return false;
    this.#touched.set(path, this.#base.get(path)?.generation ?? 0);
    return true;
  }

  ownedAtStart(domid: number): number {
    return this.#base.ownedBy(domid);
  }

  put(path: string, content: Content): Node {
    const before = this.#put.get(path);
    if (before !== undefined) this.bytes -= recordSize(before, 0) + path.length;
    this.bytes += recordSize(content, 0) + path.length;
    this.#put.set(path, content);
    return this.tree.put(path, content);
  }

  remove(path: string): void {
    for (const [put, content] of this.#put) {
      if (put !== path && !isBelow(put, path)) continue;
      this.bytes -= recordSize(content, 0) + put.length;
      this.#put.delete(put);
    }
    if (this.#base.get(path) !== undefined) this.#removed.add(path);
    this.tree.remove(path);
  }

  /** An event to be said at commit; "below" replaces "exact", not the other way round. */
  queueEvent(path: string, reach: Reach): void {
    if (this.#events.get(path) !== "below") this.#events.set(path, reach);
  }

  /** In the order in which the nodes were first touched. */
  *events(): Generator<QueuedEvent> {
    for (const path of this.#touched.keys()) {
      const reach = this.#events.get(path);
      if (reach !== undefined) yield { path, reach, oldPerms: this.#base.get(path)?.perms };
    }
  }

  conflictsWith(tree: Tree): boolean {
    if (tree.root === this.#baseRoot) return false;
    for (const [path, generation] of this.#touched) {
      if ((tree.get(path)?.generation ?? 0) !== generation) return true;
    }
    return false;
  }

  /** Makes its changes those of `tree`; there must be no conflict. */
  commitTo(tree: Tree): void {
    if (tree.root === this.#baseRoot) {
      tree.adopt(this.tree);
      return;
    }
    for (const path of this.#removed) tree.remove(path);
    for (const [path, content] of this.#put) tree.put(path, content);
  }
}
