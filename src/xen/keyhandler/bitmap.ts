/** Sets of small numbers as Xen's `%*pbl` prints them: `0-3,7`. */
export function bitmapList(members: Iterable<number>): string {
  const runs: [number, number][] = [];
  for (const n of [...members].sort((a, b) => a - b)) {
    const last = runs.at(-1);
    if (last !== undefined && last[1] === n - 1) last[1] = n;
    else runs.push([n, n]);
  }
  return runs.map(([from, to]) => (from === to ? `${from}` : `${from}-${to}`)).join(",");
}

/** The positions that are true. */
export const setOf = (flags: readonly boolean[]): number[] => flags.flatMap((set, n) => (set ? [n] : []));
