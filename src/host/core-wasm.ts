/** Finds the engine's compiled core: build/core.wasm of this package, whether we run from src/, dist/ or a bundle in build/. */
import { existsSync, readFileSync } from "node:fs";

let compiled: WebAssembly.Module | undefined;

function corePath(): URL {
  for (let dir = new URL("./", import.meta.url); ; ) {
    const path = new URL("build/core.wasm", dir);
    if (existsSync(path)) return path;
    const above = new URL("../", dir);
    if (above.href === dir.href) throw new Error("build/core.wasm is missing: run `npm run build`");
    dir = above;
  }
}

/** The core, compiled once a process. Throws when it has not been built. */
export function coreModule(): WebAssembly.Module {
  compiled ??= new WebAssembly.Module(readFileSync(corePath()));
  return compiled;
}
