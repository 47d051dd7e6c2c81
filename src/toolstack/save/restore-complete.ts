/** The end of a restore, when all records are there (x86_pv_stream_complete): start_info, vCPUs, pins, the guest's own p2m. */
import type { Gate } from "../../abi/hypercall.ts";
import { PFINFO } from "../../abi/migration.ts";
import { startInfo } from "../../abi/start-info.ts";
import { type Domid, Mfn, PAGE_SIZE, type Port } from "../../abi/types.ts";
import type { Plan } from "../wait.ts";
import { writeFrame } from "./foreign.ts";
import { NO_FRAME, type RestoredPages } from "./restored-pages.ts";
import { frame, type SavedVcpus, setVcpus } from "./saved-vcpus.ts";
import { SUCCESS, xcFault } from "./xc-fault.ts";

const PER_FRAME = 512;
const STEPS_PER_TURN = 64;

export interface Completing {
  readonly gate: Gate;
  readonly domid: Domid;
  readonly storePort: Port;
  readonly consolePort: Port;
}

export function* completeDomain(
  completing: Completing,
  pages: RestoredPages,
  vcpus: SavedVcpus,
  p2mFrames: readonly number[],
): Plan<{ readonly storeMfn: Mfn; readonly consoleMfn: Mfn }> {
  const { gate, domid } = completing;
  const basic = vcpus[0]?.basic;
  if (basic === undefined) throw xcFault("Sender didn't send vcpu0's basic state");
  const pfn = basic.userRegs.rdx;
  const place = frame(pages, pfn < BigInt(NO_FRAME) ? Number(pfn) : NO_FRAME, 0, "Start Info");
  const rings = patchStartInfo(completing, pages, place);
  yield { wait: "turn" };
  setVcpus(gate, domid, vcpus, pages, place);
  yield* pinTables(gate, domid, pages);
  yield* writeP2m(gate, domid, pages, p2mFrames);
  return rings;
}

/** What the guest reads when its suspend hypercall returns: its new shared_info, rings and channels. */
function patchStartInfo(
  { gate, domid, storePort, consolePort }: Completing,
  pages: RestoredPages,
  mfn: number,
) {
  const page = gate.memory.mapForeign(domid, Mfn(mfn), "write");
  const shared = gate.domctl.getSharedInfoFrame(domid);
  if (!page.ok || !shared.ok) throw xcFault(`Failed to map Start Info at mfn 0x${mfn.toString(16)}`, SUCCESS);
  try {
    const bytes = page.value.read(0, PAGE_SIZE);
    const view = new DataView(bytes.buffer);
    const { field } = startInfo;
    const storeMfn = Mfn(frame(pages, field.store_mfn.get(view, 0), 0, "XenStore pfn"));
    const consoleMfn = Mfn(frame(pages, field.console_mfn.get(view, 0), 0, "Console pfn"));
    field.nr_pages.set(view, 0, pages.maxPfn + 1);
    field.shared_info.set(view, 0, shared.value * PAGE_SIZE);
    field.flags.set(view, 0, 0);
    field.store_mfn.set(view, 0, storeMfn);
    field.store_evtchn.set(view, 0, storePort);
    field.console_mfn.set(view, 0, consoleMfn);
    field.console_evtchn.set(view, 0, consolePort);
    page.value.write(0, bytes);
    return { storeMfn, consoleMfn };
  } finally {
    page.value.unmap();
  }
}

function* pinTables(gate: Gate, domid: Domid, pages: RestoredPages): Plan<void> {
  let pinned = 0;
  for (let pfn = 0; pfn <= pages.maxPfn; pfn++) {
    const type = pages.types[pfn] as number;
    const level = type & 7;
    if ((type & PFINFO.LPINTAB) === 0 || type >= PFINFO.BROKEN || level < 1 || level > 4) continue;
    const done = gate.migration.pin(domid, Mfn(pages.mfns[pfn] as number), level as 1 | 2 | 3 | 4);
    if (!done.ok) {
      const hint =
        "a page table of the saved guest is not one that Xen lets a guest have (xl dmesg says more)";
      throw xcFault("Failed to pin batch of pagetables", "22 = Invalid argument", hint);
    }
    if (++pinned % STEPS_PER_TURN === 0) yield { wait: "turn" };
  }
}

/** The guest's own list: where its memory lies now. */
function* writeP2m(gate: Gate, domid: Domid, pages: RestoredPages, frames: readonly number[]): Plan<void> {
  for (const [i, pfn] of frames.entries()) {
    const what = `p2m_frame_list[${i}]`;
    const said = `pfn (0x${pfn.toString(16)}) for ${what}`;
    if (pfn > pages.maxPfn) throw xcFault(`${said} out of range`);
    if (pages.types[pfn] !== PFINFO.NOTAB) throw xcFault(`${said} has bad type ${pages.types[pfn]}`);
    const mfn = pages.mfnOf(pfn);
    if (mfn === undefined) throw xcFault(`${what} has bad mfn`);
    const words = new Uint32Array(PAGE_SIZE / 4);
    const count = Math.min(PER_FRAME, pages.maxPfn + 1 - i * PER_FRAME);
    for (let j = 0; j < count; j++) {
      const at = pages.mfns[i * PER_FRAME + j] as number;
      words[j * 2] = at;
      words[j * 2 + 1] = at === NO_FRAME ? NO_FRAME : 0;
    }
    const bytes = new Uint8Array(words.buffer, 0, count * 8);
    if (!writeFrame(gate, domid, mfn, bytes, false)) throw xcFault("Failed to map p2m frames", SUCCESS);
    if (i % STEPS_PER_TURN === STEPS_PER_TURN - 1) yield { wait: "turn" };
  }
}
