/** `q`: each domain and its vCPUs; then every vCPU is sent VIRQ_DEBUG, and a guest that listens adds its own words. */
import { NR_VIRQS, VIRQ_DEBUG, vcpuInfo } from "../../abi/xen.ts";
import type { Domain, Vcpu } from "../domain/domain.ts";
import { sendGuestVcpuVirq } from "../evtchn/send.ts";
import type { Machine } from "../machine.ts";
import {
  COUNT,
  OWNER_MASK,
  PGF_PINNED,
  PGF_VALIDATED,
  PGF_XEN_HEAP,
  TYPE_COUNT,
  TYPE_MASK,
  TYPE_SHIFT,
} from "../memory/frame-table.ts";
import { bitmapList, setOf } from "./bitmap.ts";
import { inOrder } from "./memory.ts";

/** Domains of more pages are not listed page by page. */
const FEW_PAGES = 10;
const NANOS_PER_SECOND = 1e9;

export function dumpDomains(machine: Machine, key: string): void {
  machine.log(`'${key}' pressed -> dumping domain info (now = ${machine.time.now()})`);
  const domains = inOrder(machine);
  for (const domain of domains) dumpDomain(machine, domain);
  for (const domain of domains) {
    for (const vcpu of domain.vcpus) {
      const port = domain.events.virqPorts[vcpu.id * NR_VIRQS + VIRQ_DEBUG] ?? 0;
      machine.log(`Notifying guest ${domain.domid}:${vcpu.id} (virq ${VIRQ_DEBUG}, port ${port})`);
      sendGuestVcpuVirq(machine, vcpu, VIRQ_DEBUG);
    }
  }
  machine.log("Shared frames 0 -- Saved frames 0");
}

function dumpDomain(machine: Machine, domain: Domain): void {
  const { log } = machine;
  const { domid, memory, handle, vmAssist, watchdogs, pauseCount, dying } = domain;
  const running = domain.vcpus.filter(({ onCpu }) => onCpu).map(({ processor }) => processor);
  const xenPages = [
    ...(domain.sharedInfo === undefined ? [] : [domain.sharedInfo.mfn]),
    ...domain.grants.frames,
  ];
  log(`General information for domain ${domid}:`);
  log(`    dying=${dying ? 1 : 0} pause_count=${pauseCount}`);
  log(
    `    nr_pages=${memory.totPages} xenheap_pages=${xenPages.length} ` +
      `dirty_cpus={${bitmapList(running)}} max_pages=${memory.maxPages}`,
  );
  log(`    handle=${handleText(handle)} vm_assist=${vmAssist.toString(16).padStart(8, "0")}`);
  watchdogs.forEach((timer, i) => {
    if (timer === undefined) return;
    const seconds = Math.trunc((timer.when - machine.time.now()) / NANOS_PER_SECOND);
    log(`    watchdog ${i} expires in ${seconds} seconds`);
  });
  log(`Memory pages belonging to domain ${domid}:`);
  if (memory.totPages >= FEW_PAGES) log("    DomPage list too long to display");
  else for (const mfn of pagesOf(machine, domain)) log(`    DomPage ${pageText(machine, mfn)}`);
  for (const mfn of xenPages) log(`    XenPage ${pageText(machine, mfn)}`);
  log(`NODE affinity for domain ${domid}: [0]`);
  log(`VCPU information and callbacks for domain ${domid}:`);
  for (const vcpu of domain.vcpus) dumpVcpu(machine, vcpu);
}

function dumpVcpu(machine: Machine, vcpu: Vcpu): void {
  const { log } = machine;
  const { view } = machine.engine.mem;
  const hard = bitmapList(setOf(vcpu.hardAffinity));
  const soft = bitmapList(setOf(vcpu.softAffinity));
  const hasInfo = vcpu.domain.sharedInfo !== undefined;
  const byte = (field: "evtchnUpcallPending" | "evtchnUpcallMask"): string =>
    (hasInfo ? vcpuInfo.field[field].get(view, vcpu.infoAddress) : 0).toString(16).padStart(2, "0");
  const flags = (vcpu.blocked ? 1 : 0) | (vcpu.down ? 2 : 0);
  log(`  UNIT${vcpu.id} affinities: hard={${hard}} soft={${soft}}`);
  log(
    `    VCPU${vcpu.id}: CPU${vcpu.processor} [has=${vcpu.onCpu ? "T" : "F"}] poll=${vcpu.pollPort} ` +
      `upcall_pend=${byte("evtchnUpcallPending")} upcall_mask=${byte("evtchnUpcallMask")} ` +
      `${vcpu.onCpu ? `dirty_cpu=${vcpu.processor}` : ""}`,
  );
  log(`    pause_count=${vcpu.pauseCount} pause_flags=${flags.toString(16)}`);
  const period = vcpu.domain.program ? 0 : vcpu.timers.period;
  log(
    period === 0
      ? "No periodic timer"
      : `${Math.trunc(NANOS_PER_SECOND / period)} Hz periodic timer (period ${Math.trunc(period / 1e6)} ms)`,
  );
}

function pagesOf({ frames }: Machine, { domid, memory }: Domain): number[] {
  const found: number[] = [];
  for (let mfn = memory.lowest; mfn <= memory.highest && mfn < frames.total; mfn++) {
    const word = frames.info[mfn << 2] ?? 0;
    if (frames.owner(mfn) === domid && (word & OWNER_MASK) === domid && (word & PGF_XEN_HEAP) === 0)
      found.push(mfn);
  }
  return found;
}

/** `count_info` and `type_info` as Xen packs them: flags and type above, counts below. */
function pageText({ frames }: Machine, mfn: number): string {
  const word = frames.info[mfn << 2] ?? 0;
  const bit = (set: boolean, at: bigint): bigint => (set ? 1n << at : 0n);
  const count =
    bit(true, 63n) | bit((word & PGF_XEN_HEAP) !== 0, 62n) | BigInt(frames.info[(mfn << 2) + COUNT] ?? 0);
  const type =
    (BigInt((word & TYPE_MASK) >>> TYPE_SHIFT) << 61n) |
    bit((word & PGF_PINNED) !== 0, 60n) |
    bit((word & PGF_VALIDATED) !== 0, 58n) |
    BigInt(frames.info[(mfn << 2) + TYPE_COUNT] ?? 0);
  return `${hex16(BigInt(mfn))}: caf=${hex16(count)}, taf=${hex16(BigInt.asUintN(64, type))}`;
}

const hex16 = (n: bigint): string => n.toString(16).padStart(16, "0");

function handleText(bytes: Uint8Array): string {
  const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join("-");
}
