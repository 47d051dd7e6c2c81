/** xl migrate-receive: the other end of `xl migrate`. The stream comes on stdin, answers go to stdout. */
import { XlError } from "../../toolstack/error.ts";
import { defineCommand, type Invocation } from "../command.ts";
import type { HostClient } from "../connection.ts";
import { withHost } from "../connection-use.ts";
import { warn } from "../output.ts";
import { hint } from "../report.ts";
import {
  PERMISSION_TO_GO,
  PipeReader,
  RECEIVER_BANNER,
  RECEIVER_READY,
  REPORT,
  readMessage,
  writePipe,
} from "../save/migration.ts";

export const migrateReceive = defineCommand({
  name: "migrate-receive",
  usage: "- for internal use only",
  summary: "Restore a domain from a saved state",
  options: [{ short: "F" }, { short: "e" }, { short: "d" }, { short: "p" }],
  required: 0,
  modifies: true,
  canDryRun: false,
  async run(invocation) {
    if (invocation.args.operands.length > 0) {
      await invocation.printHelp();
      return 1;
    }
    return withHost((host) => receive(host, invocation)).finally(() => process.stdin.destroy());
  },
});

/** libxl's ERROR_FAIL, as the sender is told of it. */
const FAILED = 3;
const PIECE_BYTES = 64 << 10;

async function receive(host: HostClient, { args }: Invocation): Promise<number> {
  process.stdout.on("error", () => {});
  warn("migration target: Ready to receive domain.");
  if (!(await writePipe(process.stdout, RECEIVER_BANNER))) return 1;
  const pipe = new PipeReader(process.stdin);
  let received: { readonly domid: number; readonly name: string };
  try {
    received = await receiveDomain(host, pipe, args);
  } catch (error) {
    if (!(error instanceof XlError)) throw error;
    for (const line of error.lines) warn(line);
    if (error.hint !== undefined) await hint(error.hint);
    warn(`migration target: Domain creation failed (code -${FAILED}).`);
    return 1;
  }
  const { domid, name } = received;
  warn("migration target: Transfer complete, requesting permission to start domain.");
  if (!(await writePipe(process.stdout, RECEIVER_READY))) return 1;
  const started = await start(host, pipe, domid, name, args.has("p"));
  if (started) warn("migration target: Domain started successsfully.");
  if (!(await writePipe(process.stdout, REPORT))) return 1;
  if (!(await writePipe(process.stdout, Uint8Array.of(started ? 0 : FAILED)))) return 1;
  if (started) return 0;
  warn("migration target: Failure, destroying our copy.");
  await host.call("destroy", { domid });
  warn("migration target: Cleanup OK, granting sender permission to resume.");
  return (await writePipe(process.stdout, PERMISSION_TO_GO)) ? 0 : 1;
}

/** Bytes go to the host until it has the whole domain; what comes after it is the handshake's. */
async function receiveDomain(
  host: HostClient,
  pipe: PipeReader,
  args: Invocation["args"],
): Promise<{ readonly domid: number; readonly name: string }> {
  let over = false;
  const request = host
    .call(
      "restore",
      {
        name: "<incoming migration stream>",
        text: null,
        source: null,
        cwd: process.cwd(),
        paused: true,
        incoming: true,
        debug: args.has("d"),
        monitor: args.has("e") || args.has("F") ? "none" : "background",
      },
      warn,
    )
    .finally(() => {
      over = true;
    });
  const settled = request.then(nothing, nothing);
  const pump = async (): Promise<void> => {
    for (;;) {
      await Promise.race([pipe.readable(), settled]);
      if (over) return;
      const piece = pipe.cut(PIECE_BYTES);
      if (piece.length === 0) {
        host.endBytes();
        return;
      }
      await Promise.race([host.sendBytes(piece), settled]);
    }
  };
  void pump();
  return await request;
}

const nothing = (): undefined => undefined;

/** Once the sender has let it go: its own name, and its life. */
async function start(
  host: HostClient,
  pipe: PipeReader,
  domid: number,
  name: string,
  paused: boolean,
): Promise<boolean> {
  if (!(await readMessage(pipe, PERMISSION_TO_GO, "GO message", undefined))) return false;
  warn("migration target: Got permission, starting domain.");
  try {
    await host.call("rename", { domid, oldName: `${name}--incoming`, newName: name });
    if (!paused) await host.call("unpause", { domid });
    return true;
  } catch (error) {
    if (!(error instanceof XlError)) throw error;
    for (const line of error.lines) warn(line);
    return false;
  }
}
