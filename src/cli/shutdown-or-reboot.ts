/** What `xl shutdown` and `xl reboot` share: the same request but for a word. */
import type { ShutdownWish } from "../protocol/life.ts";
import { XlError } from "../toolstack/error.ts";
import { type Command, defineCommand, type Invocation } from "./command.ts";
import type { HostClient } from "./connection.ts";
import { withHost } from "./connection-use.ts";
import { findDomain } from "./find-domain.ts";
import { warn } from "./output.ts";

export interface Wording {
  readonly name: "shutdown" | "reboot";
  readonly what: ShutdownWish;
  readonly doing: string;
  readonly summary: string;
  readonly all: string;
  readonly fallback: string;
  readonly wait: string;
}

export const shutdownCommand = (wording: Wording): Command =>
  defineCommand({
    name: wording.name,
    usage: "[options] <-a|Domain>",
    summary: wording.summary,
    options: [
      { short: "a", long: "all", help: wording.all },
      { short: "h", help: "This text." },
      { short: "F", help: wording.fallback },
      { short: "w", long: "wait", help: wording.wait },
    ],
    required: 0,
    modifies: true,
    canDryRun: false,
    run: (invocation) => run(wording, invocation),
  });

async function run({ what, doing }: Wording, { args, argv }: Invocation): Promise<number> {
  const [wanted] = args.operands;
  if (wanted === undefined && !args.has("all"))
    throw new XlError(1, ["You must specify -a or a domain id.", ""]);
  return withHost(async (host) => {
    const domids = args.has("all") ? await guests(host) : [await findDomain(host, wanted ?? "")];
    const ends: Promise<void>[] = [];
    for (const domid of domids) {
      warn(`${doing} domain ${domid}`);
      await host.call("requestShutdown", { domid, what });
    }
    if (!args.has("wait")) return 0;
    warn(`Waiting for ${domids.length} domains`);
    const forDeath = timesWaited(argv) > 1;
    for (const domid of domids) ends.push(awaitEnd(domid, forDeath));
    await Promise.all(ends);
    return 0;
  });
}

/** Each on a connection of its own: requests of one are answered in order, and domains end in any. */
const awaitEnd = (domid: number, forDeath: boolean): Promise<void> =>
  withHost(async (host) => {
    const end = await host.call("waitForEnd", { domid });
    if (end.how === "destroyed") {
      warn(`Domain ${domid} has been destroyed`);
      return;
    }
    warn(`Domain ${domid} has been shut down, reason code ${end.reason}`);
    if (!forDeath) return;
    warn(`Domain ${domid} continue waiting for death`);
    await host.call("waitForDeath", { domid });
    warn(`Domain ${domid} has been destroyed`);
  });

async function guests(host: HostClient): Promise<number[]> {
  const domains = await host.call("list", {});
  return domains.map(({ domid }) => domid).filter((domid) => domid !== 0);
}

/** How often `-w` was given: xl counts. */
const timesWaited = (argv: readonly string[]): number =>
  argv.reduce((sum, word) => {
    if (word === "--wait") return sum + 1;
    return /^-[a-zA-Z]+$/.test(word) ? sum + (word.match(/w/g)?.length ?? 0) : sum;
  }, 0);
