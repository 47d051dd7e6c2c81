/** Where a memory operand may lie: mostly well, sometimes across a page, on nothing, or where no address can be. */
import { DATA, STACK, TO_HIGH } from "../machine.ts";
import type { Random } from "../prng.ts";

export interface TargetWish {
  readonly size: number;
  readonly access: "r" | "w" | "rw";
  readonly align: number;
  /** Only addresses that fit in 32 bits. */
  readonly low: boolean;
}

const PAGE = 0x1000n;

/** An address such that the operand crosses into the page that begins at `boundary`. */
function across(rng: Random, boundary: bigint, size: number): bigint {
  return size < 2 ? boundary - 1n : boundary - BigInt(1 + rng.below(size - 1));
}

export function chooseTarget(rng: Random, wish: TargetWish): bigint {
  const { size, access } = wish;
  const n = BigInt(size);
  const inside = (page: bigint, pages: number): bigint => {
    let at = page + BigInt(rng.below(Math.max(1, pages * 4096 - size)));
    if (wish.align > 1 ? rng.chance(0.92) : rng.chance(0.3)) {
      const to = BigInt(wish.align > 1 ? wish.align : Math.min(size, 16) || 1);
      at -= at % to;
    }
    return at;
  };
  const kind = rng.below(1000);
  let at: bigint;
  if (kind < 780) at = inside(DATA, 2);
  else if (kind < 810) at = inside(DATA + 4n * PAGE, 1);
  else if (kind < 840) at = inside(STACK, 2);
  else if (kind < 880) at = wish.align > 1 ? inside(DATA, 2) : across(rng, DATA + PAGE, size);
  else if (kind < 915)
    at = inside(DATA + 2n * PAGE, 1); // read only
  else if (kind < 935)
    at = inside(DATA + 3n * PAGE, 1); // nothing there
  else if (kind < 950)
    at = across(rng, DATA + 2n * PAGE, size); // writable, then read only
  else if (kind < 965)
    at = across(rng, access === "r" ? DATA + 3n * PAGE : DATA + 5n * PAGE, size); // then nothing
  else if (kind < 972)
    at = across(rng, DATA, size); // from nothing
  else if (kind < 980) at = inside(rng.pick([0n, 0x7fff0000n, 0x10003000n]), 1);
  else if (kind < 985 && !wish.low) at = 0x6f0000000000n + (rng.u64() & 0xffffffn);
  else if (kind < 998 && !wish.low) return nonCanonical(rng, size);
  else at = DATA + PAGE - n - BigInt(rng.below(64));
  if (at < 0n) at = 0n;
  if (!wish.low && at >= DATA && at < DATA + 6n * PAGE && rng.chance(0.2)) at += TO_HIGH;
  return at;
}

function nonCanonical(rng: Random, size: number): bigint {
  const v = rng.pick([
    0x0000800000000000n,
    0x0000800000000000n - BigInt(size > 1 ? 1 : 0), // the last byte that can be, and beyond
    0x8000000000000000n,
    0xffff7fffffffff00n,
    0x1234567890abcdefn,
    rng.u64() | 0x4000800000000000n,
  ]);
  return v === 0x00007fffffffffffn ? 0x0000800000000000n : v;
}
