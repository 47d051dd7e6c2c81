/** Hypercalls that are dom0's, which comes through its Gate: what everybody else hears, in the order in which Xen looks. */
import { readGuestU32 } from "../memory/guest-access.ts";
import { minus } from "./argument.ts";
import type { Handler } from "./context.ts";

/** XEN_DOMCTL_, XEN_SYSCTL_ and XENPF_INTERFACE_VERSION of Xen 4.17. */
const DOMCTL_VERSION = 0x15;
const SYSCTL_VERSION = 0x15;
const PLATFORM_VERSION = 0x0300_0001;
/** Offset of `interface_version` in all three arguments. */
const VERSION_AT = 4n;

/** EFAULT, EACCES for another Xen's interface, EPERM. */
const versioned =
  (version: number): Handler =>
  ({ machine, args }) => {
    const found = readGuestU32(machine, args[0] + VERSION_AT);
    if (found === undefined || readGuestU32(machine, args[0]) === undefined) return minus("EFAULT");
    return minus(found === version ? "EPERM" : "EACCES");
  };

export const doDomctl = versioned(DOMCTL_VERSION);
export const doSysctl = versioned(SYSCTL_VERSION);
export const doPlatformOp = versioned(PLATFORM_VERSION);

/** kexec_op, hypfs_op, mca: nothing is looked at before who calls. */
export const privilegedOnly: Handler = () => minus("EPERM");

/** dm_op(domid, nr_bufs, bufs): for HVM domains, which a stub domain or dom0 serves. */
const MAX_BUFFERS = 3;
export const doDmOp: Handler = (call) => {
  const { machine, domain } = call;
  if (call.lo(1) > MAX_BUFFERS) return minus("E2BIG");
  const target = machine.domains.get((call.lo(0) & 0xffff) as never);
  if (target === undefined) return minus("ESRCH");
  if (target === domain) return minus("EPERM");
  return minus(target.type === "hvm" ? "EPERM" : "EINVAL");
};
