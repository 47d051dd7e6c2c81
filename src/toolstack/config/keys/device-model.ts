/** The device model and the stub domain it may live in. */
import type { DomainType } from "../libxl-types.ts";
import {
  copyBools,
  copyNumbers,
  copyStrings,
  EXIT_FAIL,
  type KeyContext,
  mibToKib,
  refuse,
} from "./context.ts";

export function readDeviceModel(context: KeyContext, type: DomainType): void {
  const { settings, config, warn } = context;
  const info = config.b_info;
  readXmDirective(context, type);
  copyStrings(context, info, { device_model: "device_model_override" });
  const version = settings.string("device_model_version");
  if (version === "qemu-xen-traditional") info.device_model_version = "qemu_xen_traditional";
  else if (version === "qemu-xen") info.device_model_version = "qemu_xen";
  else if (version !== undefined) refuse(`Unknown device_model_version "${version}" specified`);
  else if (info.device_model !== undefined) {
    warn("WARNING: device model override given without specific DM version");
  }
  copyBools(context, info, { device_model_stubdomain: "device_model_stubdomain_override" });
  copyStrings(context, info, {
    device_model_ssid_label: "device_model_stubdomain_seclabel",
    device_model_user: "device_model_user",
    stubdomain_kernel: "stubdomain_kernel",
    stubdomain_cmdline: "stubdomain_cmdline",
    stubdomain_ramdisk: "stubdomain_ramdisk",
  });
  copyNumbers(context, info, { stubdomain_memkb: "stubdomain_memory" }, mibToKib);
  for (const [field, key] of ARGUMENTS) {
    if (!settings.has(key)) continue;
    const args = settings.strings(key) ?? refuse(`xl: Unable to parse ${key}.`, EXIT_FAIL);
    info[field] = args.slice();
  }
}

const ARGUMENTS = [
  ["extra", "device_model_args"],
  ["extra_pv", "device_model_args_pv"],
  ["extra_hvm", "device_model_args_hvm"],
] as const;

/** xm's `device_model=` names a program, which xl does not take from a config. */
function readXmDirective({ settings, warn }: KeyContext, type: DomainType): void {
  const directive = settings.string("device_model");
  if (directive === undefined) return;
  warn("WARNING: ignoring device_model directive.");
  warn('WARNING: Use "device_model_override" instead if you really want a non-default device_model');
  if (!directive.includes("stubdom-dm")) return;
  warn(
    type === "hvm"
      ? 'WARNING: Or use "device_model_stubdomain_override" if you  want to enable stubdomains'
      : 'WARNING: ignoring "device_model_stubdomain_override" directive for pv guest',
  );
}
