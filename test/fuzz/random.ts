/** A small deterministic source of numbers (xorshift128+), so that a seed names a run. */
export class Random {
  private a: number;
  private b: number;

  constructor(seed: number) {
    this.a = (seed ^ 0x9e37_79b9) >>> 0 || 1;
    this.b = Math.imul(seed + 1, 0x85eb_ca6b) >>> 0 || 2;
    for (let i = 0; i < 8; i++) this.u32();
  }

  u32(): number {
    let x = this.a;
    const y = this.b;
    this.a = y;
    x ^= x << 15;
    x ^= x >>> 18;
    x ^= y ^ (y >>> 13);
    this.b = x >>> 0;
    return Math.imul(this.b + y, 0x9e37_79b1) >>> 0;
  }

  /** 0..n-1 */
  below(n: number): number {
    return this.u32() % n;
  }

  chance(oneIn: number): boolean {
    return this.below(oneIn) === 0;
  }

  pick<T>(from: readonly T[]): T {
    return from[this.below(from.length)] as T;
  }

  u64(): bigint {
    return (BigInt(this.u32()) << 32n) | BigInt(this.u32());
  }
}
