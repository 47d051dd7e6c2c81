/** CRC-32C (Castagnoli), as ext4, jbd2, xfs and btrfs have it: eight bytes a step. */

const TABLES = makeTables();

function makeTables(): Uint32Array {
  const tables = new Uint32Array(8 * 256);
  for (let n = 0; n < 256; n++) {
    let c = n;
    for (let k = 0; k < 8; k++) c = c & 1 ? (c >>> 1) ^ 0x82f63b78 : c >>> 1;
    tables[n] = c;
  }
  for (let n = 0; n < 256; n++) {
    let c = tables[n] as number;
    for (let t = 1; t < 8; t++) {
      c = (tables[c & 0xff] as number) ^ (c >>> 8);
      tables[t * 256 + n] = c;
    }
  }
  return tables;
}

/** The register after `bytes`, from `seed`: neither is inverted, as the kernel's crc32c() has it. */
export function crc32cRaw(seed: number, bytes: Uint8Array): number {
  const t = TABLES;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let c = seed;
  let i = 0;
  for (const end = bytes.length - 7; i < end; i += 8) {
    const a = c ^ view.getUint32(i, true);
    const b = view.getUint32(i + 4, true);
    c =
      (t[0x700 + (a & 0xff)] as number) ^
      (t[0x600 + ((a >>> 8) & 0xff)] as number) ^
      (t[0x500 + ((a >>> 16) & 0xff)] as number) ^
      (t[0x400 + (a >>> 24)] as number) ^
      (t[0x300 + (b & 0xff)] as number) ^
      (t[0x200 + ((b >>> 8) & 0xff)] as number) ^
      (t[0x100 + ((b >>> 16) & 0xff)] as number) ^
      (t[b >>> 24] as number);
  }
  for (; i < bytes.length; i++) c = (t[(c ^ (bytes[i] as number)) & 0xff] as number) ^ (c >>> 8);
  return c >>> 0;
}

/** The checksum itself: "123456789" gives 0xe3069283. */
export const crc32c = (bytes: Uint8Array): number => ~crc32cRaw(0xffffffff, bytes) >>> 0;
