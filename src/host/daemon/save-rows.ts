/** The rows of protocol/save.ts. */
import { randomBytes } from "node:crypto";
import { MONITOR_WISHES } from "../../protocol/messages.ts";
import { AFTER_SAVE, type SaveMethods } from "../../protocol/save.ts";
import { domainConfigJson } from "../../toolstack/config/parse.ts";
import { randomUuid } from "../../toolstack/uuid.ts";
import type { Answer, Checked, Service } from "./serve.ts";

type SaveAnswer<M extends keyof SaveMethods> = Answer & { readonly result: SaveMethods[M]["result"] };
type SaveRows = {
  readonly [M in keyof SaveMethods]: (
    service: Service,
    params: Checked,
  ) => Promise<SaveAnswer<M>> | SaveAnswer<M>;
};

const LONGEST_PATH = 4096;
const LARGEST_CONFIG = 4 << 20;

export const SAVE_ROWS: SaveRows = {
  save: async ({ host, bytes, log }, p) => {
    const domid = p.domid();
    const config = p.string("config", LARGEST_CONFIG);
    const name = p.string("name", LONGEST_PATH);
    const after = p.oneOf("after", AFTER_SAVE);
    return { result: await host.saving.save({ domid, config, name, after, channel: bytes, say: log }) };
  },
  restore: async ({ host, bytes, log, monitor }, p) => {
    const text = p.optionalString("text", LARGEST_CONFIG);
    const source = p.optionalString("source", LONGEST_PATH);
    const wish = p.oneOf("monitor", MONITOR_WISHES);
    const debug = p.boolean("debug");
    let monitorDone = (): void => {};
    if (wish === "foreground") {
      monitor.done = new Promise((resolve) => {
        monitorDone = resolve;
      });
    }
    const result = await host.saving.restore({
      name: p.string("name", LONGEST_PATH),
      override: text === undefined ? undefined : { text, source: source ?? "" },
      cwd: p.string("cwd", LONGEST_PATH),
      paused: p.boolean("paused"),
      incoming: p.boolean("incoming"),
      uuid: randomUuid(randomBytes(16)),
      channel: bytes,
      say: log,
      parsed: (libxl) => {
        if (debug) log(domainConfigJson(libxl));
      },
      monitor: {
        ...(wish === "none" ? { monitor: wish } : {}),
        ...(wish === "foreground" ? { monitorLog: log, monitorDone } : {}),
      },
    });
    return { result };
  },
  resumeSuspended: ({ host }, p) => ({ result: host.saving.resume(p.domid()) }),
};
