/** Finds the engine's compiled core, build/core.wasm of this package: beside src/ and dist/ alike. */
import { readFileSync } from "node:fs";

let compiled: WebAssembly.Module | undefined;

/** The core, compiled once a process. Throws when it has not been built (`npm run build`). */
export function coreModule(): WebAssembly.Module {
  compiled ??= new WebAssembly.Module(readFileSync(new URL("../../build/core.wasm", import.meta.url)));
  return compiled;
}
