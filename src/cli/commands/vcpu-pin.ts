/** xl vcpu-pin: which pCPUs a vCPU may run on, and where it would rather. */
import { cpuMapFor, parseCpuRange } from "../../toolstack/config/cpu-range.ts";
import { XlError } from "../../toolstack/error.ts";
import { leadingInteger } from "../c-number.ts";
import { defineCommand } from "../command.ts";
import { withHost } from "../connection-use.ts";
import { findDomain } from "../find-domain.ts";
import { cpuMapText } from "../format/cpu-map.ts";
import { out } from "../output.ts";

const ALL = "all";
/** Leaves an affinity as it is. */
const KEEP = "-";

/** undefined: all of them. */
function whichVcpu(word: string, force: boolean): number | undefined {
  const vcpu = leadingInteger(word);
  if (vcpu !== undefined && vcpu >= 0) return vcpu;
  if (word !== ALL) throw new XlError(1, [`Error: Invalid argument ${word} as VCPU.`]);
  if (force) throw new XlError(1, ["Error: --force and 'all' as VCPU not allowed."]);
  return undefined;
}

export const vcpuPin = defineCommand({
  name: "vcpu-pin",
  usage: "[option] <Domain> <VCPU|all> <Hard affinity|-|all> <Soft affinity|-|all>",
  summary: "Set which CPUs a VCPU can use",
  options: [
    { short: "f", long: "force", help: "Also where the guest has pinned it for a while" },
    {
      short: "i",
      letterUnsaid: true,
      long: "ignore-global-affinity-masks",
      help: "Leave out the masks of xl.conf",
    },
  ],
  required: 3,
  modifies: true,
  canDryRun: true,
  run: ({ args, global }) =>
    withHost(async (host) => {
      const [domain = "", vcpuWord = "", hardWord = KEEP, softWord = KEEP] = args.operands;
      const domid = await findDomain(host, domain);
      const vcpu = whichVcpu(vcpuWord, args.has("force"));
      const { nrCpus } = await host.call("physinfo", {});
      const range = (word: string): number[] | null =>
        word === KEEP ? null : parseCpuRange(word, cpuMapFor(nrCpus));
      const hard = range(hardWord);
      const soft = range(softWord);
      if (global.dryRun) {
        const text = (ids: readonly number[]): string =>
          cpuMapText(Array.from({ length: nrCpus }, (_, id) => ids.includes(id)));
        out(`cpumap: ${hard === null ? KEEP : text(hard)}${soft === null ? "" : ` ${text(soft)}`}\n`);
        return 0;
      }
      // Of all vCPUs together xl says what failed and goes on: such an error's status is 0.
      await host.call("pinVcpu", { domid, vcpu: vcpu ?? null, hard, soft });
      return 0;
    }),
});
