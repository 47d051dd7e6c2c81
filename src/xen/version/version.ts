/** Which Xen this is: the answers of xen_version and of `xl info`. */
import type { XenVersion } from "../../abi/hypercall.ts";
import * as abi from "../../abi/version.ts";
import { argument, copyBack, copyOut, minus } from "../hypercall/argument.ts";
import type { Call, CallResult, Handler } from "../hypercall/context.ts";

export const XEN_MAJOR = 4;
export const XEN_MINOR = 17;
const EXTRA = ".7";

export const XEN_VERSION: XenVersion = {
  major: XEN_MAJOR,
  minor: XEN_MINOR,
  extra: EXTRA,
  compiler: "xlab (a model of Xen in TypeScript)",
  compileBy: "xlab",
  compileDomain: "localdomain",
  compileDate: "Sun Nov 22 00:00:00 UTC 2026",
  capabilities: "xen-3.0-x86_64 ",
  changeset: "",
  virtStart: 0xffff_8000_0000_0000n,
  pagesize: 4096,
  commandline: "",
  buildId: "786c616200000000000000000000000000000417",
  scheduler: "credit",
};

/** Of a PV domU. */
const FEATURES =
  (1 << abi.XENFEAT_mmu_pt_update_preserve_ad) |
  (1 << abi.XENFEAT_highmem_assist) |
  (1 << abi.XENFEAT_gnttab_map_avail_bits) |
  (1 << abi.XENFEAT_memory_op_vnode_supported) |
  (1 << abi.XENFEAT_not_direct_mapped);

/** `xen_deny()`: what the unprivileged get to read. */
const DENIED = "<denied>";

/** NUL-padded, always NUL-terminated. */
function chars(text: string, size: number): Uint8Array {
  const bytes = new Uint8Array(size);
  for (let i = 0; i < Math.min(text.length, size - 1); i++) bytes[i] = text.charCodeAt(i) & 0xff;
  return bytes;
}

const answer = (call: Call, bytes: Uint8Array, result = 0): CallResult =>
  copyOut(call, call.args[1], bytes) ? result : minus("EFAULT");

const COMMANDS: Readonly<Record<number, Handler>> = {
  [abi.XENVER_version]: () => (XEN_MAJOR << 16) | XEN_MINOR,
  [abi.XENVER_extraversion]: (call) => answer(call, chars(EXTRA, abi.XENVER_EXTRAVERSION_LEN)),
  [abi.XENVER_compile_info]: (call) => {
    const bytes = new Uint8Array(abi.XENVER_COMPILE_INFO_LEN);
    for (const [name, [offset, size]] of Object.entries(abi.XENVER_COMPILE_INFO)) {
      bytes.set(chars(XEN_VERSION[name as keyof typeof abi.XENVER_COMPILE_INFO], size), offset);
    }
    return answer(call, bytes);
  },
  [abi.XENVER_capabilities]: (call) =>
    answer(call, chars(XEN_VERSION.capabilities, abi.XENVER_CAPABILITIES_LEN)),
  [abi.XENVER_changeset]: (call) => answer(call, chars(XEN_VERSION.changeset, abi.XENVER_CHANGESET_LEN)),
  [abi.XENVER_platform_parameters]: (call) => {
    const bytes = new Uint8Array(8);
    new DataView(bytes.buffer).setBigUint64(0, XEN_VERSION.virtStart, true);
    return answer(call, bytes);
  },
  [abi.XENVER_get_features]: (call) => {
    const arg = argument(call, 1, abi.xenFeatureInfo.size);
    if (arg === undefined) return minus("EFAULT");
    if (abi.xenFeatureInfo.field.submapIdx.get(arg, 0) !== 0) return minus("EINVAL");
    abi.xenFeatureInfo.field.submap.set(arg, 0, FEATURES);
    return copyBack(call, 1, arg) ? 0 : minus("EFAULT");
  },
  [abi.XENVER_pagesize]: (call) => (call.args[1] === 0n ? XEN_VERSION.pagesize : minus("EINVAL")),
  [abi.XENVER_guest_handle]: (call) => answer(call, call.domain.handle),
  [abi.XENVER_commandline]: (call) => answer(call, chars(DENIED, abi.XENVER_COMMANDLINE_LEN)),
  [abi.XENVER_build_id]: () => minus("EPERM"),
};

/** xen_version(cmd, arg) */
export const doXenVersion: Handler = (call) => COMMANDS[call.lo(0)]?.(call) ?? minus("ENOSYS");
