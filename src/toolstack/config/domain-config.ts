/**
 * A domain's configuration as the toolstack builds from it: what xl.cfg's keys mean once parsed and defaulted.
 * Keys that the model does not use yet are kept in `rest`, so that nothing a user wrote is lost.
 */
import type { CfgSetting } from "./grammar.ts";

export type ShutdownAction =
  | "destroy"
  | "restart"
  | "rename-restart"
  | "preserve"
  | "coredump-destroy"
  | "coredump-restart"
  | "soft-reset";

export interface DomainConfig {
  readonly name: string;
  /** 16 bytes. */
  readonly uuid: Uint8Array;
  readonly type: "pv" | "pvh" | "hvm";
  /** Path as written; resolved by the client's working directory. */
  readonly kernel: string | undefined;
  readonly ramdisk: string | undefined;
  readonly cmdline: string;
  readonly memory: { readonly targetKib: number; readonly maxKib: number };
  readonly vcpus: number;
  readonly maxVcpus: number;
  readonly maxEventChannels: number;
  readonly maxGrantFrames: number | undefined;
  readonly cpuWeight: number | undefined;
  readonly cap: number | undefined;
  readonly on: {
    readonly poweroff: ShutdownAction;
    readonly reboot: ShutdownAction;
    readonly watchdog: ShutdownAction;
    readonly crash: ShutdownAction;
    readonly softReset: ShutdownAction;
  };
  /** Every other setting of the file, as parsed. */
  readonly rest: ReadonlyMap<string, CfgSetting>;
}
