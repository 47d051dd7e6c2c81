/**
 * Requests of save, restore and migration. The saved domain's bytes flow beside them as bytes frames: from the host while
 * `save` is under way (what the client sends back is why it can take no more), to the host for `restore`; an empty frame
 * says that nothing more will come.
 */
import type { MonitorWish } from "./messages.ts";

export const AFTER_SAVE = ["destroy", "resume", "pause", "nothing"] as const;
export type AfterSaveWish = (typeof AFTER_SAVE)[number];

interface ByDomid {
  readonly domid: number;
}

export interface SaveMethods {
  /** `config`: the domain's, as JSON; `name`: what the stream is called in messages. Answers 0, or libxl's error number. */
  save: {
    params: ByDomid & { readonly config: string; readonly name: string; readonly after: AfterSaveWish };
    result: number;
  };
  restore: { params: RestoreParams; result: { readonly domid: number; readonly name: string } };
  /** A domain that a failed migration left suspended goes on; answers what is said when it cannot. */
  resumeSuspended: { params: ByDomid; result: readonly string[] };
}

export interface RestoreParams {
  readonly name: string;
  /** A config that stands in for the saved one; null: none. */
  readonly text: string | null;
  readonly source: string | null;
  readonly cwd: string;
  readonly paused: boolean;
  readonly incoming: boolean;
  /** The config is printed as JSON. */
  readonly debug: boolean;
  readonly monitor: MonitorWish;
}
