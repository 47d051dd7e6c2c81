/**
 * XENMEM_exchange: frames of a PV guest for others, usually for a run of consecutive ones. A chunk is as many extents as
 * make one of the larger kind; each chunk is swapped whole or not at all.
 */
import { ERRNO } from "../../abi/errno.ts";
import { MEMORY_EXCHANGE_OUT, memoryExchange, memoryReservation } from "../../abi/memory.ts";
import type { Domain } from "../domain/domain.ts";
import type { Call, CallResult } from "../hypercall/context.ts";
import type { Machine } from "../machine.ts";
import { setM2p } from "./allocate.ts";
import { COUNT, PGF_ALLOCATED, PGF_PINNED, PGF_XEN_HEAP, TYPE_COUNT } from "./frame-table.ts";
import { readGuest, readGuestU64, writeGuestU64 } from "./guest-access.ts";
import { domainByAnyId, mayActOn } from "./privilege.ts";
import { putFrame } from "./references.ts";
import { maxOrder } from "./reservation.ts";

const FRAMES_A_SLICE = 1024;

interface Extents {
  readonly list: bigint;
  readonly order: number;
}

export function exchange(call: Call): CallResult {
  const { machine, domain: caller } = call;
  const arg = call.args[1];
  const bytes = new Uint8Array(memoryExchange.size);
  const view = new DataView(bytes.buffer);
  if (!readGuest(machine, arg, bytes)) return -ERRNO.EFAULT;
  const give = memoryReservation.read(view, 0);
  const take = memoryReservation.read(view, MEMORY_EXCHANGE_OUT);
  const exchanged = memoryExchange.field.nrExchanged.get(view, 0);
  if (Math.max(give.extentOrder, take.extentOrder) > maxOrder(caller)) return -ERRNO.EPERM;
  if (
    exchanged > give.nrExtents ||
    give.domid !== take.domid ||
    give.nrExtents > 2 ** 40 ||
    give.nrExtents * 2 ** give.extentOrder !== take.nrExtents * 2 ** take.extentOrder
  ) {
    return -ERRNO.EINVAL;
  }
  if (exchanged === give.nrExtents) return 0;
  const domain = domainByAnyId(machine, caller, give.domid);
  if (domain === undefined) return -ERRNO.ESRCH;
  if (!mayActOn(caller, domain)) return -ERRNO.EPERM;

  const givePerChunk = 2 ** Math.max(0, take.extentOrder - give.extentOrder);
  const takePerChunk = 2 ** Math.max(0, give.extentOrder - take.extentOrder);
  const given: Extents = { list: give.extentStart, order: give.extentOrder };
  const taken: Extents = { list: take.extentStart, order: take.extentOrder };
  const first = Math.floor(exchanged / givePerChunk);
  const chunks = Math.floor(give.nrExtents / givePerChunk);
  const slice = Math.max(1, FRAMES_A_SLICE >> Math.max(give.extentOrder, take.extentOrder));
  let failed = 0;
  let chunk = first;
  for (; chunk < chunks; chunk++) {
    if (chunk - first >= slice) {
      writeGuestU64(machine, arg + 64n, BigInt(chunk * givePerChunk));
      return "preempted";
    }
    failed = swap(
      machine,
      domain,
      given,
      chunk * givePerChunk,
      givePerChunk,
      taken,
      chunk * takePerChunk,
      takePerChunk,
    );
    if (failed !== 0) break;
  }
  const reported = writeGuestU64(machine, arg + 64n, BigInt(chunk * givePerChunk));
  return failed === 0 && !reported ? -ERRNO.EFAULT : failed;
}

function swap(
  machine: Machine,
  domain: Domain,
  give: Extents,
  giveFrom: number,
  giveCount: number,
  take: Extents,
  takeFrom: number,
  takeCount: number,
): number {
  const { frames } = machine;
  const old: number[] = [];
  for (let j = 0; j < giveCount; j++) {
    const base = readGuestU64(machine, at(give, giveFrom + j));
    if (base === undefined) return -ERRNO.EFAULT;
    for (let k = 0n; k < 2n ** BigInt(give.order); k++) {
      const mfn = Number(base + k);
      if (!isOnlyHis(machine, domain, mfn) || old.includes(mfn)) return -ERRNO.EINVAL;
      old.push(mfn);
    }
  }
  const fresh: number[] = [];
  for (let j = 0; j < takeCount; j++) {
    const mfn = frames.allocRun(domain.domid, 0, take.order);
    if (mfn === 0) {
      domain.memory.totPages += fresh.length * 2 ** take.order;
      for (const run of fresh) release(machine, run, 2 ** take.order);
      return -ERRNO.ENOMEM;
    }
    fresh.push(mfn);
  }
  // From here on the chunk goes through.
  const { memory } = domain;
  memory.totPages += fresh.length * 2 ** take.order;
  for (const mfn of old) release(machine, mfn, 1);
  for (const [j, mfn] of fresh.entries()) {
    memory.lowest = Math.min(memory.lowest, mfn);
    memory.highest = Math.max(memory.highest, mfn + 2 ** take.order - 1);
    const pfn = readGuestU64(machine, at(take, takeFrom + j));
    if (pfn === undefined || !setM2p(machine, mfn, Number(pfn), 2 ** take.order)) return -ERRNO.EFAULT;
    if (!writeGuestU64(machine, at(take, takeFrom + j), BigInt(mfn))) return -ERRNO.EFAULT;
  }
  return 0;
}

const at = (extents: Extents, index: number): bigint => BigInt.asUintN(64, extents.list + BigInt(index) * 8n);

/** A frame that the domain owns and nobody maps, not even itself (`steal_page`). */
function isOnlyHis(machine: Machine, domain: Domain, mfn: number): boolean {
  const { frames } = machine;
  if (frames.owner(mfn) !== domain.domid) return false;
  const { info } = frames;
  const page = mfn << 2;
  const flags = (info[page] as number) & (PGF_ALLOCATED | PGF_PINNED | PGF_XEN_HEAP);
  return flags === PGF_ALLOCATED && info[page + COUNT] === 1 && info[page + TYPE_COUNT] === 0;
}

function release(machine: Machine, first: number, n: number): void {
  for (let mfn = first; mfn < first + n; mfn++) {
    machine.frames.info[mfn << 2] = (machine.frames.info[mfn << 2] as number) & ~PGF_ALLOCATED;
    putFrame(machine, mfn);
  }
}
