/** A domain's memory and registers as a core file (xc_domain_dumpcore): `xl dump-core`, and on_crash="coredump-…". */
import { type Domid, Mfn, PAGE_SIZE } from "../../abi/types.ts";
import type { VcpuGuestContext } from "../../abi/vcpu-context.ts";
import { coreHead, joined, P2M_ENTRY } from "../core/elf-core.ts";
import { type P2m, readP2m } from "../core/guest-p2m.ts";
import type { Dom0 } from "../dom0.ts";
import { libxlError } from "../lines.ts";
import { ask, type CoreFileAnswer, type CoreFileName, type Plan } from "../wait.ts";

/** Pages that are written at once. */
const CHUNK_PAGES = 256;
const NO_FRAME = 0xffff_ffff_ffff_ffffn;

/** libxc's and libxl's lines for a dump that failed. */
export interface DumpFailure {
  readonly lines: readonly string[];
  readonly hint: string | undefined;
}

/** Undefined: it is written. `said`: what messages call the file. */
export function* dumpCore(
  dom0: Dom0,
  domid: Domid,
  name: CoreFileName & { readonly said: string },
): Plan<DumpFailure | undefined> {
  const { said } = name;
  const failure = (xc: string, words: string, hint?: string): DumpFailure => ({
    lines: [
      `xc: error: ${xc}: Internal error`,
      libxlError(
        "libxl_domain.c:603:libxl_domain_core_dump",
        domid,
        `Core dumping domain to ${said}: ${words}`,
      ),
    ],
    hint,
  });
  const opened: CoreFileAnswer = yield* ask({ ask: "core-file", act: "open", ...name });
  if (!opened.ok) {
    const { errno, why, hint } = opened;
    return failure(`Could not open corefile ${said} (${errno} = ${why})`, why, hint);
  }
  const { id } = opened;
  try {
    const look = lookAt(dom0, domid);
    if ("why" in look) return failure(look.why, "Success", look.hint);
    let written = yield* ask({ ask: "core-file", act: "write", id, bytes: look.head });
    for (const chunk of pagesOf(dom0, domid, look)) {
      if (!written.ok) break;
      written = yield* ask({ ask: "core-file", act: "write", id, bytes: chunk });
    }
    for (const bytes of [look.p2m, look.names]) {
      if (written.ok) written = yield* ask({ ask: "core-file", act: "write", id, bytes });
    }
    if (written.ok) return undefined;
    return failure(`Failed to write buffer (${written.errno} = ${written.why})`, written.why);
  } finally {
    yield* ask({ ask: "core-file", act: "close", id });
  }
}

interface Look {
  readonly frames: Float64Array;
  readonly pages: number;
  readonly maxMfn: number;
  readonly head: Uint8Array;
  readonly names: Uint8Array;
  /** Filled as the pages are read. */
  readonly p2m: Uint8Array;
}

function lookAt({ gate }: Dom0, domid: Domid): Look | { readonly why: string; readonly hint?: string } {
  const info = gate.domctl.getInfo(domid);
  if (!info.ok) return { why: "Could not get info for domain", hint: `there is no domain ${domid}` };
  const mapped = gate.memory.mapForeign(domid, info.value.sharedInfoFrame, "read");
  if (!mapped.ok) return { why: "Couldn't map live_shinfo" };
  const sharedInfo = mapped.value.read(0, PAGE_SIZE);
  mapped.value.unmap();
  const vcpus: VcpuGuestContext[] = [];
  for (let vcpu = 0; vcpu <= info.value.maxVcpuId; vcpu++) {
    const context = gate.domctl.getVcpuContext(domid, vcpu);
    if (context.ok) vcpus.push(context.value);
  }
  if (vcpus.length === 0) return { why: "No VCPU context could be grabbed" };
  const pages = info.value.totPages;
  const view = new DataView(sharedInfo.buffer, sharedInfo.byteOffset, PAGE_SIZE);
  const p2m: P2m = readP2m(gate, domid, view, pages);
  if (!p2m.ok) {
    return {
      why: p2m.why,
      hint: "the guest has not told Xen (in its shared_info) where its list of frames is",
    };
  }
  const physinfo = gate.sysctl.physinfo();
  return {
    frames: p2m.frames,
    pages,
    maxMfn: physinfo.ok ? physinfo.value.maxMfn : 0,
    ...coreHead({ vcpus, sharedInfo, pages, version: gate.sysctl.version() }),
    p2m: new Uint8Array(pages * P2M_ENTRY),
  };
}

/** The pages in chunks, and beside them their p2m entries; a guest that shrinks meanwhile is filled up with zeros. */
function* pagesOf({ gate }: Dom0, domid: Domid, look: Look): Generator<Uint8Array> {
  const { frames, pages, maxMfn } = look;
  const table = new DataView(look.p2m.buffer);
  let chunk: Uint8Array[] = [];
  let done = 0;
  const put = (pfn: bigint, mfn: bigint, bytes: Uint8Array): void => {
    table.setBigUint64(done * P2M_ENTRY, pfn, true);
    table.setBigUint64(done * P2M_ENTRY + 8, mfn, true);
    chunk.push(bytes);
    done++;
  };
  for (let pfn = 0; pfn < frames.length && done < pages; pfn++) {
    const mfn = frames[pfn] ?? -1;
    if (mfn < 0 || mfn > maxMfn) continue;
    const mapped = gate.memory.mapForeign(domid, Mfn(mfn), "read");
    if (!mapped.ok) continue;
    put(BigInt(pfn), BigInt(mfn), mapped.value.read(0, PAGE_SIZE));
    mapped.value.unmap();
    if (chunk.length === CHUNK_PAGES) {
      yield joined(chunk);
      chunk = [];
    }
  }
  const zero = new Uint8Array(PAGE_SIZE);
  while (done < pages) {
    put(NO_FRAME, NO_FRAME, zero);
    if (chunk.length === CHUNK_PAGES) {
      yield joined(chunk);
      chunk = [];
    }
  }
  if (chunk.length > 0) yield joined(chunk);
}
