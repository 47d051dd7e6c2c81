/** How much of the machine the domain gets: scheduler, memory, vCPUs, grant tables. */
import { XlError } from "../../error.ts";
import { cpuMapFor, parseCpuRange } from "../cpu-range.ts";
import { copyNumbers, type KeyContext, mibToKib, refuse, toInt } from "./context.ts";

const INT_MAX = 0x7fff_ffffn;
/** xl would print a list of any length; nothing that boots has so many, and ours stays within memory. */
const MAX_VCPUS = 1n << 17n;

export function readResources(context: KeyContext): void {
  const info = context.config.b_info;
  copyNumbers(
    context,
    info.sched_params,
    {
      weight: "cpu_weight",
      cap: "cap",
      period: "period",
      slice: "slice",
      latency: "latency",
      extratime: "extratime",
    },
    toInt,
  );
  readMemory(context);
  readVcpus(context);
  readAffinity(context, "cpus", "vcpu_hard_affinity");
  readAffinity(context, "cpus_soft", "vcpu_soft_affinity");
}

function readMemory({ settings, config }: KeyContext): void {
  const info = config.b_info;
  const memory = settings.long("memory");
  if (memory !== undefined) {
    info.target_memkb = mibToKib(memory);
    info.max_memkb = info.target_memkb;
  }
  const maxmem = settings.long("maxmem");
  if (maxmem !== undefined) info.max_memkb = mibToKib(maxmem);
}

function readVcpus({ settings, config, warn }: KeyContext): void {
  const info = config.b_info;
  const vcpus = settings.long("vcpus") ?? 0n;
  if (vcpus > INT_MAX) refuse("xl: maxvcpus < vcpus");
  if (vcpus < 0n || vcpus > MAX_VCPUS) {
    warn("libxl: error: libxl_utils.c:809:libxl_cpu_bitmap_alloc: invalid number of cpus provided");
    refuse("Unable to allocate cpumap");
  }
  if (vcpus > 0n) {
    info.max_vcpus = vcpus;
    info.avail_vcpus = Array.from({ length: Number(vcpus) }, (_, vcpu) => BigInt(vcpu));
  }
  const maxvcpus = settings.long("maxvcpus") ?? 0n;
  if (maxvcpus === 0n) return;
  if (toInt(maxvcpus) < vcpus) refuse("xl: maxvcpus < vcpus");
  info.max_vcpus = toInt(maxvcpus);
}

/** No machine is looked at here: the map is that of the pCPUs that ours has by default. */
const MAP = cpuMapFor(4);

/** Of a domain that says how many vCPUs it has: xl counts them here before it fills in the default. */
function readAffinity(
  { settings, config }: KeyContext,
  key: "cpus" | "cpus_soft",
  field: "vcpu_hard_affinity" | "vcpu_soft_affinity",
): void {
  const info = config.b_info;
  const vcpus = Number(info.max_vcpus ?? 0n);
  const parse = (text: string): bigint[] => parseCpuRange(text, MAP).map(BigInt);
  const list = settings.strings(key, true);
  if (list !== undefined) {
    info[field] = list.slice(0, vcpus).map(parse);
    info.numa_placement = false;
    return;
  }
  const text = settings.string(key);
  if (text === undefined) return;
  const all = parse(text);
  info[field] = Array.from({ length: vcpus }, () => all);
  if (key === "cpus_soft") info.numa_placement = false;
}

/** Of limits that are no numbers xl says nothing; we say which. */
export function readGrantLimits({ settings, config }: KeyContext): void {
  const info = config.b_info;
  const limit = (key: string): bigint | undefined => {
    const outcome = settings.boundedLong(key, { min: 0n, max: INT_MAX }, true);
    if (outcome.ok) return outcome.value;
    if (outcome.why === "absent") return undefined;
    throw new XlError(1, [], `\`${key}' must be a number from 0 to ${INT_MAX}`);
  };
  const frames = limit("max_grant_frames");
  if (frames !== undefined) info.max_grant_frames = frames;
  const maptrack = limit("max_maptrack_frames");
  if (maptrack !== undefined) info.max_maptrack_frames = maptrack;
  const version = limit("max_grant_version");
  if (version !== undefined) info.max_grant_version = version;
}
