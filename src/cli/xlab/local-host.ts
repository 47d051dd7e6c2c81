/**
 * A machine in this very process, as `xlab run` uses one. cli/ knows no host: bin/xlab hands in the function that makes
 * one ({@link ../../host/local.ts}).
 */
import type { CreateParams, ReportedEnd } from "../../protocol/messages.ts";
import type { ConsoleHost } from "../console/sitting.ts";

export interface LocalHostOptions {
  readonly clock: "real" | "warp";
  readonly seed: number | undefined;
}

export interface LocalHost extends ConsoleHost {
  /** Paused, and with nobody who restarts it. Reads the files that the config names. Throws XlError. */
  create(
    params: Pick<CreateParams, "text" | "source" | "overrides" | "cwd">,
    onLog: (line: string) => void,
  ): Promise<number>;
  /** As ConsoleHost has it; the domain is gone when it settles. */
  waitForEnd(domid: number): Promise<ReportedEnd>;
  unpause(domid: number): Promise<void>;
  dmesg(): string;
  stop(): Promise<void>;
  /** Rejects with our own mistake, should the machine make one; else it never settles. */
  readonly failure: Promise<never>;
}

/** An image on this machine, read-only, as a guest would see it. */
export type OpenDiskImage = (
  path: string,
  format: string,
) => Promise<{
  /** Bytes. */
  readonly size: number;
  read(offset: number, length: number): Promise<Uint8Array>;
  close(): Promise<void>;
}>;

export type OpenLocalHost = (options: LocalHostOptions) => Promise<LocalHost>;
