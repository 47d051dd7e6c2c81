/** Random hypercalls: a short run of what `npm run fuzz` does for 5 million, and proof that its eyes are open. */
import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { Nanos } from "../../src/lib/brand.ts";
import type { Domain } from "../../src/xen/domain/domain.ts";
import type { Machine } from "../../src/xen/machine.ts";
import { COUNT, PGT_l1, TYPE_COUNT, TYPE_MASK, TYPE_SHIFT } from "../../src/xen/memory/frame-table.ts";
import { makeWorld } from "../xen/support/world.ts";
import { fuzz } from "./fuzz.ts";
import { findFault } from "./invariants.ts";

const core = new WebAssembly.Module(readFileSync(new URL("../../build/core.wasm", import.meta.url)));

test("100,000 random calls: no host error, every count justified, the neighbour untouched", {
  timeout: 300_000,
}, () => {
  const result = fuzz({ core, calls: 100_000, seed: 20_26, now: () => performance.now() });
  expect(result.fault).toBeUndefined();
  expect(result.calls).toBe(100_000);
  expect(result.accepted).toBeGreaterThan(20_000);
  expect(result.refused).toBeGreaterThan(20_000);
});

type Tamper = (info: Uint32Array, mfn: number, domain: Domain, machine: Machine) => void;
const TAMPERS: readonly (readonly [what: string, tamper: Tamper])[] = [
  [
    "a reference too many",
    (info, mfn) => {
      info[(mfn << 2) + COUNT] = 9;
    },
  ],
  [
    "a type reference too many",
    (info, mfn) => {
      info[(mfn << 2) + TYPE_COUNT] = 9;
    },
  ],
  [
    "a page table mapped writable",
    (info, mfn) => {
      info[mfn << 2] = ((info[mfn << 2] as number) & ~TYPE_MASK) | (PGT_l1 << TYPE_SHIFT);
    },
  ],
  [
    "a page that is not in the domain's record",
    (_, __, domain) => {
      domain.memory.totPages--;
    },
  ],
  [
    "a port whose other end is closed",
    (_, __, domain) => {
      domain.events.channels.push({ state: "interdomain", remote: domain, remotePort: 6, vcpu: 0 });
    },
  ],
  [
    "timers that nobody holds",
    (_, __, ___, machine) => {
      for (let i = 0; i < 3; i++) machine.time.at(Nanos(1e9), () => {});
    },
  ],
  [
    "a timer that is held and not armed",
    (_, __, { vcpus }) => {
      for (const each of vcpus) each.timers.singleshot = { when: Nanos(1), cancel() {} };
    },
  ],
];

test.each(TAMPERS)("the check finds %s", (_, tamper) => {
  const world = makeWorld();
  const guest = world.guest();
  expect(findFault(world.machine)).toBeUndefined();
  tamper(world.machine.frames.info, guest.mfns[10] as number, guest.domain, world.machine);
  expect(findFault(world.machine)).toBeDefined();
});
