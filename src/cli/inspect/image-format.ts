/** What kind of image a file is, from its first bytes and its last 512. */

export interface ImageFormat {
  readonly name: "raw" | "qcow2" | "vhd";
  /** Of the disk that a guest sees, bytes. */
  readonly virtualBytes: number;
  /** Facts of the header, a line each. */
  readonly facts: readonly string[];
}

const latin1 = (bytes: Uint8Array): string => new TextDecoder("latin1").decode(bytes);
const MIN_QCOW2 = 72;
const VHD_FOOTER = 512;
const VHD_KINDS: Readonly<Record<number, string>> = { 2: "fixed", 3: "dynamic", 4: "differencing" };

/** `head`: the first 4 KiB or fewer; `tail`: the last 512 bytes or fewer. */
export function imageFormat(head: Uint8Array, tail: Uint8Array, bytes: number): ImageFormat {
  return qcow2(head) ?? vhd(tail) ?? { name: "raw", virtualBytes: bytes - (bytes % 512), facts: [] };
}

function qcow2(head: Uint8Array): ImageFormat | undefined {
  if (head.length < MIN_QCOW2 || latin1(head.subarray(0, 4)) !== "QFI\xfb") return undefined;
  const view = new DataView(head.buffer, head.byteOffset, head.length);
  const version = view.getUint32(4);
  const backingAt = Number(view.getBigUint64(8));
  const backingLength = view.getUint32(16);
  const backing =
    backingAt > 0 && backingAt + backingLength <= head.length
      ? latin1(head.subarray(backingAt, backingAt + backingLength)).replace(/[^\x20-\x7e]/g, "?")
      : undefined;
  const facts = [`version ${version}`, `clusters of ${2 ** (view.getUint32(20) & 31)} bytes`];
  if (backing !== undefined) facts.push(`rests on ${backing}`);
  if (view.getUint32(32) !== 0) facts.push("encrypted");
  if (view.getUint32(60) > 0) facts.push(`${view.getUint32(60)} snapshots`);
  return { name: "qcow2", virtualBytes: Number(view.getBigUint64(24)), facts };
}

function vhd(tail: Uint8Array): ImageFormat | undefined {
  if (tail.length < VHD_FOOTER || latin1(tail.subarray(0, 8)) !== "conectix") return undefined;
  const view = new DataView(tail.buffer, tail.byteOffset, tail.length);
  const kind = VHD_KINDS[view.getUint32(60)] ?? `of unknown type ${view.getUint32(60)}`;
  const maker = latin1(tail.subarray(28, 32))
    .replace(/[^\x20-\x7e]/g, "?")
    .trim();
  return {
    name: "vhd",
    virtualBytes: Number(view.getBigUint64(48)),
    facts: [kind, ...(maker === "" ? [] : [`made by ${maker}`])],
  };
}
