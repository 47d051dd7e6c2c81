/** `xl create` for a PV domain: the acts of acts.ts, done one after the other; undone when one fails. */
import { ERRNO, type Errno } from "../../abi/errno.ts";
import { E820_RAM } from "../../abi/memory.ts";
import { DOMID_0, type Domid, type Port } from "../../abi/types.ts";
import {
  type BuildFault,
  buildFault,
  buildFaultLines,
  cannotMap,
  cannotOpen,
  emptyFile,
  panic,
} from "../../dombuild/fault.ts";
import type { ParsedKernel } from "../../dombuild/kernel.ts";
import { buildProgramSteps } from "../../dombuild/program.ts";
import { buildPvSteps, type PvBuilt } from "../../dombuild/pv.ts";
import type { Ramdisk } from "../../dombuild/ramdisk.ts";
import { bug } from "../../lib/absurd.ts";
import type { DomainConfig } from "../config/domain-config.ts";
import type { LibxlDomainConfig } from "../config/libxl-types.ts";
import { type Dom0, wallSeconds } from "../dom0.ts";
import { XlError } from "../error.ts";
import { alreadyGone, libxlError } from "../lines.ts";
import { domidOf } from "../names.ts";
import type { RecentDomids } from "../recent-domids.ts";
import { restoreDomain, type SavedDomain } from "../save/restore-domain.ts";
import { uuidText } from "../uuid.ts";
import { ask, type Plan } from "../wait.ts";
import { actsOfCreate, type CreateAct } from "./acts.ts";
import { runBootloader } from "./bootloader.ts";
import { consoleNodes, forgetConsole } from "./console-device.ts";
import { setCreditOf } from "./credit.ts";
import { destroyDomain } from "./destroy.ts";
import { addDisks, checkDisks } from "./disks.ts";
import { checkMemory, MAXMEM_SLACK_KIB } from "./memory.ts";
import { writeNodes } from "./nodes.ts";
import {
  builtNodes,
  dmVersion,
  type Identity,
  nameNodes,
  skeletonAfterName,
  skeletonBeforeName,
} from "./skeleton.ts";
import { applyAffinity, checkAffinity } from "./vcpus.ts";

/** A kernel or ramdisk, `path` as the config says it: its bytes, or why they could not be read, in strerror's words. */
export type GuestFile =
  | { readonly path: string; readonly bytes: Uint8Array }
  | { readonly path: string; readonly unreadable: string }
  /** A program of ours, by name. */
  | { readonly path: string; readonly program: string };

export interface CreateWish {
  readonly config: DomainConfig;
  readonly kernel: GuestFile | undefined;
  readonly ramdisk: GuestFile | undefined;
  readonly paused: boolean;
  /** The config as it was read: kept for `xl list -l`. */
  readonly libxl?: LibxlDomainConfig;
  /** The domain exists now (and may yet fail to be built). */
  readonly made?: (domid: Domid) => void;
  /** What `xl -vvv create` says of the build. */
  readonly detail?: (line: string) => void;
  /** It is restored from this instead of being built from its kernel. */
  readonly saved?: SavedDomain;
  /** The id it is to have; without one it gets the next. */
  readonly wantedDomid?: Domid;
}

interface Work extends CreateWish {
  /** What a boot loader found is put here. */
  config: DomainConfig;
  kernel: GuestFile | undefined;
  ramdisk: GuestFile | undefined;
  readonly dom0: Dom0;
  readonly recent: RecentDomids;
  domid: Domid | undefined;
  storePort: Port | undefined;
  consolePort: Port | undefined;
  parsed: ParsedKernel | undefined;
  ramdiskRead: Ramdisk | undefined;
  built: Pick<PvBuilt, "storeMfn" | "consoleMfn"> | undefined;
}

/** The new domain's id. Throws XlError with what libxl prints and xl's exit status. */
export function* createDomain(dom0: Dom0, recent: RecentDomids, wish: CreateWish): Plan<Domid> {
  const work: Work = {
    ...wish,
    dom0,
    recent,
    domid: undefined,
    storePort: undefined,
    consolePort: undefined,
    parsed: undefined,
    ramdiskRead: undefined,
    built: undefined,
  };
  if (wish.config.type !== "pv") {
    throw new XlError(3, [], `type="${wish.config.type}" is not modelled yet: only PV guests run here`);
  }
  checkAffinity(dom0, wish.config);
  try {
    for (const act of actsOfCreate(
      wish.config,
      wish.paused,
      wish.saved === undefined ? "build" : "restore",
    )) {
      mustLive(work);
      const waits = PERFORM[act](work);
      if (waits !== undefined) yield* waits;
    }
  } catch (error) {
    if (!(error instanceof XlError) || work.domid === undefined) throw error;
    const { domid } = work;
    yield* destroyDomain(dom0, recent, domid, "quietly");
    throw new XlError(3, [...error.lines, ...alreadyGone(domid)], error.hint, { cause: error });
  }
  return work.domid ?? bug("create: no domain was made");
}

/** Somebody may have destroyed it while we waited. */
function mustLive(work: Work): void {
  if (work.domid === undefined) return;
  const info = work.dom0.gate.domctl.getInfo(work.domid);
  if (!info.ok || info.value.dying)
    throw new XlError(3, [], "the domain was destroyed while it was being created");
}

const domidIn = (work: Work): Domid => work.domid ?? bug("create: no domid yet");
const identity = (work: Work): Identity => ({
  domid: domidIn(work),
  uuid: uuidText(work.config.uuid),
  name: work.config.name,
});

const STRERROR: Partial<Record<Errno, string>> = {
  ENOENT: "No such file or directory",
  EACCES: "Permission denied",
  EISDIR: "Is a directory",
  EIO: "Input/output error",
  ENOMEM: "Cannot allocate memory",
  EINVAL: "Invalid argument",
  EEXIST: "File exists",
  ESRCH: "No such process",
  EPERM: "Operation not permitted",
};
const strerror = (errno: Errno): string => STRERROR[errno] ?? `Unknown error ${ERRNO[errno]}`;

/** A step of the build failed: libxc's words, libxl's, and that of its caller. */
function cannotBuild(work: Work, fault: BuildFault): XlError {
  return new XlError(3, [...buildFaultLines(fault), notBuilt(work.domid, -3)], fault.why);
}

const notBuilt = (domid: Domid | undefined, rc: number): string =>
  libxlError("libxl_create.c:1640:domcreate_rebuild_done", domid, `cannot (re-)build domain: ${rc}`);

function refusedBy(work: Work, place: string, text: string, errno: Errno): XlError {
  return new XlError(3, [libxlError(place, work.domid, `${text}: ${strerror(errno)}`)]);
}

function must(
  work: Work,
  what: string,
  result: { readonly ok: true } | { readonly ok: false; readonly errno: Errno },
): void {
  if (result.ok) return;
  throw cannotBuild(work, {
    ok: false,
    step: "boot-image",
    why: `the hypervisor refused ${what}: ${result.errno} (xl dmesg may say more)`,
    xc: [],
    errno: result.errno,
  });
}

/** Acts that wait are plans; the others are done when they return. */
const PERFORM: Record<CreateAct, (work: Work) => Plan<void> | undefined> = {
  "check-memory"({ dom0, config }) {
    checkMemory(dom0, config);
  },

  "make-domain"(work) {
    const { dom0, config, recent } = work;
    for (;;) {
      const made = dom0.gate.domctl.create({
        ...(work.wantedDomid === undefined ? {} : { domid: work.wantedDomid }),
        handle: config.uuid,
        type: config.type,
        maxVcpus: config.maxVcpus,
        maxEvtchnPort: config.maxEventChannels,
        maxGrantFrames: config.maxGrantFrames ?? DEFAULT_GRANT_FRAMES,
        maxMaptrackFrames: DEFAULT_MAPTRACK_FRAMES,
      });
      if (!made.ok)
        throw refusedBy(work, "libxl_create.c:709:libxl__domain_make", "domain creation fail", made.errno);
      if (!recent.has(made.value)) {
        work.domid = made.value;
        work.made?.(made.value);
        return;
      }
      if (work.wantedDomid !== undefined) {
        work.domid = made.value;
        throw idTooRecent(made.value);
      }
      dom0.gate.domctl.destroy(made.value);
    }
  },

  "write-skeleton"(work) {
    const { dom0, config } = work;
    const who = identity(work);
    dom0.xs.transaction((tx) => {
      writeNodes(tx, skeletonBeforeName(who));
      const other = domidOf(dom0, config.name);
      if (other !== undefined && other !== who.domid) throw nameTaken(who.domid, config.name);
      writeNodes(tx, nameNodes(who));
      writeNodes(tx, skeletonAfterName(who));
    });
  },

  "check-disks"(work) {
    return checkDisks(domidIn(work), work.config.disks);
  },

  "say-dm-version"(work) {
    writeNodes(work.dom0.xs, [dmVersion(domidIn(work))]);
  },

  *"run-bootloader"(work) {
    const domid = domidIn(work);
    try {
      const found = yield* runBootloader(work.dom0, domid, work.config, () => mustLive(work));
      work.kernel = found.kernel;
      work.ramdisk = found.ramdisk;
      const { cmdline } = found;
      work.config = { ...work.config, kernel: found.kernel.path, ramdisk: found.ramdisk?.path, cmdline };
    } catch (error) {
      if (!(error instanceof XlError)) throw error;
      throw new XlError(3, [...error.lines, notBuilt(domid, -3)], error.hint, { cause: error });
    }
  },

  "prepare-domain"(work) {
    const { gate } = work.dom0;
    const domid = domidIn(work);
    const unpinned = applyAffinity(work.dom0, domid, work.config);
    if (unpinned !== undefined) throw new XlError(3, [...unpinned, notBuilt(domid, -3)]);
    const { maxKib } = work.config.memory;
    must(work, "max_mem", gate.domctl.setMaxMem(domid, maxKib + MAXMEM_SLACK_KIB));
    must(
      work,
      "set_memory_map",
      gate.memory.setMemoryMap(domid, [{ addr: 0n, size: BigInt(maxKib) * 1024n, type: E820_RAM }]),
    );
    const store = gate.evtchn.allocUnbound(domid, DOMID_0);
    must(work, "the xenstore event channel", store);
    const console = gate.evtchn.allocUnbound(domid, DOMID_0);
    must(work, "the console event channel", console);
    if (store.ok && console.ok) {
      work.storePort = store.value;
      work.consolePort = console.value;
    }
  },

  *"read-kernel"(work) {
    if (work.kernel !== undefined && "program" in work.kernel) return;
    const bytes = fileBytes(work, "kernel-file", work.config.kernel, work.kernel);
    const parsed = yield* ask({ ask: "read-kernel", file: bytes });
    if (!parsed.ok) throw cannotBuild(work, parsed);
    work.parsed = parsed.value;
  },

  *"read-ramdisk"(work) {
    if (work.config.ramdisk === undefined) return;
    const bytes = fileBytes(work, "ramdisk-file", work.config.ramdisk, work.ramdisk);
    work.ramdiskRead = yield* ask({ ask: "read-ramdisk", file: bytes });
  },

  "claim-memory"(work) {
    const pages = Math.floor(work.config.memory.targetKib / 1024) * PAGES_PER_MIB;
    const claimed = work.dom0.gate.memory.claim(domidIn(work), pages);
    if (claimed.ok) return;
    const why = `the machine has no ${pages / PAGES_PER_MIB} MiB left for the domain: destroy or shrink others, or start the host with more memory`;
    const line = panic(
      "xg_dom_boot.c:119",
      "xc_dom_boot_mem_init: can't allocate low memory for domain",
      "Out of memory",
    );
    throw cannotBuild(work, buildFault("boot-mem", why, line, claimed.errno));
  },

  *build(work) {
    if (work.kernel !== undefined && "program" in work.kernel) {
      yield* buildProgram(work, work.kernel.program);
      return;
    }
    const { parsed, ramdiskRead, storePort, consolePort } = work;
    if (parsed === undefined || storePort === undefined || consolePort === undefined)
      return bug("create: order of acts");
    const steps = buildPvSteps(work.dom0.gate, domidIn(work), {
      kernel: parsed,
      ...(ramdiskRead === undefined ? {} : { ramdisk: ramdiskRead }),
      cmdline: work.config.cmdline,
      memKib: work.config.memory.targetKib,
      storePort,
      consolePort,
    });
    for (;;) {
      const step = steps.next();
      if (step.done === true) {
        if (!step.value.ok) throw cannotBuild(work, step.value);
        work.built = step.value.value;
        for (const line of step.value.value.layout.shown) work.detail?.(`domainbuilder: detail: ${line}`);
        return;
      }
      yield { wait: "turn" };
      mustLive(work);
    }
  },

  *restore(work) {
    const { dom0, saved, storePort, consolePort } = work;
    if (saved === undefined || storePort === undefined || consolePort === undefined)
      return bug("create: order of acts");
    work.built = yield* restoreDomain(dom0.gate, domidIn(work), saved, { storePort, consolePort });
  },

  "end-claim"(work) {
    work.dom0.gate.memory.claim(domidIn(work), 0);
  },

  "set-scheduling"(work) {
    const { cpuWeight, cap } = work.config;
    const domid = domidIn(work);
    const refused = setCreditOf(work.dom0, domid, cpuWeight, cap);
    if (refused !== undefined) throw new XlError(3, [...refused, notBuilt(domid, -6)]);
  },

  "describe-in-store"(work) {
    const { config, built, dom0, storePort } = work;
    if (built === undefined || storePort === undefined) return bug("create: order of acts");
    const nodes = builtNodes(identity(work), {
      maxKib: config.memory.maxKib,
      targetKib: config.memory.targetKib,
      storePort,
      storeMfn: built.storeMfn,
      vcpus: config.vcpus,
      maxVcpus: config.maxVcpus,
      kernel: config.kernel ?? "",
      ramdisk: config.ramdisk,
      cmdline: config.cmdline,
      startTime: wallSeconds(dom0),
    });
    dom0.xs.transaction((tx) => writeNodes(tx, nodes));
  },

  introduce(work) {
    const { built, dom0, storePort } = work;
    if (built === undefined || storePort === undefined) return bug("create: order of acts");
    dom0.xs.introduce(domidIn(work), built.storeMfn, storePort);
  },

  "add-disks"(work) {
    return addDisks(work.dom0, domidIn(work), work.config.disks);
  },

  "add-console"(work) {
    const { built, dom0, consolePort } = work;
    if (built === undefined || consolePort === undefined) return bug("create: order of acts");
    const domid = domidIn(work);
    dom0.xs.transaction((tx) => {
      forgetConsole(tx, domid);
      writeNodes(tx, consoleNodes({ domid, port: consolePort, mfn: built.consoleMfn }));
    });
  },

  "store-config"(work) {
    const { libxl, dom0, config } = work;
    if (libxl !== undefined) dom0.userdata.store(domidIn(work), { uuid: uuidText(config.uuid), libxl });
  },

  unpause(work) {
    const { gate } = work.dom0;
    const done = gate.domctl.unpause(domidIn(work));
    if (!done.ok)
      throw refusedBy(work, "libxl_domain.c:688:domain_unpause_done", "Unpausing domain", done.errno);
  },
};

/** A domain whose program is ours: frames as for a kernel, and the program begins where a kernel's first instruction would. */
function* buildProgram(work: Work, program: string): Plan<void> {
  const { dom0, config, ramdiskRead, storePort, consolePort } = work;
  if (storePort === undefined || consolePort === undefined) return bug("create: order of acts");
  const domid = domidIn(work);
  work.detail?.(`xlab: ${config.kernel}: no such file; the program of that name that xlab ships runs`);
  const steps = buildProgramSteps(dom0.gate, domid, {
    module: ramdiskRead?.bytes,
    cmdline: config.cmdline,
    memKib: config.memory.targetKib,
    storePort,
    consolePort,
  });
  for (;;) {
    const step = steps.next();
    if (step.done === true) {
      if (!step.value.ok) throw cannotBuild(work, step.value);
      work.built = step.value.value;
      must(
        work,
        "the program",
        dom0.gate.domctl.setProgram(domid, dom0.programOf(program, domid, step.value.value)),
      );
      return;
    }
    yield { wait: "turn" };
    mustLive(work);
  }
}

const DEFAULT_GRANT_FRAMES = 64;
const DEFAULT_MAPTRACK_FRAMES = 1024;
const PAGES_PER_MIB = 256;

const idTooRecent = (domid: number): XlError =>
  new XlError(
    3,
    [
      libxlError("libxl_create.c:730:libxl__domain_make", domid, "domain id recently used: Success"),
      libxlError("libxl_create.c:1296:initiate_domain_create", domid, "cannot make domain: -3"),
    ],
    "an id is given again only a minute after the domain that had it",
  );

export function nameTaken(domid: number, name: string): XlError {
  return new XlError(
    3,
    [
      libxlError(
        "libxl_domain.c:81:libxl__domain_rename",
        domid,
        `Domain with name "${name}" already exists.`,
      ),
      libxlError("libxl_create.c:1296:initiate_domain_create", domid, "cannot make domain: -6"),
    ],
    `a domain named ${name} is running: destroy it (xl destroy ${name}) or give this one another name (name="…")`,
  );
}

/** The file's bytes; one that cannot be read, or is empty, fails as libxc fails at it. */
function fileBytes(
  work: Work,
  step: "kernel-file" | "ramdisk-file",
  said: string | undefined,
  file: GuestFile | undefined,
): Uint8Array {
  if (file === undefined || "program" in file)
    throw cannotBuild(work, cannotOpen(step, said ?? "", strerror("ENOENT")));
  if ("unreadable" in file) {
    const fails = file.unreadable === strerror("EISDIR") ? cannotMap : cannotOpen;
    throw cannotBuild(work, fails(step, file.path, file.unreadable));
  }
  if (file.bytes.length === 0) throw cannotBuild(work, emptyFile(step, file.path));
  return file.bytes;
}
