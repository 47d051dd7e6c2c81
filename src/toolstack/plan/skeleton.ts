/**
 * The nodes of a PV domain without devices, in libxl's order (libxl__domain_make, libxl__build_post; 4.17).
 * test/toolstack/plan compares both with a real `xl create`.
 */
import { type NodeWrite, own, readableFor } from "./nodes.ts";

export interface Identity {
  readonly domid: number;
  /** As text. */
  readonly uuid: string;
  readonly name: string;
}

/** First part of the transaction that follows createdomain; the name comes after it, once it is known to be free. */
export function skeletonBeforeName({ domid, uuid }: Identity): NodeWrite[] {
  const dom = `/local/domain/${domid}`;
  return [
    { path: dom, value: "", perms: readableFor(0, domid), fresh: true },
    { path: `/vm/${uuid}`, value: "", perms: readableFor(0, domid), fresh: true },
    { path: `/libxl/${domid}`, value: "", perms: own(0), fresh: true },
    { path: `/libxl/${domid}/device`, value: "", perms: own(0) },
    { path: `${dom}/vm`, value: `/vm/${uuid}`, perms: undefined },
  ];
}

export const nameNodes = ({ domid, uuid, name }: Identity): NodeWrite[] => [
  { path: `/local/domain/${domid}/name`, value: name, perms: undefined },
  { path: `/vm/${uuid}/name`, value: name, perms: undefined },
];

const READ_ONLY = ["cpu", "memory", "device"] as const;
const CONTROL = ["shutdown", "feature-poweroff", "feature-reboot", "feature-suspend", "sysrq"] as const;
/** Directories that the guest fills as it likes. */
const GUESTS_OWN = ["data", "drivers", "feature", "attr", "error"] as const;

export function skeletonAfterName({ domid, uuid, name }: Identity): NodeWrite[] {
  const dom = `/local/domain/${domid}`;
  const readOnly = (path: string): NodeWrite => ({
    path: `${dom}/${path}`,
    value: "",
    perms: readableFor(0, domid),
  });
  const guests = (path: string): NodeWrite => ({ path: `${dom}/${path}`, value: "", perms: own(domid) });
  const inherited = (path: string, value: string): NodeWrite => ({ path, value, perms: undefined });
  return [
    ...READ_ONLY.map(readOnly),
    guests("device/suspend/event-channel"),
    readOnly("control"),
    ...CONTROL.map((node) => guests(`control/${node}`)),
    ...GUESTS_OWN.map(guests),
    inherited(`/vm/${uuid}/uuid`, uuid),
    inherited(`/vm/${uuid}/name`, name),
    inherited(`${dom}/control/platform-feature-multiprocessor-suspend`, "1"),
    inherited(`${dom}/control/platform-feature-xs_reset_watches`, "1"),
    inherited(`/libxl/${domid}/type`, "pv"),
  ];
}

/** Which device model serves the domain; libxl says so for every domain, served or not. */
export const dmVersion = (domid: number): NodeWrite => ({
  path: `/libxl/${domid}/dm-version`,
  value: "qemu_xen",
  perms: undefined,
});

export interface Built {
  readonly maxKib: number;
  readonly targetKib: number;
  readonly storePort: number;
  readonly storeMfn: number;
  /** Online at the start, and possible at all. */
  readonly vcpus: number;
  readonly maxVcpus: number;
  readonly kernel: string;
  readonly ramdisk: string | undefined;
  readonly cmdline: string;
  /** Seconds since 1970. */
  readonly startTime: number;
}

/** The second transaction, when the domain's memory stands. */
export function builtNodes({ domid, uuid }: Identity, built: Built): NodeWrite[] {
  const dom = `/local/domain/${domid}`;
  const vm = `/vm/${uuid}`;
  const row = (path: string, value: string | number): NodeWrite => ({
    path,
    value: String(value),
    perms: undefined,
  });
  const cpus = Array.from({ length: built.maxVcpus }, (_, vcpu) =>
    row(`${dom}/cpu/${vcpu}/availability`, vcpu < built.vcpus ? "online" : "offline"),
  );
  const nodes = [
    row(`${dom}/memory/static-max`, built.maxKib),
    row(`${dom}/memory/target`, built.targetKib),
    row(`${dom}/memory/videoram`, 0),
    row(`${dom}/domid`, domid),
    row(`${dom}/store/port`, built.storePort),
    row(`${dom}/store/ring-ref`, built.storeMfn),
    ...cpus,
    row(`${vm}/image/ostype`, "linux"),
    row(`${vm}/image/kernel`, built.kernel),
    row(`${vm}/start_time`, startTimeText(built.startTime)),
  ];
  if (built.ramdisk !== undefined) nodes.push(row(`${vm}/image/ramdisk`, built.ramdisk));
  nodes.push(row(`${vm}/image/cmdline`, built.cmdline));
  return nodes;
}

/** Seconds and hundredths, not rounded. */
function startTimeText(seconds: number): string {
  const hundredths = Math.floor(seconds * 100 + 1e-6);
  return `${Math.floor(hundredths / 100)}.${String(hundredths % 100).padStart(2, "0")}`;
}
