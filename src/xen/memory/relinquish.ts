/**
 * The end of a domain's memory (`domain_relinquish_resources`), in slices: what references what is taken apart first, so
 * that nothing recurses, then every frame loses its owner's reference. Frames that others still map stay, owned by the
 * dying domain, until they are unmapped.
 */
import { bug } from "../../lib/absurd.ts";
import type { Domain } from "../domain/domain.ts";
import { releaseGrantTable, releaseMappings } from "../gnttab/teardown.ts";
import type { Machine } from "../machine.ts";
import { claim } from "./allocate.ts";
import { dropBases } from "./base-pointer.ts";
import { destroyGdt, destroyLdt } from "./descriptors.ts";
import {
  COUNT,
  OWNER_MASK,
  PGF_ALLOCATED,
  PGF_PINNED,
  PGF_VALIDATED,
  PGF_XEN_HEAP,
  PGT_l1,
  PGT_l4,
  TYPE_MASK,
  TYPE_SHIFT,
} from "./frame-table.ts";
import { forceDevalidate, putFrameAndType } from "./page-types.ts";
import { putFrame } from "./references.ts";
import { dropAll } from "./stepwise.ts";

/** Frames looked at count 1; a table taken apart counts as many. */
const TABLE_COST = 256;

/**
 * Goes on taking `domain`'s memory apart for about `budget` frames of work. True once all its own references are gone. Its
 * vCPUs must be stopped, and `dying` set; frames others hold for it (vcpu_info…) given back before.
 */
export function relinquish(machine: Machine, domain: Domain, budget: number): boolean {
  const { memory } = domain;
  const { teardown } = memory;
  if (!domain.dying) bug(`d${domain.domid} is not dying`);
  if (memory.outstandingPages > 0) claim(machine, domain, 0);
  while (budget > 0) {
    switch (teardown.stage) {
      case 0:
        budget = releaseMappings(machine, domain, budget);
        if (budget > 0) next(domain);
        break;
      case 1:
        budget = eachFrame(machine, domain, budget, (mfn, meta) =>
          takeApart(machine, mfn, meta, PGT_l1, PGT_l1),
        );
        break;
      case 2:
        budget = eachFrame(machine, domain, budget, (mfn, meta) =>
          takeApart(machine, mfn, meta, PGT_l1 + 1, PGT_l4),
        );
        break;
      case 3:
        dropAll(machine, domain);
        for (const vcpu of domain.vcpus) {
          dropBases(machine, vcpu);
          destroyGdt(machine, vcpu);
          destroyLdt(machine, vcpu);
        }
        next(domain);
        break;
      case 4:
        budget = eachFrame(machine, domain, budget, (mfn, meta) => letGo(machine, mfn, meta));
        break;
      case 5:
        releaseGrantTable(machine, domain);
        machine.frames.drain();
        next(domain);
        break;
      default:
        return true;
    }
  }
  return teardown.stage > 5;
}

function next(domain: Domain): void {
  domain.memory.teardown.stage++;
  domain.memory.teardown.cursor = 0;
}

/** Calls `act` for the domain's own frames from the cursor on; it answers what it cost. */
function eachFrame(
  machine: Machine,
  domain: Domain,
  budget: number,
  act: (mfn: number, meta: number) => number,
): number {
  const { memory } = domain;
  const { info } = machine.frames;
  const { teardown } = memory;
  for (let mfn = Math.max(teardown.cursor, memory.lowest); mfn <= memory.highest; mfn++) {
    if (budget <= 0) {
      teardown.cursor = mfn;
      return 0;
    }
    budget -= 1 / 64;
    const meta = info[mfn << 2] as number;
    if ((meta & OWNER_MASK) !== domain.domid || info[(mfn << 2) + COUNT] === 0 || meta & PGF_XEN_HEAP)
      continue;
    budget -= act(mfn, meta);
  }
  next(domain);
  return budget;
}

/** Empties a validated table, whoever still holds it: with its domain dead nobody walks it. */
function takeApart(machine: Machine, mfn: number, meta: number, from: number, to: number): number {
  const type = (meta & TYPE_MASK) >> TYPE_SHIFT;
  if (type < from || type > to || (meta & PGF_VALIDATED) === 0) return 1;
  forceDevalidate(machine, mfn);
  return TABLE_COST;
}

function letGo(machine: Machine, mfn: number, meta: number): number {
  const { info } = machine.frames;
  info[mfn << 2] = meta & ~(PGF_PINNED | PGF_ALLOCATED);
  if (meta & PGF_PINNED) putFrameAndType(machine, mfn);
  if (meta & PGF_ALLOCATED) putFrame(machine, mfn);
  return 1;
}
