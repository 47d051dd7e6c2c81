/** CRC-64 as xz has it (ECMA-182, reflected), in two halves of 32 bits. */

const LOW = new Uint32Array(256);
const HIGH = new Uint32Array(256);
for (let n = 0; n < 256; n++) {
  let low = n;
  let high = 0;
  for (let k = 0; k < 8; k++) {
    const odd = low & 1;
    low = (low >>> 1) | (high << 31);
    high >>>= 1;
    if (odd) {
      low ^= 0xd7870f42;
      high ^= 0xc96c5795;
    }
  }
  LOW[n] = low;
  HIGH[n] = high;
}

export function crc64(bytes: Uint8Array): bigint {
  let low = -1;
  let high = -1;
  for (let i = 0; i < bytes.length; i++) {
    const n = (low ^ (bytes[i] as number)) & 0xff;
    low = ((low >>> 8) | (high << 24)) ^ (LOW[n] as number);
    high = (high >>> 8) ^ (HIGH[n] as number);
  }
  return (BigInt(~high >>> 0) << 32n) | BigInt(~low >>> 0);
}
