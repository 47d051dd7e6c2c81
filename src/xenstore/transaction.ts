/**
 * A transaction works on its own snapshot of the tree. It commits only if no node that it touched (read, wrote, or
 * found absent) has been changed by others meanwhile; else EAGAIN, and the caller tries anew.
 */
import type { XsErrno } from "../abi/io/xs-wire.ts";
import type { Perms } from "./perms.ts";
import type { Content, Node, Tree } from "./tree.ts";
import type { Reach } from "./watch.ts";

type Change =
  | { readonly what: "put"; readonly path: string; readonly content: Content }
  | { readonly what: "remove"; readonly path: string };

export interface QueuedEvent {
  readonly path: string;
  readonly reach: Reach;
  /** Permissions before this transaction, where the node existed. */
  readonly oldPerms: Perms | undefined;
}

export class Transaction {
  readonly id: number;
  readonly tree: Tree;
  /** Why it can only end in failure by now. */
  failed: XsErrno | undefined;
  /** A node was created in it: the quota is checked again at its end. */
  created = false;
  readonly #base: Tree;
  readonly #baseRoot: Node;
  /** Generation, at the start, of every node touched; 0: absent. */
  readonly #touched = new Map<string, number>();
  readonly #changes: Change[] = [];
  readonly #events = new Map<string, QueuedEvent>();

  constructor(id: number, tree: Tree) {
    this.id = id;
    this.tree = tree.snapshot();
    this.#base = tree.snapshot();
    this.#baseRoot = tree.root;
  }

  touch(path: string): void {
    if (!this.#touched.has(path)) this.#touched.set(path, this.#base.get(path)?.generation ?? 0);
  }

  touchedNodes(): number {
    return this.#touched.size;
  }

  ownedAtStart(domid: number): number {
    return this.#base.ownedBy(domid);
  }

  put(path: string, content: Content): Node {
    this.#changes.push({ what: "put", path, content });
    return this.tree.put(path, content);
  }

  remove(path: string): void {
    this.#changes.push({ what: "remove", path });
    this.tree.remove(path);
  }

  /** An event to be said at commit; "below" replaces "exact", not the other way round. */
  queueEvent(path: string, reach: Reach): void {
    const known = this.#events.get(path);
    if (known?.reach === "below") return;
    const oldPerms = this.#base.get(path)?.perms;
    this.#events.set(path, { path, reach, oldPerms });
  }

  events(): Iterable<QueuedEvent> {
    return this.#events.values();
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
    for (const change of this.#changes) {
      if (change.what === "put") tree.put(change.path, change.content);
      else tree.remove(change.path);
    }
  }
}
