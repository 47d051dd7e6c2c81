/** Who may do what with a node: a list whose first entry names the owner and what everybody else may do. */

/** n none, r read, w write, b both. */
export type Access = "n" | "r" | "w" | "b";

export interface Perm {
  readonly domid: number;
  readonly access: Access;
  /** Its domain was not there when this was said, or has gone since: a later one of that number inherits nothing. */
  readonly ignored?: true;
}

/** Owner first; never empty. */
export type Perms = readonly [Perm, ...Perm[]];

export const PERM_READ = 1;
export const PERM_WRITE = 2;
export const PERM_OWNER = 4;

const MASK: Record<Access, number> = { n: 0, r: PERM_READ, w: PERM_WRITE, b: PERM_READ | PERM_WRITE };

/** Who asks: dom0 may everything; `target` is the domain that a stub domain acts for. */
export interface Subject {
  readonly domid: number;
  readonly target: number | undefined;
}

export const isPrivileged = (who: Subject): boolean => who.domid === 0;

/** PERM_* that `who` has by this list. */
export function permsFor(who: Subject, perms: Perms): number {
  const owner = perms[0];
  if (isPrivileged(who) || owner.domid === who.domid || owner.domid === who.target) {
    return PERM_READ | PERM_WRITE | PERM_OWNER;
  }
  for (let i = 1; i < perms.length; i++) {
    const perm = perms[i];
    if (perm === undefined || perm.ignored === true) continue;
    if (perm.domid === who.domid || perm.domid === who.target) return MASK[perm.access];
  }
  return MASK[owner.access];
}

const PERM = /^([nrwb])(\d{1,9})$/;

/** `n0`, `r5`; undefined when one of them is no permission. */
export function parsePerms(strings: readonly string[]): Perms | undefined {
  const perms: Perm[] = [];
  for (const text of strings) {
    const found = PERM.exec(text);
    if (found === null) return undefined;
    perms.push({ domid: Number(found[2]), access: found[1] as Access });
  }
  const [owner, ...others] = perms;
  return owner === undefined ? undefined : [owner, ...others];
}

export const formatPerms = (perms: Perms): string[] => perms.map((perm) => perm.access + perm.domid);

/** The list without `domid` (which has gone); what it owned is dom0's. */
export function withoutDomain(perms: Perms, domid: number): Perms {
  const [owner, ...others] = perms;
  return [
    owner.domid === domid ? { ...owner, domid: 0 } : owner,
    ...others.filter((perm) => perm.domid !== domid),
  ];
}

/** The list with those entries marked whose domain is not `inForce`; the owner stays as it is. */
export function markIgnored(perms: Perms, inForce: (domid: number) => boolean): Perms {
  const [owner, ...others] = perms;
  const stale = (perm: Perm): boolean => perm.ignored !== true && !inForce(perm.domid);
  if (!others.some(stale)) return perms;
  return [owner, ...others.map((perm): Perm => (stale(perm) ? { ...perm, ignored: true } : perm))];
}
