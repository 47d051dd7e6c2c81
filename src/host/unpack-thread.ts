/** The worker thread that unpacks kernels and ramdisks: one job a message, answered by its id. See unpacker.ts. */
import { parentPort, workerData } from "node:worker_threads";
import { readRamdisk } from "../dombuild/ramdisk.ts";
import { readKernelCached } from "./kernel-cache.ts";
import type { UnpackAnswer, UnpackJob } from "./unpacker.ts";

const { cacheDirectory } = workerData as { readonly cacheDirectory: string | undefined };

parentPort?.on("message", ({ id, ask, file }: UnpackJob) => {
  const value = ask === "read-kernel" ? readKernelCached(file, cacheDirectory) : readRamdisk(file);
  const answer: UnpackAnswer = { id, value };
  parentPort?.postMessage(answer, moved(value));
});

/** Big results change hands instead of being copied. */
function moved(value: UnpackAnswer["value"]): ArrayBuffer[] {
  const bytes = "bytes" in value ? value.bytes : value.ok ? value.value.image : undefined;
  return bytes?.buffer instanceof ArrayBuffer ? [bytes.buffer] : [];
}
