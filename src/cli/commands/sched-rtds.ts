/** xl sched-rtds: on a machine whose scheduler is credit it finds nothing of its own, and says so as xl does. */
import { XlError } from "../../toolstack/error.ts";
import { libxlError } from "../../toolstack/lines.ts";
import { toInteger } from "../c-number.ts";
import { defineCommand, type OptionSpec } from "../command.ts";
import type { HostClient } from "../connection.ts";
import { withHost } from "../connection-use.ts";
import { findDomain } from "../find-domain.ts";
import { isPool, rtdsHeader } from "../format/sched.ts";
import { scan } from "../getopt.ts";
import { out } from "../output.ts";

const ALL = "all";

const OPTIONS: readonly OptionSpec[] = [
  { short: "d", long: "domain", value: "DOMAIN", help: "The domain it is about" },
  { short: "v", long: "vcpuid", value: "VCPUID/all", help: "One of its vCPUs, or all; may be given again" },
  { short: "p", long: "period", value: "PERIOD", help: "Period, microseconds" },
  { short: "b", long: "budget", value: "BUDGET", help: "Budget in each, microseconds" },
  { short: "e", long: "extratime", value: "Extratime", help: "1: more than the budget where time is left" },
  { long: "cpupool", value: "CPUPOOL" },
  { short: "c" }, // xl forgets that it takes a value
];

const fails = (...lines: string[]): never => {
  throw new XlError(1, lines);
};
const at = (place: string, text: string, domid?: number): string =>
  libxlError(`libxl_sched.c:${place}`, domid, text);

/** What was given, as often as it was. */
interface Wish {
  readonly domain: string | undefined;
  readonly vcpus: readonly string[];
  readonly periods: readonly number[];
  readonly budgets: readonly number[];
  readonly extratimes: readonly string[];
  readonly pool: string | undefined;
}

function read(argv: readonly string[]): Wish {
  const scanned = scan(argv, OPTIONS);
  const given = scanned.ok ? scanned.options : [];
  const values = (long: string): string[] =>
    given.flatMap(({ spec, value }) => (spec.long === long && value !== undefined ? [value] : []));
  const extratimes = values("extratime");
  if (extratimes.some((word) => word !== "0" && word !== "1")) fails("Invalid extratime.");
  return {
    domain: values("domain").at(-1),
    vcpus: values("vcpuid"),
    periods: values("period").map(toInteger),
    budgets: values("budget").map(toInteger),
    extratimes,
    pool: values("cpupool").at(-1),
  };
}

/** xl's own checks; true: something is to be set. */
function check({ domain, vcpus, periods, budgets, extratimes, pool }: Wish): boolean {
  const [ids, all] = [vcpus.filter((word) => word !== ALL).length, vcpus.includes(ALL)];
  const sets = periods.length + budgets.length + extratimes.length > 0;
  if (pool !== undefined && (domain !== undefined || sets || vcpus.length > 0)) {
    fails("Specifying a cpupool is not allowed with other options.");
  }
  if (domain === undefined && (sets || ids > 0)) fails("Missing parameters.");
  if (domain !== undefined && vcpus.length === 0 && sets) fails("Must specify VCPU.");
  if (ids > 0 && all) fails("Incorrect VCPU IDs.");
  const short = [periods, budgets, extratimes].some((list) => list.length > 0 && ids > list.length);
  if (short || periods.length !== budgets.length || periods.length !== extratimes.length) {
    fails("Incorrect number of period, budget and extratime");
  }
  if (pool !== undefined && !isPool(pool)) fails(`unknown cpupool '${pool}'`);
  return sets;
}

/** Xen refuses the call: its scheduler is another. libxl has looked at the numbers before. */
function refuseToSet({ vcpus, periods, budgets }: Wish, domid: number, maxVcpuId: number): never {
  const all = vcpus.includes(ALL);
  const failed = all ? "libxl_vcpu_sched_params_set_all failed." : "libxl_vcpu_sched_params_set failed.";
  const ids = all ? [] : vcpus.map(toInteger);
  const outside = ids.find((id) => id < 0 || id > maxVcpuId);
  if (outside !== undefined) {
    const text = `Invalid VCPU ${outside}: valid range is [0, ${maxVcpuId}]`;
    fails(at("627:sched_rtds_vcpu_set", text, domid), failed);
  }
  periods.forEach((period, i) => {
    const budget = budgets[i] ?? 0;
    const place = (line: number): string => `${line}:sched_rtds_validate_params`;
    if (period < 1) fails(at(place(477), `Invalid VCPU period of ${period} (it should be >= 1)`), failed);
    if (budget < 1) fails(at(place(483), `Invalid VCPU budget of ${budget} (it should be >= 1)`), failed);
    if (budget > period) {
      const text = `VCPU budget must be smaller than or equal to period, but ${budget} > ${period}`;
      fails(at(place(489), text), failed);
    }
  });
  const place = all ? "705:sched_rtds_vcpu_set_all" : "653:sched_rtds_vcpu_set";
  return fails(at(place, "Setting vcpu sched rtds: Invalid argument", domid), failed);
}

async function ofDomain(host: HostClient, wish: Wish, domain: string, sets: boolean): Promise<number> {
  const domid = await findDomain(host, domain);
  const info = (await host.call("list", {})).find((row) => row.domid === domid);
  const all = wish.vcpus.includes(ALL);
  if (sets) {
    const set = all ? "sched_rtds_vcpu_set_all" : "sched_rtds_vcpu_set";
    const failed = `libxl_vcpu_sched_params_set${all ? "_all" : ""} failed.`;
    if (info === undefined) {
      return fails(
        at(`${all ? 675 : 614}:${set}`, "Getting domain info: No such file or directory", domid),
        failed,
      );
    }
    return refuseToSet(wish, domid, info.maxVcpuId);
  }
  out(rtdsHeader(wish.vcpus.length > 0));
  const unknown = (line: number, get: string): string => at(`${line}:${get}`, "Unknown scheduler", domid);
  if (wish.vcpus.length === 0) {
    if (info !== undefined) return fails("libxl_domain_sched_params_get returned credit not rtds.");
    return fails(unknown(905, "libxl_domain_sched_params_get"), "libxl_domain_sched_params_get failed.");
  }
  const get = `libxl_vcpu_sched_params_get${all ? "_all" : ""}`;
  const unsupported = "per-VCPU parameter getting not supported for this scheduler";
  return fails(
    info === undefined ? unknown(all ? 971 : 938, get) : at(`${all ? 964 : 931}:${get}`, unsupported, domid),
    `${get} failed.`,
  );
}

export const schedRtds = defineCommand({
  name: "sched-rtds",
  usage: "[-d <Domain> [-v[=VCPUID/all]] [-p[=PERIOD]] [-b[=BUDGET]] [-e[=Extratime]]]",
  summary: "Get/set rtds scheduler parameters",
  options: OPTIONS,
  required: 0,
  modifies: true,
  canDryRun: false,
  run: ({ argv }) =>
    withHost(async (host) => {
      const wish = read(argv);
      const sets = check(wish);
      return wish.domain === undefined ? 0 : ofDomain(host, wish, wish.domain, sets);
    }),
});
