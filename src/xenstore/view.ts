/**
 * The tree as one request sees it: the whole store, or its transaction's snapshot; permissions and quotas are checked
 * here, and changes are told to the watchers (at once, or when the transaction commits).
 */
import { bytesHeld, type Connection } from "./connection.ts";
import type { Octets } from "./octets.ts";
import { no, type XsResult, yes } from "./outcome.ts";
import { absolute, isValidPath, nameOf, parentOf } from "./path.ts";
import { isPrivileged, PERM_OWNER, PERM_READ, PERM_WRITE, type Perms, permsFor } from "./perms.ts";
import type { Transaction } from "./transaction.ts";
import { type Content, type Node, recordSize, type Tree, walk } from "./tree.ts";
import type { Reach } from "./watch.ts";
import type { Xenstored } from "./xenstored.ts";

const has = (mask: number, wanted: number): boolean => (mask & wanted) === wanted;

export class View {
  readonly #xs: Xenstored;
  readonly #who: Connection;
  readonly #tree: Tree;
  readonly #tx: Transaction | undefined;
  /** Nodes looked at: xenstored's work. */
  entries = 0;

  constructor(xs: Xenstored, who: Connection, tx: Transaction | undefined) {
    this.#xs = xs;
    this.#who = who;
    this.#tree = tx?.tree ?? xs.tree;
    this.#tx = tx;
  }

  /** The absolute path meant, EINVAL when it cannot be one. */
  path(said: string | undefined): XsResult<string> {
    if (said === undefined) return no("EINVAL");
    const path = absolute(said, this.#who.domid);
    return isValidPath(path, this.#xs.quota.pathLength) ? yes(path) : no("EINVAL");
  }

  /** The node, if `who` has all of PERM_* `wanted`; EACCES also hides whether there is one. */
  node(path: string, wanted: number): XsResult<Node> {
    const touched = this.#touch(path);
    if (!touched.ok) return touched;
    const node = this.#tree.get(path);
    if (node !== undefined && has(this.#permsOn(node), wanted)) return yes(node);
    const above = this.#nearestPerms(path);
    if (!above.ok) return above;
    return no((above.value & wanted) !== 0 && node === undefined ? "ENOENT" : "EACCES");
  }

  readable(said: string | undefined): XsResult<Node> {
    const path = this.path(said);
    return path.ok ? this.node(path.value, PERM_READ) : path;
  }

  write(path: string, value: Octets): XsResult<void> {
    const found = this.node(path, PERM_WRITE);
    if (!found.ok) {
      if (found.errno !== "ENOENT") return found;
      const created = this.#create(path, value);
      if (!created.ok) return created;
    } else {
      const changed = this.#change(path, found.value, { value, perms: this.#permsOf(found.value) });
      if (!changed.ok) return changed;
    }
    this.#tell(path, "below", undefined);
    return yes(undefined);
  }

  /** One that exists is left as it is. */
  mkdir(path: string): XsResult<void> {
    const found = this.node(path, PERM_WRITE);
    if (found.ok) return yes(undefined);
    if (found.errno !== "ENOENT") return found;
    const created = this.#create(path, "");
    if (!created.ok) return created;
    this.#tell(path, "below", undefined);
    return yes(undefined);
  }

  /** With all below it. One that is not there is fine if its parent is. */
  remove(path: string): XsResult<void> {
    const found = this.node(path, PERM_WRITE);
    if (!found.ok) {
      if (found.errno !== "ENOENT") return found;
      const touched = this.#touch(parentOf(path));
      if (!touched.ok) return touched;
      return this.#tree.get(parentOf(path)) === undefined ? no("ENOENT") : yes(undefined);
    }
    if (path === "/") return no("EINVAL");
    const touched = this.#touch(parentOf(path));
    if (!touched.ok) return touched;
    const gone = [...walk(path, found.value)];
    for (const visit of gone) {
      const seen = this.#touch(visit.path);
      if (!seen.ok) return seen;
    }
    // Said while the nodes and their permissions can still be seen.
    for (const visit of gone)
      this.#tell(visit.path, visit.path === path ? "below" : "exact", this.#permsOf(visit.node));
    if (this.#tx === undefined) this.#tree.remove(path);
    else this.#tx.remove(path);
    return yes(undefined);
  }

  /** `perms` as {@link Domains.settle} has them. */
  setPerms(path: string, perms: Perms): XsResult<void> {
    const found = this.node(path, PERM_WRITE | PERM_OWNER);
    if (!found.ok) return found;
    const old = this.#permsOf(found.value);
    if (!isPrivileged(this.#who) && perms[0].domid !== old[0].domid) return no("EPERM");
    const changed = this.#change(path, found.value, { value: found.value.value, perms });
    if (!changed.ok) return changed;
    this.#tell(path, "below", old);
    return yes(undefined);
  }

  /** The node's permissions, those of domains that have gone marked. */
  #permsOf(node: Node): Perms {
    return this.#xs.domains.settled(node);
  }

  /** PERM_* that `who` has on it. */
  #permsOn(node: Node): number {
    return permsFor(this.#who, this.#permsOf(node));
  }

  #touch(path: string): XsResult<void> {
    this.entries++;
    const tx = this.#tx;
    const most = isPrivileged(this.#who) ? Number.POSITIVE_INFINITY : this.#xs.quota.transactionNodes;
    if (tx === undefined || tx.touch(path, most)) return yes(undefined);
    tx.failed = "ENOMEM";
    return no("ENOSPC");
  }

  /** PERM_* of `who` on the nearest ancestor that exists ("/": on itself). */
  #nearestPerms(path: string): XsResult<number> {
    let at = path;
    for (;;) {
      at = at === "/" ? "/" : parentOf(at);
      const touched = this.#touch(at);
      if (!touched.ok) return touched;
      const node = at === "/" ? this.#tree.root : this.#tree.get(at);
      if (node !== undefined) return yes(this.#permsOn(node));
    }
  }

  #put(path: string, content: Content): void {
    if (this.#tx === undefined) this.#tree.put(path, content);
    else this.#tx.put(path, content);
  }

  /** Gives a node that exists another content, if the quotas allow. */
  #change(path: string, node: Node, content: Content): XsResult<void> {
    const size = recordSize(content, node.childBytes);
    const room = this.#fits(size, Math.max(0, size - recordSize(node, node.childBytes)));
    if (room.ok) this.#put(path, content);
    return room;
  }

  /** Makes a node and the missing ones above it; they inherit permissions, and belong to a domain that makes them. */
  #create(path: string, value: Octets): XsResult<void> {
    const missing: string[] = [];
    let at = path;
    while (at !== "/" && this.#tree.get(at) === undefined) {
      missing.unshift(at);
      at = parentOf(at);
      const touched = this.#touch(at);
      if (!touched.ok) return touched;
    }
    const parent = this.#tree.get(at);
    if (parent === undefined) return no("ENOENT");
    const [owner, ...others] = this.#permsOf(parent);
    const inherited: Perms = [
      isPrivileged(this.#who) ? owner : { ...owner, domid: this.#who.domid },
      ...others,
    ];
    if (this.#tx !== undefined) this.#tx.created = true;

    const room = this.#roomFor(missing, parent, value, inherited);
    if (!room.ok) return room;
    for (const made of missing) this.#put(made, { value: made === path ? value : "", perms: inherited });
    return yes(undefined);
  }

  #roomFor(missing: readonly string[], parent: Node, value: Octets, perms: Perms): XsResult<void> {
    if (isPrivileged(this.#who)) return yes(undefined);
    // A transaction's own nodes are counted at its end.
    const making = this.#tx === undefined ? missing.length : 1;
    if (this.#xs.tree.ownedBy(this.#who.domid) + making > this.#xs.quota.nodes) return no("ENOSPC");
    const first = missing[0] === undefined ? 0 : nameOf(missing[0]).length + 1;
    const inParent = this.#fits(recordSize(parent, parent.childBytes + first), 0);
    if (!inParent.ok) return inParent;
    const size = recordSize({ value, perms }, 0);
    let added = value.length;
    for (const path of missing) added += recordSize({ value: "", perms }, 0) + path.length;
    return this.#fits(size, added);
  }

  /** May a record be of this size, and the domain's whole grow by `added`? */
  #fits(size: number, added: number): XsResult<void> {
    const { quota, tree } = this.#xs;
    if (isPrivileged(this.#who)) return yes(undefined);
    if (size >= quota.entrySize) return no("ENOSPC");
    if (tree.bytesOf(this.#who.domid) + bytesHeld(this.#who) + added >= quota.memory) return no("ENOMEM");
    return yes(undefined);
  }

  #tell(path: string, reach: Reach, oldPerms: Perms | undefined): void {
    if (this.#tx === undefined) this.#xs.fire(path, reach, oldPerms);
    else this.#tx.queueEvent(path, reach);
  }
}
