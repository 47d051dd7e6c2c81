/** xl migrate: a domain goes on at another host, reached through a command whose pipes lead to `xl migrate-receive`. */
import { type ChildProcess, spawn } from "node:child_process";
import { isatty } from "node:tty";
import { XlError } from "../../toolstack/error.ts";
import { defineCommand, type Invocation } from "../command.ts";
import type { HostClient } from "../connection.ts";
import { withHost } from "../connection-use.ts";
import { findDomain, isDomid } from "../find-domain.ts";
import { warn } from "../output.ts";
import {
  PERMISSION_TO_GO,
  PipeReader,
  RECEIVER_BANNER,
  RECEIVER_READY,
  REPORT,
  readMessage,
  writePipe,
} from "../save/migration.ts";
import { ProgressLog } from "../save/progress.ts";
import { savedConfig } from "../save/saved-config.ts";

export const migrate = defineCommand({
  name: "migrate",
  usage: "[options] <Domain> <host>",
  summary: "Migrate a domain to another host",
  options: [
    { short: "h", help: "This text." },
    { short: "C", value: "<config>", help: "Send this config and not the domain's own." },
    {
      short: "s",
      value: "<sshcommand>",
      help: "Reach the host by this command instead of ssh; sh runs it. If it is\nempty, sh runs <host> itself.",
    },
    { short: "e", help: "Nobody waits (on <host>) for the domain's end in the background." },
    { short: "F" },
    { long: "debug", help: "The receiver prints the config that comes." },
    { long: "live" },
    { short: "p", help: "Leave the domain paused once it is there." },
    { short: "D", help: "The domain keeps its id." },
  ],
  required: 2,
  modifies: true,
  canDryRun: false,
  run: (invocation) => withHost((host) => migrateFrom(host, invocation)),
});

/** How long the transport may take to end before nobody waits for it. */
const CHILD_MILLIS = 2_000;
const GUEST_TIMEDOUT = -8;

/** The command that sh runs. */
function runeOf({ args, global }: Invocation): string {
  const ssh = args.value("s") ?? "ssh";
  const host = args.operands[1] ?? "";
  if (ssh === "") return host;
  const quiet = args.has("e") || args.has("F");
  return [
    `exec ${ssh} ${host} xl`,
    isatty(2) ? " -t" : "",
    global.verbose > 0 ? ` -${"v".repeat(global.verbose)}` : "",
    " migrate-receive",
    quiet ? " -e" : "",
    args.has("debug") ? " -d" : "",
    args.has("p") ? " -p" : "",
  ].join("");
}

async function migrateFrom(host: HostClient, invocation: Invocation): Promise<number> {
  const { args } = invocation;
  const said = args.operands[0] ?? "";
  const domid = await findDomain(host, said);
  const config = await savedConfig(host, { domid, file: args.value("C"), keepDomid: args.has("D") });
  const rune = runeOf(invocation);
  const child = spawn("sh", ["-c", rune], { stdio: ["pipe", "pipe", "inherit"] });
  const transport = new Transport(child);
  const pipe = new PipeReader(transport.output);
  if (!(await readMessage(pipe, RECEIVER_BANNER, "banner", rune))) {
    await transport.report();
    return 1;
  }

  const progress = new ProgressLog({ hidden: true });
  let broken = false;
  host.receiveBytes(async (bytes) => {
    if (broken || (await writePipe(transport.input, bytes))) return;
    broken = true;
    await host.sendBytes(new TextEncoder().encode("32 = Broken pipe"));
  });
  const name = "migration stream";
  const rc = await host.call("save", { domid, config, name, after: "nothing" }, (line) =>
    progress.line(line),
  );
  if (rc !== 0) {
    warn(`migration sender: libxl_domain_suspend failed (rc=${rc})`);
    if (rc !== GUEST_TIMEDOUT) return await resumeHere(host, domid, transport);
    await transport.report();
    warn("Migration failed, failed to suspend at sender.");
    return 1;
  }
  if (!(await readMessage(pipe, RECEIVER_READY, "ready message", rune))) {
    return await resumeHere(host, domid, transport);
  }
  warn("migration sender: Target has acknowledged transfer.");
  const renamed = isDomid(said) ? undefined : { there: `${said}--migratedaway`, here: said };
  if (renamed !== undefined && !(await rename(host, domid, renamed.here, renamed.there))) {
    return await resumeHere(host, domid, transport);
  }

  warn("migration sender: Giving target permission to start.");
  const status = await handOver(pipe, transport, rune);
  if (status === undefined) return await undecided(transport);
  if (status !== 0) {
    warn(`migration sender: Target reports startup failure (status code ${status}).`);
    if (!(await readMessage(pipe, PERMISSION_TO_GO, "permission for sender to resume", rune))) {
      return await undecided(transport);
    }
    warn("migration sender: Trying to resume at our end.");
    if (renamed !== undefined) await rename(host, domid, renamed.there, renamed.here);
    const lines = await host.call("resumeSuspended", { domid });
    for (const line of lines) warn(line);
    if (lines.length === 0) warn("migration sender: Resumed OK.");
    warn("Migration failed due to problems at target.");
    return 1;
  }
  warn("migration sender: Target reports successful startup.");
  await host.call("destroy", { domid });
  warn("Migration successful.");
  return 0;
}

/** What the target says of its copy's start; undefined: nobody knows. */
async function handOver(pipe: PipeReader, transport: Transport, rune: string): Promise<number | undefined> {
  if (!(await writePipe(transport.input, PERMISSION_TO_GO))) return undefined;
  if (!(await readMessage(pipe, REPORT, "success/failure report message", rune))) return undefined;
  return (await pipe.take(1))[0];
}

async function rename(host: HostClient, domid: number, oldName: string, newName: string): Promise<boolean> {
  try {
    await host.call("rename", { domid, oldName, newName });
    return true;
  } catch (error) {
    if (!(error instanceof XlError)) throw error;
    for (const line of error.lines) warn(line);
    return false;
  }
}

async function resumeHere(host: HostClient, domid: number, transport: Transport): Promise<number> {
  await transport.report();
  warn("Migration failed, resuming at sender.");
  for (const line of await host.call("resumeSuspended", { domid })) warn(line);
  return 1;
}

async function undecided(transport: Transport): Promise<number> {
  warn("** Migration failed during final handshake **");
  warn("Domain state is now undefined !");
  warn("Please CHECK AT BOTH ENDS for running instances, before renaming and");
  warn(" resuming at most one instance.  Two simultaneous instances of the domain");
  warn(" would probably result in SEVERE DATA LOSS and it is now your");
  warn(" responsibility to avoid that.  Sorry.");
  await transport.report();
  return 1;
}

/** The process whose pipes lead to the other host. */
class Transport {
  readonly input: NonNullable<ChildProcess["stdin"]>;
  readonly output: NonNullable<ChildProcess["stdout"]>;
  readonly #child: ChildProcess;
  readonly #ended: Promise<void>;

  constructor(child: ChildProcess) {
    const { stdin, stdout } = child;
    if (stdin === null || stdout === null) throw new Error("sh was started without pipes");
    this.input = stdin;
    this.output = stdout;
    this.#child = child;
    stdin.on("error", () => {});
    this.#ended = new Promise((resolve) => {
      child.once("exit", () => resolve());
      child.once("error", () => resolve());
    });
  }

  /** Closes the way there, and says how the process ended if not well (libxl_report_child_exitstatus). */
  async report(): Promise<void> {
    this.input.end();
    const { pid } = this.#child;
    const late = new Promise<"late">((resolve) => setTimeout(resolve, CHILD_MILLIS, "late").unref());
    if ((await Promise.race([this.#ended, late])) === "late") {
      warn(`migration child [${pid}] not exiting, no longer waiting (exit status will be unreported)`);
      this.#child.unref();
      return;
    }
    const { exitCode, signalCode } = this.#child;
    if (exitCode === 0) return;
    const how =
      exitCode === null ? `died due to fatal signal ${signalCode}` : `exited with error status ${exitCode}`;
    const place = "libxl: info: libxl_exec.c:117:libxl_report_child_exitstatus";
    warn(`${place}: migration transport process [${pid}] ${how}`);
  }
}
