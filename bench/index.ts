/**
 * npm run bench [-- NAME…]: engine, list, boot, disk, mini-os, calibrate; all but calibrate when none is named.
 * Real cost is host CPU or wall time of this process; virtual figures are called virtual.
 */
const BENCHES: Record<string, () => Promise<{ run(): Promise<void> | void }>> = {
  engine: () => import("./engine.ts"),
  list: () => import("./list.ts"),
  boot: () => import("./boot.ts"),
  disk: () => import("./disk.ts"),
  "mini-os": () => import("./mini-os.ts"),
  calibrate: () => import("./calibrate.ts"),
};

const wanted = process.argv.slice(2);
const unknown = wanted.filter((name) => !(name in BENCHES));
if (unknown.length > 0) {
  console.error(
    `bench: no such benchmark: ${unknown.join(", ")} (there are: ${Object.keys(BENCHES).join(", ")})`,
  );
  process.exit(2);
}
for (const name of wanted.length > 0 ? wanted : ["engine", "list", "boot", "disk", "mini-os"]) {
  console.log(`\n== ${name} ==`);
  await (await BENCHES[name]?.())?.run();
}
