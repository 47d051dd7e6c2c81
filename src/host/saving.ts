/** Save, restore and the two ends of a migration, as promises for the outside. */
import { DOMID_FIRST_RESERVED, Domid } from "../abi/types.ts";
import type { AfterSaveWish } from "../protocol/save.ts";
import { toDomainConfig } from "../toolstack/config/domain-config.ts";
import { domainConfigFromJson } from "../toolstack/config/from-json.ts";
import type { LibxlDomainConfig } from "../toolstack/config/libxl-types.ts";
import { type ParsedDomain, parseDomainConfig } from "../toolstack/config/parse.ts";
import type { Dom0 } from "../toolstack/dom0.ts";
import { XlError } from "../toolstack/error.ts";
import type { RecentDomids } from "../toolstack/recent-domids.ts";
import { saveDomain, sendDomain } from "../toolstack/save/save-domain.ts";
import { openStream } from "../toolstack/save/stream.ts";
import { resumeGuest } from "../toolstack/save/suspend.ts";
import { readXlHead } from "../toolstack/save/xl-file.ts";
import type { Plan } from "../toolstack/wait.ts";
import { readGuestFiles, withAbsoluteDisks } from "./guest-files.ts";
import type { ByteChannel, Streams } from "./streams.ts";
import type { CreateRequest } from "./types.ts";

export interface SaveRequest {
  readonly domid: Domid;
  /** The domain's config as JSON: the stream takes it along. */
  readonly config: string;
  /** What the stream is called in messages. */
  readonly name: string;
  /** "nothing": it stays suspended, for the other end to say what becomes of it. */
  readonly after: AfterSaveWish;
  readonly channel: ByteChannel;
  readonly say: (line: string) => void;
}

export interface RestoreRequest {
  /** What the stream is called in messages. */
  readonly name: string;
  /** A config that stands in for the saved one. */
  readonly override: { readonly text: string; readonly source: string } | undefined;
  /** Paths in the config are resolved by it. */
  readonly cwd: string;
  readonly paused: boolean;
  /** Of a migration: the domain is called NAME--incoming until its sender has let it go. */
  readonly incoming: boolean;
  readonly uuid: Uint8Array;
  readonly channel: ByteChannel;
  readonly say: (line: string) => void;
  /** Hears the config before anything is made of it. */
  readonly parsed: (libxl: LibxlDomainConfig) => void;
  readonly monitor: Pick<CreateRequest, "monitor" | "monitorLog" | "monitorDone">;
}

/** Each throws XlError with what xl prints and its status. */
export interface SavingApi {
  /** 0; or, after "nothing", libxl's error number. */
  save(request: SaveRequest): Promise<number>;
  restore(request: RestoreRequest): Promise<{ readonly domid: Domid; readonly name: string }>;
  /** A domain that stayed suspended goes on; what is said when it cannot. */
  resume(domid: Domid): readonly string[];
}

export interface SavingOptions {
  readonly dom0: Dom0;
  readonly recent: RecentDomids;
  readonly streams: Streams;
  readonly enter: () => void;
  readonly kick: () => void;
  readonly run: <T>(plan: Plan<T>) => Promise<T>;
  readonly create: (request: CreateRequest) => Promise<Domid>;
}

export class Saving implements SavingApi {
  readonly #options: SavingOptions;

  constructor(options: SavingOptions) {
    this.#options = options;
  }

  async save(request: SaveRequest): Promise<number> {
    const { channel, after, ...rest } = request;
    const { dom0, recent, streams, run } = this.#options;
    const id = streams.open(channel);
    try {
      const wish = { ...rest, sink: openStream(id) };
      if (after === "nothing") return await run(sendDomain(dom0, wish));
      await run(saveDomain(dom0, recent, wish, after));
      return 0;
    } finally {
      streams.close(id);
      request.channel.end();
    }
  }

  async restore(request: RestoreRequest): Promise<{ readonly domid: Domid; readonly name: string }> {
    const { streams, run } = this.#options;
    const id = streams.open(request.channel);
    try {
      const head = await run(readXlHead(openStream(id), request.name, request.say));
      const domid = await this.#restoreFrom(id, request, head.config);
      return domid;
    } catch (error) {
      // xl restore ends with 1 whatever libxl's number was.
      if (error instanceof XlError) throw new XlError(1, error.lines, error.hint, { cause: error });
      throw error;
    } finally {
      streams.close(id);
      request.channel.end();
    }
  }

  async #restoreFrom(
    id: number,
    request: RestoreRequest,
    saved: { readonly text: string; readonly json: boolean } | undefined,
  ): Promise<{ readonly domid: Domid; readonly name: string }> {
    const { override, cwd, paused, uuid, say } = request;
    if (override === undefined && saved === undefined) {
      throw new XlError(1, ["Config file not specified and none in save file"]);
    }
    const source = override?.source ?? "<saved>";
    say(`Parsing config from ${source}`);
    const { config, libxl, warnings } =
      override === undefined && saved?.json === true
        ? fromJson(saved.text)
        : parseDomainConfig({ text: override?.text ?? saved?.text ?? "", source, overrides: [], uuid });
    for (const line of warnings) say(line);
    const name = request.incoming ? `${config.name}--incoming` : config.name;
    const named = { ...libxl, c_info: { ...libxl.c_info, name } };
    request.parsed(named);
    const domid = await this.#options.create({
      config: withAbsoluteDisks({ ...config, name }, cwd),
      libxl: named,
      files: await readGuestFiles(config, cwd),
      paused,
      log: say,
      saved: { source: openStream(id), say },
      ...wanted(libxl.c_info.domid),
      ...request.monitor,
    });
    return { domid, name: config.name };
  }

  resume(domid: Domid): readonly string[] {
    this.#options.enter();
    const lines = resumeGuest(this.#options.dom0, domid);
    this.#options.kick();
    return lines;
  }
}

/** An id that a guest can have. */
function wanted(domid: bigint | undefined): { readonly wantedDomid?: Domid } {
  if (domid === undefined || domid <= 0n || domid >= BigInt(DOMID_FIRST_RESERVED)) return {};
  return { wantedDomid: Domid(Number(domid)) };
}

function fromJson(text: string): ParsedDomain {
  const libxl = domainConfigFromJson(text);
  return { libxl, config: toDomainConfig(libxl, new Map()), warnings: [] };
}
