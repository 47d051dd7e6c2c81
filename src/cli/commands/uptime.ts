/** xl uptime: since when domains run. */
import { defineCommand } from "../command.ts";
import { withHost } from "../connection-use.ts";
import { findDomain } from "../find-domain.ts";
import { out, warn } from "../output.ts";

const DAY = 86_400;
const two = (n: number): string => String(n).padStart(2, "0");

export const uptime = defineCommand({
  name: "uptime",
  usage: "[-s] [Domain]",
  summary: "Print uptime for all/some domains",
  options: [{ short: "s" }],
  required: 0,
  modifies: false,
  canDryRun: false,
  run: ({ args }) =>
    withHost(async (host) => {
      const short = args.has("s");
      const domids: number[] = [];
      for (const domain of args.operands) domids.push(await findDomain(host, domain));
      const { now, rows } = await host.call("uptimes", { domids: domids.length === 0 ? null : domids });
      if (!short) out(`${"Name".padEnd(33)} ${"ID".padStart(4)} Uptime\n`);
      const clock = new Date(now * 1000);
      const time = [clock.getHours(), clock.getMinutes(), clock.getSeconds()].map(two).join(":");
      for (const { domid, name, up } of rows) {
        if (up === null) {
          warn(
            `libxl: error: libxl_domain.c:2231:libxl_vm_get_start_time: Domain ${domid}:Can't get start time of domain`,
          );
          continue;
        }
        const since = uptimeText(Math.max(0, Math.trunc(up)), short);
        const shown = name ?? "(null)";
        out(
          short
            ? ` ${time} up ${since}, ${shown} (${domid})\n`
            : `${shown.padEnd(33)} ${String(domid).padStart(4)} ${since}\n`,
        );
      }
      return 0;
    }),
});

/** ` H:MM:SS`, without the seconds when `short`, and the days before it when there are any. */
export function uptimeText(seconds: number, short: boolean): string {
  const days = Math.floor(seconds / DAY);
  const hours = Math.floor((seconds % DAY) / 3600);
  const minutes = Math.floor((seconds % 3600) / 60);
  const time = `${String(hours).padStart(2)}:${two(minutes)}${short ? "" : `:${two(seconds % 60)}`}`;
  return days === 0 ? time : `${days} day${days > 1 ? "s" : ""}, ${time}`;
}
