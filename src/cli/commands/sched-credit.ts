/** xl sched-credit: weights and caps of domains, slice and rate limit of the machine. */
import { XlError } from "../../toolstack/error.ts";
import { toInteger } from "../c-number.ts";
import { defineCommand } from "../command.ts";
import { withHost } from "../connection-use.ts";
import { findDomain } from "../find-domain.ts";
import { creditHeader, creditPool, creditRow, isPool } from "../format/sched.ts";
import { out } from "../output.ts";

const fails = (line: string): never => {
  throw new XlError(1, [line]);
};

export const schedCredit = defineCommand({
  name: "sched-credit",
  usage: "[-d <Domain> [-w[=WEIGHT]|-c[=CAP]]] [-s [-t TSLICE] [-r RATELIMIT]] [-p CPUPOOL]",
  summary: "Get/set credit scheduler parameters",
  options: [
    { short: "d", long: "domain", value: "DOMAIN", help: "The domain it is about" },
    { short: "w", long: "weight", value: "WEIGHT", help: "Its share beside the others', 1 to 65535" },
    { short: "c", long: "cap", value: "CAP", help: "The most it gets, in hundredths of a pCPU; 0: no limit" },
    { short: "s", long: "schedparam", help: "The scheduler's own parameters" },
    {
      short: "t",
      long: "tslice_ms",
      value: "TSLICE",
      help: "How long a vCPU may run at a stretch, milliseconds",
    },
    { short: "r", long: "ratelimit_us", value: "RLIMIT", help: "How long it runs at least, microseconds" },
    {
      short: "m",
      long: "migration_delay_us",
      value: "DLY",
      help: "How long it then stays on its pCPU, microseconds",
    },
    { short: "p", long: "cpupool", value: "CPUPOOL", help: "Of this cpupool only" },
  ],
  required: 0,
  modifies: true,
  canDryRun: false,
  run: ({ args }) =>
    withHost(async (host) => {
      const number = (option: string): number | null => {
        const word = args.value(option);
        return word === undefined ? null : toInteger(word);
      };
      const [domain, pool] = [args.value("domain"), args.value("cpupool")];
      const [weight, cap] = [number("weight"), number("cap")];
      const [tslice, ratelimit, delay] = [
        number("tslice_ms"),
        number("ratelimit_us"),
        number("migration_delay_us"),
      ];
      const ofDomain = weight !== null || cap !== null;
      const ofMachine = tslice !== null || ratelimit !== null || delay !== null;
      const schedparam = args.has("schedparam");

      if ((pool !== undefined || schedparam) && (domain !== undefined || ofDomain)) {
        fails("Specifying a cpupool or schedparam is not allowed with domain options.");
      }
      if (domain === undefined && ofDomain) fails("Must specify a domain.");
      if (!schedparam && ofMachine) fails("Must specify schedparam to set schedule parameter values.");
      if (pool !== undefined && !isPool(pool)) fails(`unknown cpupool '${pool}'`);

      if (schedparam) {
        const params = await host.call("creditParams", {});
        if (!ofMachine) out(creditPool(params));
        else {
          await host.call("setCreditParams", {
            tsliceMs: tslice ?? params.tsliceMs,
            ratelimitUs: ratelimit ?? params.ratelimitUs,
            migrationDelayUs: delay ?? params.migrationDelayUs,
          });
        }
        return 0;
      }
      if (domain === undefined) {
        const domains = await host.call("list", {});
        out(creditPool(await host.call("creditParams", {})) + creditHeader());
        for (const { domid, name } of domains) {
          out(creditRow(name ?? null, domid, await host.call("credit", { domid })));
        }
        return 0;
      }
      const domid = await findDomain(host, domain);
      if (ofDomain) {
        await host.call("setCredit", { domid, weight, cap });
        return 0;
      }
      out(creditHeader());
      const credit = await host.call("credit", { domid });
      out(creditRow(await host.call("nameOf", { domid }), domid, credit));
      return 0;
    }),
});
