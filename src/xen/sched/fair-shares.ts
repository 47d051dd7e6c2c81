/**
 * Who is owed how much of a span of pCPU time: proportional to weight, as far as that can be used at all. A vCPU uses one
 * pCPU at a time, and only those that its hard affinity allows; what one cannot use goes to the others (weighted max-min
 * fairness). Pure arithmetic; credit.ts asks every accounting period.
 */

export interface Claim {
  readonly weight: number;
  /** The most it can be given: the span, or less under a cap. */
  readonly peak: number;
  /** pCPUs it may run on, a bit each. */
  readonly mask: bigint;
}

/** Above so many distinct affinities not all their unions are looked at: the shares are then a little off, nothing else. */
const MOST_MASKS = 6;

/**
 * Divides `total` over the claims; what is left over is what nobody could use. `span`: pCPU time that each pCPU has, in
 * the unit of `total` and of the answer.
 */
export function fairShares(claims: readonly Claim[], span: number, total: number): number[] {
  const shares = claims.map(() => 0);
  const open = new Set(claims.keys());
  const pools = [
    { mask: -1n, room: total },
    ...unions(claims).map((mask) => ({ mask, room: span * bits(mask) })),
  ];
  const inside = (claim: Claim, mask: bigint): boolean => (claim.mask & ~mask) === 0n;
  while (open.size > 0) {
    // The level (time per weight) at which the first limit is met, and whom it stops.
    let level = Number.POSITIVE_INFINITY;
    for (const i of open) {
      const { peak, weight } = claims[i] as Claim;
      level = Math.min(level, peak / weight);
    }
    for (const { mask, room } of pools) {
      let weight = 0;
      let taken = 0;
      claims.forEach((claim, i) => {
        if (!inside(claim, mask)) return;
        if (open.has(i)) weight += claim.weight;
        else taken += shares[i] as number;
      });
      if (weight > 0) level = Math.min(level, Math.max(0, room - taken) / weight);
    }
    const reached = level * (1 + Number.EPSILON * 16);
    const stopped = new Set<number>();
    for (const i of open) {
      const { peak, weight } = claims[i] as Claim;
      shares[i] = level * weight;
      if (peak / weight <= reached) stopped.add(i);
    }
    for (const { mask, room } of pools) {
      const members = [...claims.keys()].filter((i) => inside(claims[i] as Claim, mask));
      const used = members.reduce((sum, i) => sum + (shares[i] as number), 0);
      if (used * (1 + 1e-12) >= room) for (const i of members) if (open.has(i)) stopped.add(i);
    }
    if (stopped.size === 0) break; // arithmetic at its end: nothing worth dividing is left
    for (const i of stopped) open.delete(i);
  }
  return shares;
}

/** The sets of pCPUs that may be short: unions of affinities. */
function unions(claims: readonly Claim[]): bigint[] {
  const masks = [...new Set(claims.map(({ mask }) => mask))];
  const all = new Set<bigint>(masks);
  if (masks.length > MOST_MASKS) {
    all.add(masks.reduce((whole, mask) => whole | mask, 0n));
    return [...all];
  }
  for (const mask of masks) for (const other of [...all]) all.add(mask | other);
  return [...all];
}

function bits(mask: bigint): number {
  let count = 0;
  for (let rest = mask; rest !== 0n; rest &= rest - 1n) count++;
  return count;
}
