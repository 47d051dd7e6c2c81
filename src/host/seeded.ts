/** Randomness that a seed decides: what a warp run needs of it is the same every time. */

/** splitmix32 */
function seededNumbers(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x9e37_79b9) >>> 0;
    let z = state;
    z = Math.imul(z ^ (z >>> 16), 0x21f0_aaad);
    z = Math.imul(z ^ (z >>> 15), 0x735a_2d97);
    return (z ^ (z >>> 15)) >>> 0;
  };
}

/** 16 bytes at a time. */
export function seededBytes(seed: number): () => Uint8Array {
  const next = seededNumbers(seed ^ 0x7575_6964);
  return () => Uint8Array.from({ length: 16 }, () => next() & 0xff);
}
