/**
 * The machine's state: what every room of xen/ works on. Plain records; behaviour lives in the rooms.
 */
import type { Domid, Mfn } from "../abi/types.ts";
import type { Engine } from "../cpu/types.ts";
import type { Clock } from "../lib/clock.ts";
import type { Domain } from "./domain/domain.ts";
import type { XenOptions } from "./index.ts";
import type { FrameTable } from "./memory/frame-table.ts";

export interface Machine {
  readonly options: XenOptions;
  readonly engine: Engine;
  readonly clock: Clock;
  readonly frames: FrameTable;
  /** Live and dying domains by id, dom0 included. */
  readonly domains: Map<Domid, Domain>;
  /** First machine frame behind the M2P's own tables: see memory/m2p.ts. */
  readonly xenL3: Mfn;
  /** A line for the hypervisor log (`xl dmesg`), without "(XEN) " and newline. */
  log(line: string): void;
}
