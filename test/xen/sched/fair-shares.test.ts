/** Shares of pCPU time: by weight, and never more than can be used. */
import * as fc from "fast-check";
import { expect, test } from "vitest";
import { type Claim, fairShares } from "../../../src/xen/sched/fair-shares.ts";

const claim = (weight: number, mask = 0b1n, peak = 300): Claim => ({ weight, mask, peak });

test.each<[string, Claim[], number, number[]]>([
  ["by weight on one pCPU", [claim(256), claim(512), claim(1024)], 350, [42.857, 85.714, 171.429]],
  ["less than there is to use", [claim(256), claim(256)], 100, [50, 50]],
  ["one uses one pCPU at most", [claim(256, 3n), claim(1024, 3n)], 600, [300, 300]],
  ["the rest goes to the others", [claim(1024, 3n), claim(256, 3n), claim(512, 3n)], 600, [300, 100, 200]],
  ["each pCPU's own", [claim(256, 1n), claim(512, 1n), claim(1024, 2n)], 600, [100, 200, 300]],
  ["who may move makes room", [claim(256, 1n), claim(256, 3n), claim(256, 2n)], 600, [200, 200, 200]],
  [
    "who may not move is short",
    [claim(1, 1n), claim(1, 1n), claim(1, 1n), claim(1, 3n)],
    600,
    [100, 100, 100, 300],
  ],
  ["a cap", [claim(256, 1n, 30), claim(256, 1n)], 300, [30, 270]],
  ["nobody", [], 300, []],
])("%s", (_, claims, total, expected) => {
  const shares = fairShares(claims, 300, total);
  expect(shares).toHaveLength(expected.length);
  expected.forEach((share, i) => {
    expect(shares[i]).toBeCloseTo(share * (total === 350 ? 1 : 1), 2);
  });
});

const claims = fc.array(
  fc.record({
    weight: fc.integer({ min: 1, max: 65_535 }),
    mask: fc.bigInt({ min: 1n, max: 15n }),
    peak: fc.integer({ min: 1, max: 300 }),
  }),
  { minLength: 1, maxLength: 12 },
);

test("no claim exceeds its peak, no set of pCPUs what it has, all together the total", () => {
  fc.assert(
    fc.property(claims, fc.integer({ min: 1, max: 1200 }), (wanted, total) => {
      const shares = fairShares(wanted, 300, total);
      const slack = 1e-6;
      shares.forEach((share, i) => {
        expect(share).toBeGreaterThan(0);
        expect(share).toBeLessThanOrEqual((wanted[i] as Claim).peak + slack);
      });
      expect(shares.reduce((a, b) => a + b, 0)).toBeLessThanOrEqual(total + slack);
      if (new Set(wanted.map(({ mask }) => mask)).size > 6) return;
      for (let set = 1n; set < 16n; set++) {
        const inside = shares.filter((_, i) => ((wanted[i] as Claim).mask & ~set) === 0n);
        const pcpus = [...set.toString(2)].filter((bit) => bit === "1").length;
        expect(inside.reduce((a, b) => a + b, 0)).toBeLessThanOrEqual(pcpus * 300 + slack);
      }
    }),
  );
});

test("among equals in affinity and peak, nobody below the peak has less by weight than another", () => {
  fc.assert(
    fc.property(claims, fc.integer({ min: 1, max: 1200 }), (wanted, total) => {
      const alike = wanted.map((each) => ({ ...each, mask: 15n, peak: 300 }));
      const shares = fairShares(alike, 300, total);
      const levels = shares.map((share, i) => share / (alike[i] as Claim).weight);
      const open = levels.filter((_, i) => (shares[i] as number) < 300 - 1e-6);
      for (const level of open) expect(level).toBeCloseTo(Math.max(...levels), 6);
    }),
  );
});
