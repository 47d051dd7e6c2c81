/** xl sched-credit2: on a machine whose scheduler is credit it finds nothing of its own, and says so as xl does. */
import { XlError } from "../../toolstack/error.ts";
import { libxlError } from "../../toolstack/lines.ts";
import { toInteger } from "../c-number.ts";
import { defineCommand } from "../command.ts";
import { withHost } from "../connection-use.ts";
import { findDomain } from "../find-domain.ts";
import { creditHeader, isPool, POOL } from "../format/sched.ts";
import { out, warn } from "../output.ts";

const RATELIMIT_US = { min: 100, max: 500_000 } as const;

const fails = (...lines: string[]): never => {
  throw new XlError(1, lines);
};
const at = (place: string, text: string, domid?: number): string =>
  libxlError(`libxl_sched.c:${place}`, domid, text);

function schedparam(ratelimit: string | undefined): number {
  if (ratelimit === undefined) {
    out(`Cpupool ${POOL.name}: [sched params unavailable]\n`);
    warn(at("362:libxl_sched_credit2_params_get", "getting Credit2 scheduler parameters: Invalid argument"));
    warn("libxl_sched_credit2_params_get failed.");
    return 0;
  }
  const wanted = toInteger(ratelimit);
  const { min, max } = RATELIMIT_US;
  const why =
    wanted !== 0 && (wanted < min || wanted > max)
      ? at("270:sched_ratelimit_check", `Ratelimit out of range, valid range is from ${min} to ${max}`)
      : at("389:libxl_sched_credit2_params_set", "Setting Credit2 scheduler parameters: Invalid argument");
  return fails(why, "libxl_sched_credit2_params_set failed.");
}

export const schedCredit2 = defineCommand({
  name: "sched-credit2",
  usage: "[-d <Domain> [-w[=WEIGHT]]] [-p CPUPOOL]",
  summary: "Get/set credit2 scheduler parameters",
  options: [
    { short: "d", long: "domain", value: "DOMAIN", help: "The domain it is about" },
    { short: "w", long: "weight", value: "WEIGHT", help: "Its share beside the others'" },
    { short: "c", long: "cap", value: "CAP", help: "The most it gets" },
    { short: "s", long: "schedparam", help: "The scheduler's own parameters" },
    {
      short: "r",
      long: "ratelimit_us",
      value: "RLIMIT",
      help: "How long a vCPU runs at least, microseconds",
    },
    { short: "p", long: "cpupool", value: "CPUPOOL", help: "Of this cpupool only" },
  ],
  required: 0,
  modifies: true,
  canDryRun: false,
  run: ({ args }) =>
    withHost(async (host) => {
      const [domain, pool] = [args.value("domain"), args.value("cpupool")];
      const ofDomain = args.has("weight") || args.has("cap");
      if (pool !== undefined && (domain !== undefined || ofDomain)) {
        fails("Specifying a cpupool is not allowed with other options.");
      }
      if (domain === undefined && ofDomain) fails("Must specify a domain.");
      if (pool !== undefined && !isPool(pool)) fails(`unknown cpupool '${pool}'`);
      if (args.has("schedparam")) return schedparam(args.value("ratelimit_us"));
      if (domain === undefined) return 0; // no pool has this scheduler
      const domid = await findDomain(host, domain);
      const exists = (await host.call("list", {})).some((row) => row.domid === domid);
      if (ofDomain) {
        const why = at(
          "439:sched_credit2_domain_set",
          "Getting domain sched credit2: Invalid argument",
          domid,
        );
        fails(...(exists ? [why] : []), "libxl_domain_sched_params_set failed.");
      }
      out(creditHeader());
      if (exists) fails("libxl_domain_sched_params_get returned credit not credit2.");
      return fails(
        at("905:libxl_domain_sched_params_get", "Unknown scheduler", domid),
        "libxl_domain_sched_params_get failed.",
      );
    }),
});
