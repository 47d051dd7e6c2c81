/** Where all randomness of the generator comes from: sfc32, seeded with a number and a name. */

export interface Random {
  /** 0 .. 2^32 - 1. */
  u32(): number;
  /** 0 .. n - 1. */
  below(n: number): number;
  chance(probability: number): boolean;
  pick<T>(list: readonly T[]): T;
  u64(): bigint;
}

/** FNV-1a. */
function hash(text: string, seed: number): number {
  let h = (0x811c9dc5 ^ seed) >>> 0;
  for (let i = 0; i < text.length; i++) h = Math.imul(h ^ text.charCodeAt(i), 0x01000193) >>> 0;
  return h;
}

/** Equal seed, name and number: equal sequence, whatever was drawn elsewhere. */
export function createRandom(seed: number, name: string, number = 0): Random {
  let a = seed | 0;
  let b = hash(name, seed) | 0;
  let c = Math.imul(number + 1, 0x9e3779b1) | 0;
  let d = 1;
  function u32(): number {
    const t = (((a + b) | 0) + d) | 0;
    d = (d + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = (c << 21) | (c >>> 11);
    c = (c + t) | 0;
    return t >>> 0;
  }
  for (let i = 0; i < 12; i++) u32();
  const below = (n: number): number => Math.floor((u32() / 4294967296) * n);
  return {
    u32,
    below,
    chance: (probability) => u32() < probability * 4294967296,
    pick: (list) => {
      if (list.length === 0) throw new Error("pick from nothing");
      return list[below(list.length)] as (typeof list)[number];
    },
    u64: () => (BigInt(u32()) << 32n) | BigInt(u32()),
  };
}
