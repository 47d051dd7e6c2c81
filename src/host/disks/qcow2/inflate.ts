/** Compressed clusters: raw deflate, or a zstd frame; what follows in the last sector is not part of it. */
import { constants, inflateRaw } from "node:zlib";
import { unzstdFrame } from "../../../image/payload/zstd.ts";
import { ImageError } from "../image.ts";

/** To `size` bytes. */
export function inflateCluster(
  packed: Uint8Array,
  size: number,
  kind: "deflate" | "zstd",
): Promise<Uint8Array> {
  if (kind === "zstd") {
    const unpacked = unzstdFrame(packed, size);
    if (!unpacked.ok || unpacked.value.length !== size)
      return Promise.reject(new ImageError("a compressed cluster is damaged"));
    return Promise.resolve(unpacked.value);
  }
  return new Promise((resolve, reject) => {
    inflateRaw(packed, { finishFlush: constants.Z_SYNC_FLUSH, maxOutputLength: size }, (error, bytes) => {
      if (error !== null || bytes.length !== size) reject(new ImageError("a compressed cluster is damaged"));
      else resolve(bytes);
    });
  });
}
