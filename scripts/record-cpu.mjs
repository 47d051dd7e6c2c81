#!/usr/bin/env node
// Asks this machine's processor what its instructions do (test/cpu/differential): records fixtures, or compares fresh
// cases with the engine at once. Needs gcc, and Linux on x86-64.
import { register } from "node:module";

// The differential tests are TypeScript with nothing but erasable syntax: types are stripped as files are loaded.
const hooks = `
import { readFile } from "node:fs/promises";
import ts from ${JSON.stringify(import.meta.resolve("typescript"))};
export async function load(url, context, next) {
  if (!url.endsWith(".ts")) return next(url, context);
  const source = await readFile(new URL(url), "utf8");
  const { outputText } = ts.transpileModule(source, {
    compilerOptions: { target: "ES2022", module: "ESNext", verbatimModuleSyntax: true, jsx: "react-jsx" },
  });
  return { format: "module", source: outputText, shortCircuit: true };
}`;
register(`data:text/javascript,${encodeURIComponent(hooks)}`);

const { main } = await import("../test/cpu/differential/command.ts");
process.exitCode = await main(process.argv.slice(2));
