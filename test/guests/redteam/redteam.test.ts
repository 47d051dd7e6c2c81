/** The red team against the real hypervisor and engine, beside a neighbour that never runs. */
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { type Domid, Gfn, type Mfn } from "../../../src/abi/types.ts";
import { createEngine } from "../../../src/cpu/engine.ts";
import { readKernel } from "../../../src/dombuild/kernel.ts";
import { buildPv } from "../../../src/dombuild/pv.ts";
import { assemble, formatErrors } from "../../../src/guests/hello/asm/assemble.ts";
import { elfFile } from "../../../src/guests/hello/asm/elf-file.ts";
import { ATTEMPTS } from "../../../src/guests/redteam/attempts.ts";
import { redteamSource } from "../../../src/guests/redteam/source.ts";
import { Nanos } from "../../../src/lib/brand.ts";
import { createXen, type Xen } from "../../../src/xen/index.ts";
import { must } from "../../xen/support/world.ts";

const CONS_OUT = 0x400;
const PAGES = 64;

function image(): Uint8Array {
  const program = assemble(redteamSource());
  if (!program.ok) throw new Error(formatErrors("redteam", program.errors.slice(0, 5)));
  const file = elfFile(program.value);
  if (!file.ok) throw new Error(file.why);
  return file.value;
}

const newDomain = (xen: Xen, maxVcpus: number): Domid =>
  must(
    xen.dom0.domctl.create({
      handle: new Uint8Array(16),
      type: "pv",
      maxVcpus,
      maxEvtchnPort: 1023,
      maxGrantFrames: 4,
      maxMaptrackFrames: 4,
    }),
  );

/** A domain whose memory is full of a pattern; it stays paused. */
function neighbour(xen: Xen): { domid: Domid; mfns: Mfn[] } {
  const domid = newDomain(xen, 1);
  must(xen.dom0.domctl.setMaxMem(domid, PAGES * 4));
  const mfns = must(xen.dom0.memory.populate(domid, Gfn(0x10_0000), PAGES));
  for (const [i, mfn] of mfns.entries()) {
    const frame = must(xen.dom0.memory.mapForeign(domid, mfn, "write"));
    frame.write(0, new Uint8Array(4096).fill(i + 1));
    frame.unmap();
  }
  return { domid, mfns };
}

function fingerprint(xen: Xen, { domid, mfns }: { domid: Domid; mfns: Mfn[] }): string {
  const hash = createHash("sha1");
  for (const mfn of mfns) {
    const frame = must(xen.dom0.memory.mapForeign(domid, mfn, "read"));
    hash.update(frame.read(0, 4096));
    frame.unmap();
  }
  return hash.digest("hex");
}

test("every attempt is refused, and the neighbour's memory is as it was", { timeout: 120_000 }, () => {
  const xen = createXen({
    engine: createEngine({
      core: readFileSync(new URL("../../../build/core.wasm", import.meta.url)),
      memoryPages: 6144,
    }),
    memoryMib: 64,
    pcpus: 2,
    cpuMhz: 1000,
    dom0MemoryMib: 8,
    dom0Vcpus: 1,
    wallclock: 1_700_000_000,
    seed: 1,
  });
  const other = neighbour(xen);
  const before = fingerprint(xen, other);
  const gate = xen.dom0;
  const domid = newDomain(xen, 2);
  must(gate.domctl.setMaxMem(domid, 16 * 1024));
  const consolePort = must(gate.evtchn.allocUnbound(domid, gate.domid));
  const kernel = readKernel(image());
  if (!kernel.ok) throw new Error(kernel.why);
  const built = buildPv(gate, domid, {
    kernel: kernel.value,
    cmdline: "",
    memKib: 8 * 1024,
    storePort: consolePort,
    consolePort,
  });
  if (!built.ok) throw new Error(built.why);
  const ring = must(gate.memory.mapForeign(domid, built.value.consoleMfn, "write"));
  let printed = "";
  must(gate.domctl.unpause(domid));
  const state = () => {
    const info = gate.domctl.getInfo(domid);
    return info.ok ? info.value : undefined;
  };
  for (let slice = 0; slice < 20_000 && state()?.shutdown === false; slice++) {
    const outcome = xen.run(Nanos(xen.clock.now() + 1_000_000), 1_000_000);
    if (outcome.state === "idle") xen.advanceIdle(Nanos(outcome.until ?? 0));
    const prod = ring.getUint32(0xc0c);
    for (let at = ring.getUint32(0xc08); at !== prod; at = (at + 1) >>> 0)
      printed += String.fromCharCode(ring.getUint8(CONS_OUT + (at & 2047)));
    ring.setUint32(0xc08, prod);
  }
  const lines = printed.trimEnd().split("\n");
  const log = must(gate.sysctl.readConsole(false)).split("\n").slice(-12);
  expect(
    lines.filter((line) => line.includes("(!)")),
    printed,
  ).toEqual([]);
  expect(lines.at(-1), `${lines.slice(-3).join("\n")}\n${log.join("\n")}`).toBe("Test result: SUCCESS");
  expect(lines.length).toBe(ATTEMPTS.length + 5);
  expect(state()).toMatchObject({ shutdown: true, shutdownCode: 0 });
  expect(fingerprint(xen, other)).toBe(before);
});
