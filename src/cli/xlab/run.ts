/**
 * xlab run: one guest in the foreground, in this very process, for scripts and CI. Its console is on stdout; the exit
 * status says how it ended.
 */
import { randomUUID } from "node:crypto";
import { absurd } from "../../lib/absurd.ts";
import type { ReportedEnd } from "../../protocol/messages.ts";
import { parseDomainConfig } from "../../toolstack/config/parse.ts";
import { XlError } from "../../toolstack/error.ts";
import type { Arguments } from "../arguments.ts";
import { readConfigFile } from "../config-file.ts";
import { type SittingEnd, sitAtConsole } from "../console/sitting.ts";
import { obituary, SHUTDOWN_CRASH, SHUTDOWN_POWEROFF, SHUTDOWN_REBOOT } from "../obituary.ts";
import { warn } from "../output.ts";
import { hint } from "../report.ts";
import type { XlabCommand } from "./command.ts";
import { Expectation } from "./expectation.ts";

import type { LocalHost, OpenLocalHost } from "./local-host.ts";

/** How it ended, as an exit status. Below 10: it was not started, and the status is `xl create`'s. */
export const RUN_STATUS = {
  poweredOff: 0,
  usage: 2,
  crashed: 10,
  rebooted: 11,
  otherShutdown: 12,
  destroyed: 13,
  timeout: 14,
  notSeen: 15,
  left: 16,
} as const;

interface RunOptions {
  readonly source: string;
  readonly settings: readonly string[];
  readonly expect: RegExp | undefined;
  readonly timeoutSeconds: number | undefined;
  readonly seed: number | undefined;
  readonly clock: "real" | "warp";
}

export const run: XlabCommand = {
  name: "run",
  usage: "CONFIG [key=value ...] [options]",
  summary: "Run one guest in the foreground, in this process",
  options: [
    { long: "expect", value: "RE" },
    { long: "timeout", value: "S" },
    { long: "seed", value: "N" },
    { long: "clock", value: "real|warp" },
  ],
  help: `The guest's console goes to stdout, what comes on stdin to the guest. On a terminal, Ctrl-] leaves.

--expect RE          Wait for a console line that matches; then end the guest and exit with 0.
                     Nothing is printed beyond the match. (A JavaScript regular expression.)
--timeout S          Give up after so many seconds on the wall clock.
--seed N             Where chance comes from. The same seed and clock: the same bytes (warp).
--clock real|warp    real: never ahead of the wall. warp: idle time costs nothing.
                     Default: warp, and real where stdin is a terminal.

Exit status:
   0  the guest powered off, or what --expect wants was printed
   1, 2, 3, 6  it was not started: the status of \`xl create'
  10  it crashed
  11  it asked for a reboot
  12  it shut down for another reason (suspend, watchdog)
  13  it was destroyed
  14  time ran out
  15  it ended, and what --expect wants had not been printed
  16  the user left
  70  xlab made a mistake
`,
  async run(args, openLocalHost) {
    const options = parseOptions(args);
    if (typeof options === "string") {
      warn(`xlab run: ${options}`);
      await hint("`xlab help run' has the options");
      return RUN_STATUS.usage;
    }
    return runGuest(options, openLocalHost);
  },
};

/** A string: what is wrong. */
function parseOptions(args: Arguments): RunOptions | string {
  const [source, ...others] = args.operands.filter((operand) => !operand.includes("="));
  if (source === undefined) return "which config?";
  if (others.length > 0) return `one config at a time, not \`${others.join("', `")}' too`;
  const timeout = args.value("timeout");
  const timeoutSeconds = timeout === undefined ? undefined : Number(timeout);
  if (timeoutSeconds !== undefined && !(timeoutSeconds > 0 && timeoutSeconds < 1e6)) {
    return `--timeout takes seconds, not \`${timeout}'`;
  }
  const seed = args.value("seed");
  if (seed !== undefined && !/^[0-9]{1,15}$/.test(seed)) return `--seed takes a number, not \`${seed}'`;
  const clock = args.value("clock") ?? (process.stdin.isTTY ? "real" : "warp");
  if (clock !== "real" && clock !== "warp") return `--clock takes real or warp, not \`${clock}'`;
  const expect = args.value("expect");
  const pattern = expect === undefined ? undefined : compile(expect);
  if (typeof pattern === "string") return pattern;
  return {
    source,
    settings: args.operands.filter((operand) => operand.includes("=")),
    expect: pattern,
    timeoutSeconds,
    seed: seed === undefined ? undefined : Number(seed),
    clock,
  };
}

function compile(expression: string): RegExp | string {
  try {
    return new RegExp(expression);
  } catch (error) {
    return `--expect takes a regular expression: ${(error as Error).message}`;
  }
}

async function runGuest(options: RunOptions, openLocalHost: OpenLocalHost): Promise<number> {
  const { source, settings } = options;
  const text = readConfigFile(source);
  // With a seed, everything is to be the same in the next run: the domain's identity too.
  const uuid = options.seed === undefined ? randomUUID() : "00000000-0000-4000-8000-000000000001";
  const parsed = parseDomainConfig({
    text,
    source,
    overrides: settings,
    uuid: Uint8Array.from(Buffer.from(uuid.replaceAll("-", ""), "hex")),
  });
  for (const line of parsed.warnings) warn(line);
  const overrides = parsed.libxl.c_info.uuid === uuid ? [...settings, `uuid="${uuid}"`] : settings;

  const host = await openLocalHost({ clock: options.clock, seed: options.seed });
  try {
    const domid = await host.create({ text, source, overrides, cwd: process.cwd() }, warn);
    return await conclude(await watch(host, domid, options), parsed.config.name, options, host);
  } finally {
    await host.stop();
  }
}

type Ending = SittingEnd | { readonly why: "expected" | "timeout" };

/** Lets the guest run until it ends, or something else does. */
async function watch(host: LocalHost, domid: number, options: RunOptions): Promise<Ending> {
  const expectation = options.expect === undefined ? undefined : new Expectation(options.expect);
  let timer: NodeJS.Timeout | undefined;
  const timeout = new Promise<void>((resolve) => {
    if (options.timeoutSeconds !== undefined) timer = setTimeout(resolve, options.timeoutSeconds * 1000);
  });
  try {
    const end = await sitAtConsole(host, domid, {
      attached: () => host.unpause(domid),
      ...(expectation === undefined ? {} : { watch: (bytes) => expectation.take(bytes) }),
      until: Promise.race([timeout, host.failure]),
    });
    if (end === undefined) throw new XlError(1, ["Unable to attach console"]);
    if (expectation?.met) return { why: "expected" };
    return end.why === "enough" ? { why: "timeout" } : end;
  } finally {
    clearTimeout(timer);
  }
}

async function conclude(ending: Ending, name: string, options: RunOptions, host: LocalHost): Promise<number> {
  switch (ending.why) {
    case "expected":
    case "enough":
    case "unread":
      return RUN_STATUS.poweredOff;
    case "left":
      return RUN_STATUS.left;
    case "timeout": {
      const missing = options.expect === undefined ? "" : `, and ${options.expect} had not been printed`;
      await hint(`the guest ${name} was still running after ${options.timeoutSeconds} s${missing}`);
      return RUN_STATUS.timeout;
    }
    case "ended":
      return concludeGuest(ending.end ?? { how: "destroyed" }, name, options.expect, host);
    default:
      return absurd(ending);
  }
}

async function concludeGuest(
  end: ReportedEnd,
  name: string,
  expect: RegExp | undefined,
  host: LocalHost,
): Promise<number> {
  const words = obituary(name, end);
  if (end.how === "shutdown" && end.reason === SHUTDOWN_CRASH) {
    // This machine ends with this process: what its log holds is shown now, or never.
    warn(host.dmesg().trimEnd());
    await hint(`the guest ${name} has crashed; above is what \`xl dmesg' would show`);
    return RUN_STATUS.crashed;
  }
  if (words !== undefined) await hint(words);
  if (end.how === "destroyed") return RUN_STATUS.destroyed;
  if (end.reason === SHUTDOWN_REBOOT) return RUN_STATUS.rebooted;
  if (end.reason !== SHUTDOWN_POWEROFF) return RUN_STATUS.otherShutdown;
  if (expect !== undefined) {
    await hint(`the guest ${name} powered off, and ${expect} had not been printed`);
    return RUN_STATUS.notSeen;
  }
  return RUN_STATUS.poweredOff;
}
