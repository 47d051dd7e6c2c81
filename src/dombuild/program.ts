/**
 * Builds a domain whose program is TypeScript (Mini-OS and what runs on it): the same frames, rings, grants and start_info as
 * a PV kernel finds, but no page tables and no registers. What the program needs to know of it is its {@link ProgramStart}.
 *
 *   start_info | xenstore | console | hypercall stubs | module | the program's own
 */
import type { Gate } from "../abi/hypercall.ts";
import { START_INFO_CMD_LINE, START_INFO_MAGIC, startInfo } from "../abi/start-info.ts";
import { DOMID_0, type Domid, Gfn, Gref, type Mfn, PAGE_SIZE, type Port } from "../abi/types.ts";
import { DomainWriter } from "./domain-writer.ts";
import type { BuildFault } from "./fault.ts";
import { populate } from "./populate.ts";
import { must, Refused } from "./refused.ts";
import { putText } from "./start-of-day.ts";

export interface ProgramRequest {
  /** The module that the program is given, unpacked. */
  readonly module: Uint8Array | undefined;
  readonly cmdline: string;
  /** Whole MiB count. */
  readonly memKib: number;
  readonly storePort: Port;
  readonly consolePort: Port;
}

/** What a program finds when its domain starts. */
export interface ProgramStart {
  readonly nrPages: number;
  /** Machine frame of each pfn: the domain's own memory. */
  readonly p2m: readonly Mfn[];
  readonly sharedInfoMfn: Mfn;
  readonly storeMfn: Mfn;
  readonly storePort: Port;
  readonly consoleMfn: Mfn;
  readonly consolePort: Port;
  /** A page of hypercall stubs, for a kernel that is handed the domain. */
  readonly hypercallMfn: Mfn;
  /** The first pfn of those that nothing lies in. */
  readonly firstFreePfn: number;
  /** The module lies in whole pages from `pfn` on; `length` bytes. */
  readonly module: { readonly pfn: number; readonly length: number } | undefined;
  readonly cmdline: string;
}

export type ProgramResult = { readonly ok: true; readonly value: ProgramStart } | BuildFault;

const START_INFO = 0;
const XENSTORE = 1;
const CONSOLE = 2;
const HYPERCALL = 3;
const MODULE = 4;

export function* buildProgramSteps(
  gate: Gate,
  domid: Domid,
  request: ProgramRequest,
): Generator<undefined, ProgramResult> {
  const { module, cmdline, storePort, consolePort } = request;
  const nrPages = Math.floor(request.memKib / 1024) * 256;
  const modulePages = Math.ceil((module?.length ?? 0) / PAGE_SIZE);
  if (nrPages < MODULE + modulePages + 1)
    return {
      ok: false,
      step: "build-image",
      why: `memory=${request.memKib / 1024} is too little for the program and its module: give it more`,
      xc: [],
    };
  const p2m = yield* populate(gate, domid, nrPages);
  if (!Array.isArray(p2m)) return p2m;
  const mfnOf = (pfn: number): Mfn => p2m[pfn] as Mfn;
  const memory = new DomainWriter(gate, domid, mfnOf);
  try {
    const sharedInfoMfn = must("boot-image", "shared_info", gate.domctl.getSharedInfoFrame(domid));
    const page = new Uint8Array(PAGE_SIZE);
    putText(page, 0, START_INFO_MAGIC, 32);
    startInfo.write(new DataView(page.buffer), 0, {
      nr_pages: nrPages,
      shared_info: sharedInfoMfn * PAGE_SIZE,
      flags: 0,
      store_mfn: mfnOf(XENSTORE),
      store_evtchn: storePort,
      console_mfn: mfnOf(CONSOLE),
      console_evtchn: consolePort,
      pt_base: 0n,
      nr_pt_frames: 0,
      mfn_list: 0n,
      mod_start: BigInt(module === undefined ? 0 : MODULE),
      mod_len: module?.length ?? 0,
      first_p2m_pfn: 0,
      nr_p2m_frames: 0,
    });
    putText(page, START_INFO_CMD_LINE, cmdline, PAGE_SIZE - START_INFO_CMD_LINE);
    yield* memory.write(START_INFO * PAGE_SIZE, page);
    if (module !== undefined) yield* memory.write(MODULE * PAGE_SIZE, module);
    must("boot-image", "HYPERCALL_INIT", gate.domctl.hypercallInit(domid, mfnOf(HYPERCALL)));
    for (const [ref, pfn] of [
      [0, CONSOLE],
      [1, XENSTORE],
    ] as const)
      must("gnttab", "grant", gate.gnttab.seed(domid, Gref(ref), DOMID_0, Gfn(mfnOf(pfn))));
    return {
      ok: true,
      value: {
        nrPages,
        p2m,
        sharedInfoMfn,
        storeMfn: mfnOf(XENSTORE),
        storePort,
        consoleMfn: mfnOf(CONSOLE),
        consolePort,
        hypercallMfn: mfnOf(HYPERCALL),
        firstFreePfn: MODULE + modulePages,
        module: module === undefined ? undefined : { pfn: MODULE, length: module.length },
        cmdline,
      },
    };
  } catch (error) {
    if (error instanceof Refused) return error.fault;
    throw error;
  }
}
