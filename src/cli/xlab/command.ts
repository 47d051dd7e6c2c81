/** A command of xlab's: as xl's, with a help text of its own and the launch it came with. */
import type { Arguments } from "../arguments.ts";
import type { Command } from "../command.ts";
import type { OpenDiskImage, OpenLocalHost } from "./local-host.ts";

export interface XlabCommand extends Pick<Command, "name" | "usage" | "summary" | "options"> {
  /** What `xlab help NAME` says below the usage. */
  readonly help: string;
  run(args: Arguments, openLocalHost: OpenLocalHost, openDiskImage: OpenDiskImage): Promise<number>;
}
