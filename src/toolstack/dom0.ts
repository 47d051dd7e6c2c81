/** What toolstack operations work with: dom0's door to Xen, its xenstore connection, the clocks. */
import type { Gate } from "../abi/hypercall.ts";
import type { Domid } from "../abi/types.ts";
import type { ProgramStart } from "../dombuild/program.ts";
import type { Clock } from "../lib/clock.ts";
import type { XsClient } from "../xenstore/client/client.ts";
import type { Userdata } from "./userdata.ts";
import type { Signal } from "./wait.ts";

/** What the boot loader of a domain prints goes to whoever is at the domain's console, and to a log. */
export interface BootConsole {
  readonly write: (text: string) => void;
  /** What was typed since the last time. */
  readonly take: () => Uint8Array;
  /** Fires when something was typed. */
  readonly typed: Signal;
  /** The process that libxl would have started. */
  readonly pid: number;
  readonly close: () => void;
}

export interface Dom0 {
  readonly gate: Gate;
  readonly xs: XsClient;
  readonly clock: Clock;
  /** Wall clock at virtual time 0, seconds since 1970. */
  readonly wallclock: number;
  /** A fresh random uuid. */
  readonly newUuid: () => Uint8Array;
  /** What is kept of each domain beside xenstore. */
  readonly userdata: Userdata;
  /** The terminal of a boot loader that runs in dom0 for this domain. */
  readonly openBootConsole: (domid: Domid) => BootConsole;
  /** A shipped program by name, for the domain that it is to run in: what its vCPU begins with. */
  readonly programOf: (name: string, domid: Domid, start: ProgramStart) => () => void;
}

/** Seconds since 1970 by dom0's clock. */
export const wallSeconds = (dom0: Dom0): number => dom0.wallclock + dom0.clock.now() / 1e9;

/** What xen-init-dom0 leaves in the store when the machine comes up. */
export function initDom0(xs: XsClient): void {
  xs.write("/local/domain/0/domid", "0");
  xs.write("/local/domain/0/name", "Domain-0");
  xs.write("/local/pool/0/name", "Pool-0");
  xs.mkdir("/vm");
  xs.mkdir("/libxl");
  acknowledgeShutdown(xs);
}

/** dom0 acknowledges a request to shut down as any domain does, and stays: what ends the machine is `xlab host stop`. */
function acknowledgeShutdown(xs: XsClient): void {
  const path = "/local/domain/0/control/shutdown";
  xs.watch(path, () => {
    if ((xs.read(path) ?? "") !== "") xs.write(path, "");
  });
}
