/** The rows of protocol/life.ts: requests about domains that run. */
import { Domid } from "../../abi/types.ts";
import { type LifeMethods, SHUTDOWN_WISHES, TRIGGERS } from "../../protocol/life.ts";
import type { Answer, Checked, Service } from "./serve.ts";

type LifeAnswer<M extends keyof LifeMethods> = Answer & { readonly result: LifeMethods[M]["result"] };
type LifeRows = {
  readonly [M in keyof LifeMethods]: (
    service: Service,
    params: Checked,
  ) => Promise<LifeAnswer<M>> | LifeAnswer<M>;
};

const LONGEST_PATH = 4096;
const LARGEST_CONFIG = 4 << 20;
const MOST_KEYS = 128;
/** xl takes no more; here it is a bound and no surprise. */
const MOST_DOMAINS = 100;

const nothing = { result: null } as const;

export const LIFE_ROWS: LifeRows = {
  requestShutdown: async ({ host }, p) => {
    await host.life.requestShutdown(p.domid(), p.oneOf("what", SHUTDOWN_WISHES));
    return nothing;
  },
  waitForDeath: async ({ host }, p) => {
    await host.life.waitForDeath(p.domid());
    return nothing;
  },
  sysrq: ({ host }, p) => {
    host.life.sysrq(p.domid(), p.string("letter", 1));
    return nothing;
  },
  trigger: ({ host }, p) => {
    host.life.trigger(p.domid(), p.oneOf("trigger", TRIGGERS), p.integer("vcpu"));
    return nothing;
  },
  rename: ({ host }, p) => {
    host.life.rename(p.domid(), p.optionalString("oldName", LONGEST_PATH), p.string("newName", LONGEST_PATH));
    return nothing;
  },
  uptimes: ({ host }, p) => ({
    result: host.life.uptimes(p.optionalIntegers("domids", MOST_DOMAINS)?.map((domid) => Domid(domid))),
  }),
  debugKeys: ({ host }, p) => {
    host.life.debugKeys(p.string("keys", MOST_KEYS));
    return nothing;
  },
  memSet: ({ host }, p) => {
    host.life.memSet(p.domid(), p.integer("kib"));
    return nothing;
  },
  memMax: ({ host }, p) => {
    host.life.memMax(p.domid(), p.integer("kib"));
    return nothing;
  },
  dumpCore: async ({ host }, p) => {
    await host.life.dumpCore(p.domid(), p.string("path", LONGEST_PATH), p.string("said", LONGEST_PATH));
    return nothing;
  },
  domainConfigs: ({ host }, p) => {
    const [domid] = p.optionalIntegers("domids", 1) ?? [];
    return { result: host.life.configs(domid === undefined ? undefined : Domid(domid)) };
  },
  updateConfig: ({ host }, p) => {
    host.life.updateConfig(p.domid(), p.string("text", LARGEST_CONFIG), p.string("source", LONGEST_PATH));
    return nothing;
  },
};
