/** Names of virtual disks and their device numbers (libxl__device_disk_dev_number; xen-vbd-interface(7)). */

const MAX_DISK = 2 ** 20 - 1;
const MAX_PARTITION = 255;

export interface Vdev {
  /** What the device is called in xenstore. */
  readonly devid: number;
  /** Which disk of its kind, from 0; undefined where only a number was given. */
  readonly disk?: number;
  readonly partition?: number;
}

/** xvda, xvdb3, d0p1, hda, sdb1, or a plain number (decimal, 0 octal, 0x); undefined: no such name. */
export function parseVdev(name: string): Vdev | undefined {
  const numbered = /^(?:0x[0-9a-f]+|\d+)$/i.test(name) ? Number(octalAware(name)) : undefined;
  if (numbered !== undefined) return numbered <= 0x7fff_ffff ? { devid: numbered } : undefined;
  const byNumber = /^d(0x[0-9a-f]+|\d+)p(0x[0-9a-f]+|\d+)$/i.exec(name);
  if (byNumber !== null)
    return xvd(Number(octalAware(byNumber[1] ?? "")), Number(octalAware(byNumber[2] ?? "")));
  const named = /^(xvd|hd|sd)([a-z]+)((?:[1-9]\d*)?)$/.exec(name);
  if (named === null) return undefined;
  const disk = letters(named[2] ?? "");
  const partition = named[3] === "" ? 0 : Number(named[3]);
  switch (named[1]) {
    case "xvd":
      return xvd(disk, partition);
    case "hd":
      if (disk > 3 || partition > 63) return undefined;
      return { devid: ((disk < 2 ? 3 : 22) << 8) | ((disk & 1) << 6) | partition, disk, partition };
    default:
      if (disk > 15 || partition > 15) return undefined;
      return { devid: (8 << 8) | (disk << 4) | partition, disk, partition };
  }
}

function xvd(disk: number, partition: number): Vdev | undefined {
  if (disk > MAX_DISK || partition > MAX_PARTITION) return undefined;
  const devid =
    disk <= 15 && partition <= 15
      ? (202 << 8) | (disk << 4) | partition
      : (1 << 28) | (disk << 8) | partition;
  return { devid, disk, partition };
}

/** a = 0, z = 25, aa = 26. */
const letters = (text: string): number =>
  [...text].reduce((sum, letter) => sum * 26 + letter.charCodeAt(0) - 96, 0) - 1;

/** As strtol with base 0 reads it. */
const octalAware = (text: string): string => (/^0\d+$/.test(text) ? `0o${text.slice(1)}` : text);
