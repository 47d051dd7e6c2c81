/** What a file that a guest is made of comes to. Blocks for as long as it takes: for a worker thread. */
import { readRamdisk } from "../dombuild/ramdisk.ts";
import { kernelSymbols } from "../dombuild/symbols.ts";
import type { Answers, UnpackAsk } from "../toolstack/wait.ts";
import { readKernelCached } from "./kernel-cache.ts";

export function unpack(
  ask: UnpackAsk["ask"],
  file: Uint8Array,
  cacheDirectory: string | undefined,
): Answers[UnpackAsk["ask"]] {
  switch (ask) {
    case "read-kernel":
      return readKernelCached(file, cacheDirectory);
    case "read-ramdisk":
      return readRamdisk(file);
    case "read-symbols": {
      const kernel = readKernelCached(file, cacheDirectory);
      return kernel.ok ? kernelSymbols(kernel.value.image) : [];
    }
  }
}
