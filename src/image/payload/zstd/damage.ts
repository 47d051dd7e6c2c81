/** Thrown where zstd data turn out to be none; caught by `unzstd`, which answers. */
export class Damage extends Error {}

export function damage(why: string): never {
  throw new Damage(why);
}
