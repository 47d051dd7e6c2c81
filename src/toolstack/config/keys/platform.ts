/** What the domain's machine is like: time, tables, limits, and what other architectures ask. */
import type { EnumField } from "../idl.ts";
import {
  altp2mMode,
  type DomainType,
  gicVersion,
  passthrough,
  teeType,
  timerMode,
  tscMode,
  vuartType,
} from "../libxl-types.ts";
import {
  copyBools,
  copyNumbers,
  EXIT_FAIL,
  type KeyContext,
  mibToKib,
  refuse,
  toInt,
  toUint32,
} from "./context.ts";

/** libxl finds a name whatever its case. */
const named = <V extends string>(field: EnumField<V>, name: string): V | undefined =>
  field.values.find((value) => value.toLowerCase() === name.toLowerCase());

export function readVuart({ settings, config }: KeyContext): void {
  const given = settings.string("vuart");
  if (given === undefined) return;
  config.b_info.arch_arm.vuart =
    named(vuartType, given) ?? refuse(`ERROR: invalid value "${given}" for "vuart"`);
}

/** From `e820_host` to `max_event_channels`. */
export function readPlatform(context: KeyContext): void {
  const { settings, config } = context;
  const info = config.b_info;
  if (info.type.pv !== undefined) copyBools(context, info.type.pv, { e820_host: "e820_host" });
  for (const key of ["pci_msitranslate", "pci_power_mgmt", "pci_permissive", "pci_seize"]) settings.long(key);
  settings.string("rdm");
  settings.list("pci");
  settings.list("dtdev");
  readPassthrough(context);
  copyNumbers(context, info, { shadow_memkb: "shadow_memory" }, mibToKib);
  copyBools(context, info, { disable_migrate: "nomigrate" });
  readTscMode(context);
  copyNumbers(context, info, { rtc_timeoffset: "rtc_timeoffset" }, toUint32);
  copyBools(context, info, { localtime: "localtime" });
  copyNumbers(context, info, { video_memkb: "videoram" }, mibToKib);
  copyNumbers(context, info, { event_channels: "max_event_channels" }, toUint32);
}

function readPassthrough({ settings, config }: KeyContext): void {
  const given = settings.string("passthrough");
  if (given === undefined) return;
  config.c_info.passthrough =
    named(passthrough, given) ?? refuse(`ERROR: unknown passthrough option '${given}'`);
}

function readTscMode({ settings, config, warn }: KeyContext): void {
  const number = settings.long("tsc_mode", true);
  if (number !== undefined) {
    config.b_info.tsc_mode = fromNumber("tsc_mode", number, tscMode, warn);
    return;
  }
  const given = settings.string("tsc_mode");
  if (given === undefined) return;
  warn(`got a tsc mode string: "${given}"`);
  config.b_info.tsc_mode = named(tscMode, given) ?? refuse(`ERROR: invalid value "${given}" for "tsc_mode"`);
}

/** An enumeration's number: deprecated, with the name to write instead. */
function fromNumber<V extends string>(
  key: string,
  number: bigint,
  field: EnumField<V>,
  warn: KeyContext["warn"],
): V {
  const value = field.values[Number(BigInt.asIntN(32, number))];
  const example =
    value === undefined ? (number === -1n ? exampleOf(key, "unknown") : "") : exampleOf(key, value);
  warn(
    `WARNING: specifying "${key}" as an integer is deprecated. Please use the named parameter variant. ${example}`,
  );
  return value ?? refuse(`ERROR: invalid value ${number} for "${key}"`);
}

const exampleOf = (key: string, value: string): string => `e.g. ${key}="${value}"`;

/** `timer_mode`, `nestedhvm`: beside the boot keys in xl's order. */
export function readTimersAndNesting(context: KeyContext, type: DomainType): void {
  const { settings, config, warn } = context;
  if (settings.string("timer_mode") !== undefined && type === "pv") {
    refuse('ERROR: "timer_mode" option is not supported for PV guests.', EXIT_FAIL);
  }
  const given = settings.string("timer_mode", true);
  if (given !== undefined) {
    const number = settings.long("timer_mode", true);
    config.b_info.timer_mode =
      number !== undefined
        ? fromNumber("timer_mode", number, timerMode, warn)
        : (named(timerMode, given) ?? refuse(`ERROR: invalid value "${given}" for "timer_mode"`));
  }
  copyBools(context, config.b_info, { nested_hvm: "nestedhvm" });
}

export function readAltp2m({ settings, config }: KeyContext): void {
  const given = settings.string("altp2m");
  if (given === undefined) return;
  const number = settings.long("altp2m", true);
  const mode = number === undefined ? named(altp2mMode, given) : altp2mMode.values[Number(toInt(number))];
  config.b_info.altp2m = mode ?? refuse(`ERROR: invalid value "${given}" for "altp2m"`);
}

/** What xl reads last. */
export function readClosingKeys(context: KeyContext): void {
  const { settings, config, warn } = context;
  const info = config.b_info;
  copyBools(context, info, { dm_restrict: "dm_restrict" });
  const gic = settings.string("gic_version");
  if (gic !== undefined) {
    info.arch_arm.gic_version =
      named(gicVersion, gic) ?? refuse(`Unknown gic_version "${gic}" specified`, EXIT_FAIL);
  }
  const tee = settings.string("tee");
  if (tee !== undefined)
    info.tee = named(teeType, tee) ?? refuse(`Unknown tee "${tee}" specified`, EXIT_FAIL);
  settings.list("vkb");
  copyBools(context, config.c_info, { xend_suspend_evtchn_compat: "xend_suspend_evtchn_compat" });
  copyBools(context, info.arch_x86, { msr_relaxed: "msr_relaxed" });
  if (info.arch_x86.msr_relaxed !== undefined) {
    warn("WARNING: msr_relaxed will be removed in future versions.");
    warn("If it fixes an issue you are having please report to xen-devel@lists.xenproject.org.");
  }
  const trace = settings.long("vmtrace_buf_kb", true);
  if (trace !== undefined) info.vmtrace_buf_kb = toInt(trace);
  copyBools(context, info, { vpmu: "vpmu" });
}
