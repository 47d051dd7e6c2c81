/** The worker thread that unpacks kernels and ramdisks: one job a message, answered by its id. See unpacker.ts. */
import { parentPort, workerData } from "node:worker_threads";
import { unpack } from "./unpack.ts";
import type { UnpackAnswer, UnpackJob } from "./unpacker.ts";

const { cacheDirectory } = workerData as { readonly cacheDirectory: string | undefined };

parentPort?.on("message", ({ id, ask, file }: UnpackJob) => {
  const value = unpack(ask, file, cacheDirectory);
  const answer: UnpackAnswer = { id, value };
  parentPort?.postMessage(answer, moved(value));
});

/** Big results change hands instead of being copied. */
function moved(value: UnpackAnswer["value"]): ArrayBuffer[] {
  if (!("bytes" in value) && !("ok" in value)) return [];
  const bytes = "bytes" in value ? value.bytes : value.ok ? value.value.image : undefined;
  return bytes?.buffer instanceof ArrayBuffer ? [bytes.buffer] : [];
}
