/**
 * The tree as one request sees it: the whole store, or its transaction's snapshot; permissions and quotas are checked
 * here, and changes are told to the watchers (at once, or when the transaction commits).
 */
import type { Connection } from "./connection.ts";
import type { Octets } from "./octets.ts";
import { no, type XsResult, yes } from "./outcome.ts";
import { absolute, isValidPath, nameOf, parentOf } from "./path.ts";
import { isPrivileged, PERM_OWNER, PERM_READ, PERM_WRITE, type Perms, permsFor } from "./perms.ts";
import type { Quota } from "./quota.ts";
import type { Transaction } from "./transaction.ts";
import { type Node, type Tree, walk } from "./tree.ts";
import type { Reach } from "./watch.ts";

/** Tells watchers of a change; `oldPerms` too decide who may hear. */
export type Fire = (path: string, reach: Reach, oldPerms: Perms | undefined) => void;

/** Sizes of C xenstored's record: what a node costs against `entrySize`. */
const RECORD_HEADER = 24;
const RECORD_PERM = 8;

const has = (mask: number, wanted: number): boolean => (mask & wanted) === wanted;

export class View {
  readonly #who: Connection;
  readonly #tree: Tree;
  readonly #tx: Transaction | undefined;
  readonly #quota: Quota;
  readonly #fire: Fire;
  /** Nodes looked at: xenstored's work. */
  entries = 0;

  constructor(who: Connection, tree: Tree, tx: Transaction | undefined, quota: Quota, fire: Fire) {
    this.#who = who;
    this.#tree = tx?.tree ?? tree;
    this.#tx = tx;
    this.#quota = quota;
    this.#fire = fire;
  }

  /** The absolute path meant, EINVAL when it cannot be one. */
  path(said: string | undefined): XsResult<string> {
    if (said === undefined) return no("EINVAL");
    const path = absolute(said, this.#who.domid);
    return isValidPath(path) ? yes(path) : no("EINVAL");
  }

  /** The node, if `who` has all of PERM_* `wanted`; EACCES also hides whether there is one. */
  node(path: string, wanted: number): XsResult<Node> {
    const touched = this.#touch(path);
    if (!touched.ok) return touched;
    const node = this.#tree.get(path);
    if (node !== undefined && has(permsFor(this.#who, node.perms), wanted)) return yes(node);
    const told = this.#nearestPerms(path) & wanted ? (node === undefined ? "ENOENT" : "EACCES") : "EACCES";
    return no(told);
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
      const room = this.#fits(value, found.value.perms, found.value.children.keys());
      if (!room.ok) return room;
      this.#put(path, value, found.value.perms);
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
      this.#tell(visit.path, visit.path === path ? "below" : "exact", visit.node.perms);
    if (this.#tx === undefined) this.#tree.remove(path);
    else this.#tx.remove(path);
    return yes(undefined);
  }

  setPerms(path: string, perms: Perms): XsResult<void> {
    if (!isPrivileged(this.#who) && perms.length > this.#quota.permsPerNode) return no("ENOSPC");
    const found = this.node(path, PERM_WRITE | PERM_OWNER);
    if (!found.ok) return found;
    const { value, perms: old, children } = found.value;
    if (!isPrivileged(this.#who) && perms[0].domid !== old[0].domid) return no("EPERM");
    const room = this.#fits(value, perms, children.keys());
    if (!room.ok) return room;
    this.#put(path, value, perms);
    this.#tell(path, "below", old);
    return yes(undefined);
  }

  #touch(path: string): XsResult<void> {
    this.entries++;
    const tx = this.#tx;
    if (tx === undefined) return yes(undefined);
    tx.touch(path);
    if (!isPrivileged(this.#who) && tx.touchedNodes() > this.#quota.transactionNodes) {
      tx.failed = "ENOMEM";
      return no("ENOSPC");
    }
    return yes(undefined);
  }

  /** PERM_* of `who` on the nearest ancestor that exists. */
  #nearestPerms(path: string): number {
    for (let at = path; at !== "/"; ) {
      at = parentOf(at);
      const node = this.#tree.get(at);
      if (node !== undefined) return permsFor(this.#who, node.perms);
    }
    return permsFor(this.#who, this.#tree.root.perms);
  }

  #put(path: string, value: Octets, perms: Perms): void {
    if (this.#tx === undefined) this.#tree.put(path, { value, perms });
    else this.#tx.put(path, { value, perms });
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
    const inherited: Perms = isPrivileged(this.#who)
      ? parent.perms
      : [{ domid: this.#who.domid, access: parent.perms[0].access }, ...parent.perms.slice(1)];
    if (this.#tx !== undefined) this.#tx.created = true;

    const room = this.#roomFor(missing, parent, value, inherited);
    if (!room.ok) return room;
    for (const made of missing) this.#put(made, made === path ? value : "", inherited);
    return yes(undefined);
  }

  #roomFor(missing: readonly string[], parent: Node, value: Octets, perms: Perms): XsResult<void> {
    if (isPrivileged(this.#who)) return yes(undefined);
    if (this.#tree.ownedBy(this.#who.domid) + missing.length > this.#quota.nodes) return no("ENOSPC");
    const names = [...parent.children.keys(), ...missing.slice(0, 1).map(nameOf)];
    const inParent = this.#fits(parent.value, parent.perms, names);
    return inParent.ok ? this.#fits(value, perms, []) : inParent;
  }

  #fits(value: Octets, perms: Perms, children: Iterable<string>): XsResult<void> {
    if (isPrivileged(this.#who)) return yes(undefined);
    let size = RECORD_HEADER + RECORD_PERM * perms.length + value.length;
    for (const name of children) size += name.length + 1;
    return size >= this.#quota.entrySize ? no("ENOSPC") : yes(undefined);
  }

  #tell(path: string, reach: Reach, oldPerms: Perms | undefined): void {
    if (this.#tx === undefined) this.#fire(path, reach, oldPerms);
    else this.#tx.queueEvent(path, reach);
  }
}
