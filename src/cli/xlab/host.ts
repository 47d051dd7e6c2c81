/** xlab host: the machine behind the commands, looked at, switched on and off. */
import { connectHost, type HostClient } from "../connection.ts";
import { out, warn } from "../output.ts";
import type { XlabCommand } from "./command.ts";

const NOT_RUNNING = 1;
const USAGE = 2;

export const host: XlabCommand = {
  name: "host",
  usage: "start|stop|status",
  summary: "Start, stop or show the host process of this state directory",
  options: [],
  help: `start    Starts the host, if none runs. Commands that need one do this by themselves.
stop     Switches the machine off; its guests end as on a power cut.
status   What runs, and how far its clock is behind the wall. Status 1 when none runs.

The state directory is $XLAB_STATE, else $XDG_RUNTIME_DIR/xlab, else ~/.local/state/xlab.
`,
  async run(args) {
    const [verb, ...others] = args.operands;
    const act = verb === undefined || others.length > 0 ? undefined : VERBS.get(verb);
    if (act === undefined) {
      warn("Usage: xlab host start|stop|status");
      return USAGE;
    }
    return act();
  },
};

const VERBS: ReadonlyMap<string, () => Promise<number>> = new Map([
  ["start", start],
  ["stop", stop],
  ["status", status],
]);

async function start(): Promise<number> {
  const client = await connectHost({ start: true });
  client?.close();
  return 0;
}

/** That none runs is what was wanted. */
async function stop(): Promise<number> {
  const client = await connectHost({ start: false });
  if (client === undefined) return 0;
  await client.call("stop", {});
  client.close();
  return 0;
}

async function status(): Promise<number> {
  const client = await connectHost({ start: false });
  if (client === undefined) {
    out("no host runs\n");
    return NOT_RUNNING;
  }
  try {
    out(await describe(client));
    return 0;
  } finally {
    client.close();
  }
}

const NANOS_PER_SECOND = 1e9;

async function describe(client: HostClient): Promise<string> {
  const status = await client.call("status", {});
  const rows: readonly (readonly [string, string | number])[] = [
    ["pid", status.pid],
    ["state directory", status.stateDirectory],
    ["xenstore socket", status.xenstoreSocket],
    ["clock", status.clock],
    ["virtual time", `${(status.virtualNanos / NANOS_PER_SECOND).toFixed(3)} s`],
    ["behind the wall", `${(status.lagNanos / NANOS_PER_SECOND).toFixed(3)} s`],
    ["instructions", status.instructions],
    ["domains", status.domains],
    ["frames backed", `${status.slotsUsed} of ${status.slotsTotal}`],
  ];
  return rows.map(([name, value]) => `${name.padEnd(16)}: ${value}\n`).join("");
}
