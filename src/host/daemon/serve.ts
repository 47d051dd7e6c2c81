/**
 * The requests of protocol/messages.ts, one row each: the untrusted value is checked here and nowhere else.
 */
import { randomBytes } from "node:crypto";
import { SHUTDOWN } from "../../abi/hypercall.ts";
import type { Domid } from "../../abi/types.ts";
import { type Method, type Methods, MONITOR_WISHES, type ReportedEnd } from "../../protocol/messages.ts";
import { xenstoreSocketPath } from "../../protocol/state-directory.ts";
import { parseDomainConfig } from "../../toolstack/config/parse.ts";
import { readGuestFiles, withAbsoluteDisks } from "../guest-files.ts";
import type { ByteChannel } from "../streams.ts";
import type { DomainRow, HostApi } from "../types.ts";
import { BLOCK_ROWS } from "./block-rows.ts";
import { LIFE_ROWS } from "./life-rows.ts";
import { SAVE_ROWS } from "./save-rows.ts";
import { SCHEDULING_ROWS } from "./scheduling-rows.ts";

/** The request is not one of ours; said to the client as it stands. */
export class Refused extends Error {
  override readonly name = "Refused";
}

export interface Service {
  readonly host: HostApi;
  readonly directory: string;
  readonly log: (line: string) => void;
  readonly consoleReady: (domid: number) => void;
  /** The connection's bytes beside its requests. */
  readonly bytes: ByteChannel;
  /** The monitor that this connection watches. */
  readonly monitor: { done: Promise<void> };
  /** Attaches the connection to a console; `after` is called once the answer has been sent. */
  readonly attach: (domid: number, interactive: boolean) => { readonly after: () => void } | undefined;
}

export interface Answer {
  readonly result: unknown;
  readonly after?: () => void;
  /** Switch the machine off once answered. */
  readonly stop?: true;
}

type Rows = {
  readonly [M in Method]: (service: Service, params: Checked) => Promise<AnswerOf<M>> | AnswerOf<M>;
};
type AnswerOf<M extends Method> = Answer & { readonly result: Methods[M]["result"] };

/** Typed looks into what the client sent; a wrong type is refused by name. */
export class Checked {
  readonly #params: Record<string, unknown>;
  constructor(params: unknown) {
    if (typeof params !== "object" || params === null) throw new Refused("params must be an object");
    this.#params = params as Record<string, unknown>;
  }
  string(name: string, longest: number): string {
    const value = this.#params[name];
    if (typeof value !== "string" || value.length > longest) throw new Refused(`${name} must be a string`);
    return value;
  }
  boolean(name: string): boolean {
    const value = this.#params[name];
    if (typeof value !== "boolean") throw new Refused(`${name} must be a boolean`);
    return value;
  }
  strings(name: string): readonly string[] {
    const value = this.#params[name];
    if (!Array.isArray(value) || value.length > 10_000 || !value.every((item) => typeof item === "string")) {
      throw new Refused(`${name} must be a list of strings`);
    }
    return value;
  }
  oneOf<const V extends string>(name: string, values: readonly V[]): V {
    const value = this.#params[name];
    const found = values.find((candidate) => candidate === value);
    if (found === undefined) throw new Refused(`${name} must be one of ${values.join(", ")}`);
    return found;
  }
  integer(name: string): number {
    const value = this.#params[name];
    if (typeof value !== "number" || !Number.isSafeInteger(value) || value < 0)
      throw new Refused(`${name} must be a number`);
    return value;
  }
  /** An integer of either sign. */
  signed(name: string): number {
    const value = this.#params[name];
    if (typeof value !== "number" || !Number.isSafeInteger(value))
      throw new Refused(`${name} must be a number`);
    return value;
  }
  optionalSigned(name: string): number | undefined {
    return (this.#params[name] ?? null) === null ? undefined : this.signed(name);
  }
  /** undefined: null was sent, or nothing. */
  optionalString(name: string, longest: number): string | undefined {
    return (this.#params[name] ?? null) === null ? undefined : this.string(name, longest);
  }
  optionalIntegers(name: string, most: number): readonly number[] | undefined {
    const value = this.#params[name];
    if ((value ?? null) === null) return undefined;
    if (!Array.isArray(value) || value.length > most || !value.every((item) => Number.isSafeInteger(item))) {
      throw new Refused(`${name} must be a list of numbers`);
    }
    return value;
  }
  domid(): Domid {
    return this.integer("domid") as Domid;
  }
}

/** `xl -vvv`: libxc's lines are shown. */
const DETAILED = 3;

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");

function listed(row: DomainRow): Methods["list"]["result"][number] {
  const { handle, sharedInfoFrame, ...rest } = row;
  void sharedInfoFrame;
  return { ...rest, uuid: hex(handle) };
}

const ROWS: Rows = {
  ...BLOCK_ROWS,
  ...LIFE_ROWS,
  ...SAVE_ROWS,
  ...SCHEDULING_ROWS,
  list: ({ host }) => ({ result: host.list().map(listed) }),
  vcpus: ({ host }, p) => ({ result: host.vcpus(p.domid()) }),
  domidOf: ({ host }, p) => ({ result: host.domidOf(p.string("name", 4096)) ?? null }),
  nameOf: ({ host }, p) => ({ result: host.nameOf(p.domid()) ?? null }),
  physinfo: ({ host }) => ({ result: host.physinfo() }),
  version: ({ host }) => {
    const { virtStart, ...rest } = host.version();
    return { result: { ...rest, virtStart: `0x${virtStart.toString(16)}` } };
  },
  dmesg: ({ host }, p) => ({ result: host.dmesg(p.boolean("clear")) }),
  create: async ({ host, log, monitor, consoleReady }, p) => {
    const { config, libxl } = parseDomainConfig({
      text: p.string("text", 4 << 20),
      source: p.string("source", 4096),
      overrides: p.strings("overrides"),
      uuid: newUuid(),
    });
    const paused = p.boolean("paused");
    const wish = p.oneOf("monitor", MONITOR_WISHES);
    const verbose = p.integer("verbosity") >= DETAILED;
    const cwd = p.string("cwd", 4096);
    const files = await readGuestFiles(config, cwd);
    let monitorDone = (): void => {};
    if (wish === "foreground") {
      monitor.done = new Promise((resolve) => {
        monitorDone = resolve;
      });
    }
    const domid = await host.create({
      config: withAbsoluteDisks(config, cwd),
      libxl,
      files,
      paused,
      log,
      consoleReady,
      ...(verbose ? { detail: log } : {}),
      ...(wish === "none" ? { monitor: wish } : {}),
      ...(wish === "foreground" ? { monitorLog: log, monitorDone } : {}),
    });
    return { result: { domid, name: config.name } };
  },
  waitForMonitor: async ({ monitor }) => ({ result: await monitor.done.then(() => null) }),
  destroy: async ({ host }, p) => ({ result: await host.destroy(p.domid()).then(() => null) }),
  pause: async ({ host }, p) => ({ result: await host.pause(p.domid()).then(() => null) }),
  unpause: async ({ host }, p) => ({ result: await host.unpause(p.domid()).then(() => null) }),
  console: ({ attach }, p) => {
    const attached = attach(p.domid(), p.boolean("interactive"));
    return attached === undefined ? { result: false } : { result: true, after: attached.after };
  },
  waitForEnd: async ({ host }, p) => ({ result: await reportEnd(host, p.domid()) }),
  status: ({ host, directory }) => ({
    result: {
      pid: process.pid,
      stateDirectory: directory,
      xenstoreSocket: xenstoreSocketPath(directory),
      ...host.status(),
    },
  }),
  stop: () => ({ result: null, stop: true }),
};

/** How the domain ended, with its last words where a shutdown left some. */
export async function reportEnd(host: HostApi, domid: Domid): Promise<ReportedEnd> {
  const end = await host.waitForEnd(domid);
  if (end.how === "destroyed") return end;
  const lastWords = end.reason === SHUTDOWN.crash ? host.lastWords(domid) : undefined;
  return lastWords === undefined ? end : { ...end, lastWords };
}

/** A random (version 4) uuid. */
export function newUuid(): Uint8Array {
  const uuid = new Uint8Array(randomBytes(16));
  uuid[6] = ((uuid[6] ?? 0) & 0x0f) | 0x40;
  uuid[8] = ((uuid[8] ?? 0) & 0x3f) | 0x80;
  return uuid;
}

export async function serve(value: unknown, service: Service): Promise<Answer> {
  if (
    typeof value !== "object" ||
    value === null ||
    !("method" in value) ||
    typeof value.method !== "string"
  ) {
    throw new Refused("a request needs a method");
  }
  if (!Object.hasOwn(ROWS, value.method)) throw new Refused(`no such method: ${value.method.slice(0, 80)}`);
  return ROWS[value.method as Method](service, new Checked("params" in value ? value.params : {}));
}
