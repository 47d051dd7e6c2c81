/**
 * The Host: one modelled machine switched on, in this process. The daemon, `xlab run`, the library and tests use it.
 * Everything here is asynchronous and belongs to the outside; the model inside is not.
 */

import type { DomainInfo, PhysInfo, VcpuInfo, XenVersion } from "../abi/hypercall.ts";
import type { Domid } from "../abi/types.ts";
import type { DomainConfig } from "../toolstack/config/domain-config.ts";
import type { LibxlDomainConfig } from "../toolstack/config/libxl-types.ts";
import type { GuestFile } from "../toolstack/plan/create.ts";
import type { SavedDomain } from "../toolstack/save/restore-domain.ts";
import type { BlocksApi } from "./blocks.ts";
import type { LifeApi } from "./life.ts";
import type { SavingApi } from "./saving.ts";
import type { SchedulingApi } from "./scheduling.ts";

export interface HostOptions {
  /** Hot guest code is translated to WebAssembly; it only saves host time. Default: unless $XLAB_TRANSLATE is "off". */
  readonly translate?: boolean;
  /** Default 16384. */
  readonly memoryMib?: number;
  /**
   * Of the host's own memory, at most so many MiB hold what guests write; a guest that writes more is crashed. Default: as
   * much as fits into 4 GiB of address space beside the engine.
   */
  readonly backingMib?: number;
  /** Default 4. */
  readonly pcpus?: number;
  /** Default 1000. */
  readonly cpuMhz?: number;
  /** "real" never runs ahead of the wall; "warp" never waits (DESIGN.md, Time). Default "real". */
  readonly clock?: "real" | "warp";
  readonly seed?: number;
  /** Where logs, the console files and saved configs lie; undefined: nothing is written. */
  readonly stateDirectory?: string;
  /** Where unpacked kernels are kept; default: in the state directory, where there is one. */
  readonly cacheDirectory?: string;
}

/** A domain as `xl list` and its kin show it: the hypervisor's record and the toolstack's name. */
export interface DomainRow extends DomainInfo {
  /** undefined: gone from xenstore already (`(null)` in listings). */
  readonly name: string | undefined;
}

/** How a domain's life ended, for whoever waits on it. */
export type DomainEnd =
  /** `lastWords`: why it crashed, as far as hypervisor log and console say. */
  | { readonly how: "shutdown"; readonly reason: number; readonly lastWords?: string }
  | { readonly how: "destroyed" };

/** A console attachment. */
export interface ConsoleAttachment {
  /** Keys for the guest. */
  write(bytes: Uint8Array): void;
  detach(): void;
}

export interface ConsoleListener {
  /** What was printed before attaching comes first; then everything, in order, nothing lost. Awaited: a slow reader slows the guest's ring, not memory. */
  data(bytes: Uint8Array): void | Promise<void>;
  /** The console is gone (domain destroyed or dead); nothing follows. */
  end(): void;
}

export interface CreateRequest {
  readonly config: DomainConfig;
  /** The config as it was read, for `xl list -l`; without it the domain is not listed there. */
  readonly libxl?: LibxlDomainConfig;
  readonly files: { readonly kernel?: GuestFile; readonly ramdisk?: GuestFile };
  /** It is restored from this, and not built; `files` are for a later life. */
  readonly saved?: SavedDomain;
  /** The id it is to have; without one it gets the next. */
  readonly wantedDomid?: Domid;
  readonly paused: boolean;
  /** Progress lines that xl prints at this verbosity (libxl's log), as they come. */
  readonly log?: (line: string) => void;
  /** What libxc tells of the build ("domainbuilder: detail: …"), for -vvv. */
  readonly detail?: (line: string) => void;
  /** Its console can be attached to already: a boot loader in dom0 has begun there. */
  readonly consoleReady?: (domid: Domid) => void;
  /** "none": nobody does what on_poweroff and its like say (`xl create -e`). Default: the monitor runs, its log is xl-NAME.log. */
  readonly monitor?: "none";
  /** The monitor's lines as they come, besides its log (`xl create -F`). */
  readonly monitorLog?: (line: string) => void;
  /** Called once the monitor has nothing left to wait for. */
  readonly monitorDone?: () => void;
}

export interface HostStatus {
  readonly clock: "real" | "warp";
  /** Nanoseconds of virtual time since power-on. */
  readonly virtualNanos: number;
  /** How far virtual time is behind the wall ("real"), nanoseconds. */
  readonly lagNanos: number;
  readonly instructions: number;
  readonly domains: number;
  readonly slotsUsed: number;
  readonly slotsTotal: number;
}

export interface HostApi {
  create(request: CreateRequest): Promise<Domid>;
  /** XlError when the domain does not exist. */
  destroy(domid: Domid): Promise<void>;
  pause(domid: Domid): Promise<void>;
  unpause(domid: Domid): Promise<void>;
  list(): DomainRow[];
  info(domid: Domid): DomainRow | undefined;
  vcpus(domid: Domid): VcpuInfo[];
  domidOf(name: string): Domid | undefined;
  nameOf(domid: Domid): string | undefined;
  physinfo(): PhysInfo;
  version(): XenVersion;
  dmesg(clear: boolean): string;
  /** Undefined: no such console. `interactive`: a person may type there (in warp, idle time then passes as on the wall). */
  attachConsole(domid: Domid, listener: ConsoleListener, interactive: boolean): ConsoleAttachment | undefined;
  /** Resolves when the domain has shut down (it may still be listed) or was destroyed. */
  waitForEnd(domid: Domid): Promise<DomainEnd>;
  /** Why the domain died, in a line; undefined when nothing is known of it. */
  lastWords(domid: Domid): string | undefined;
  status(): HostStatus;
  readonly life: LifeApi;
  readonly blocks: BlocksApi;
  readonly scheduling: SchedulingApi;
  readonly saving: SavingApi;
  /** Switches the machine off: guests end as on a power cut, logs are flushed. */
  stop(): Promise<void>;
}
