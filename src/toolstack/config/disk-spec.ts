/**
 * One disk's specification, as libxlutil 4.17 reads it (xl-cfg.md §7): parameters by place (target, format, vdev, access)
 * and by name, and the prefixes of older days.
 *
 * What xm's files hold still means what xl makes of it, oddities included: an error names the text it stumbled over.
 */
import type { Disk } from "./libxl-types.ts";

/** `near`: the text xl points at; undefined: the specification as a whole. */
export interface DiskFault {
  readonly message: string;
  readonly near: string | undefined;
}

export type DiskOutcome =
  | { readonly ok: true; readonly disk: Disk }
  | { readonly ok: false; readonly faults: readonly DiskFault[] };

interface State {
  readonly disk: Disk;
  readonly faults: DiskFault[];
  hadPrefix: boolean;
  accessSet: boolean;
  /** Where the next parameter begins. */
  at: number;
}

export function parseDisk(specification: string): DiskOutcome {
  const state: State = { disk: { readwrite: 1n }, faults: [], hadPrefix: false, accessSet: false, at: 0 };
  while (state.at < specification.length) takeParameter(state, specification);
  if (state.faults.length === 0) conclude(state);
  const { disk, faults } = state;
  return faults.length === 0 ? { ok: true, disk } : { ok: false, faults };
}

/** xl goes on after a mistake, and tells of each. */
function fault(state: State, message: string, near?: string): void {
  state.faults.push({ message, near });
}

/** What each name does with its value. */
const NAMED: Readonly<Record<string, (state: State, value: string) => void>> = {
  format: setFormat,
  backendtype: setBackendType,
  access: setAccess,
  specification: setSpecification,
  backend: (state, value) => setOnce(state, "backend_domname", "backend", value),
  vdev: (state, value) => setOnce(state, "vdev", "vdev", value),
  script: (state, value) => setOnce(state, "script", "script", value),
  "colo-host": (state, value) => setOnce(state, "colo_host", "colo-host", value),
  "colo-port": setColoPort,
  "colo-export": (state, value) => setOnce(state, "colo_export", "colo-export", value),
  "active-disk": (state, value) => setOnce(state, "active_disk", "active-disk", value),
  "hidden-disk": (state, value) => setOnce(state, "hidden_disk", "hidden-disk", value),
};

const FLAGS: Readonly<Record<string, (state: State) => void>> = {
  cdrom: (state) => setDeviceType(state, "cdrom"),
  discard: ({ disk }) => {
    disk.discard_enable = true;
  },
  "no-discard": ({ disk }) => {
    disk.discard_enable = false;
  },
  "direct-io-safe": ({ disk }) => {
    disk.direct_io_safe = true;
  },
  colo: ({ disk }) => {
    disk.colo_enable = true;
  },
  "no-colo": ({ disk }) => {
    disk.colo_enable = false;
  },
};

/** Words before a colon that once said how a target is reached. Some still set the format or the script. */
const PREFIX = /(?:(raw|qcow2?|vhd)|(iscsi|e?nbd|drbd)|tapdisk|tap2?|aio|ioemu|file|phy):/y;
const UNKNOWN_PREFIX = /([a-z][a-z0-9]*:)\/./y;
const NAMED_PARAMETER = /([a-z][-a-z0-9]*)=([^,]*),?/y;
const DEVICE_TYPE = /devtype=([^,]*),?/y;
const UNKNOWN_PARAMETER = /[a-z][-a-z0-9]*=[^,],?/y;
const FLAG = /([a-z][-a-z0-9]*)(?:,|$)/y;
const TARGET = /target=(.*?),?$/sy;
const POSITIONAL = /([^=,]*)(?:,|$)/y;

function takeParameter(state: State, text: string): void {
  const match = (pattern: RegExp): RegExpExecArray | null => {
    pattern.lastIndex = state.at;
    return pattern.exec(text);
  };
  while (/[ \t]/.test(text.charAt(state.at))) state.at++;
  if (state.at >= text.length) return;

  const target = match(TARGET);
  if (target !== null) {
    setOnce(state, "pdev_path", "target", target[1] ?? "");
    state.at = text.length;
    return;
  }
  const named = match(NAMED_PARAMETER);
  const set = named?.[1] !== undefined && Object.hasOwn(NAMED, named[1]) ? NAMED[named[1]] : undefined;
  if (named !== null && set !== undefined) {
    state.at += named[0].length;
    set(state, named[2] ?? "");
    return;
  }
  const type = match(DEVICE_TYPE);
  if (type !== null) {
    state.at += type[0].length;
    if (type[1] === "cdrom" || type[1] === "disk") setDeviceType(state, type[1]);
    else fault(state, "unknown value for type", type[0]);
    return;
  }
  const unknown = match(UNKNOWN_PARAMETER);
  if (unknown !== null) {
    state.at += unknown[0].length;
    fault(state, "unknown parameter", unknown[0]);
    return;
  }
  const flag = match(FLAG);
  const raise = flag?.[1] !== undefined && Object.hasOwn(FLAGS, flag[1]) ? FLAGS[flag[1]] : undefined;
  if (flag !== null && raise !== undefined) {
    state.at += flag[0].length;
    raise(state);
    return;
  }
  const prefix = match(PREFIX);
  if (prefix !== null) {
    state.at += prefix[0].length;
    state.hadPrefix = true;
    if (prefix[1] !== undefined) setFormat(state, prefix[1]);
    if (prefix[2] !== undefined) setOnce(state, "script", "script", `block-${prefix[2]}`);
    return;
  }
  const strange = match(UNKNOWN_PREFIX);
  if (strange?.[1] !== undefined) {
    fault(state, "unknown deprecated disk prefix", strange[1]);
    state.at = END;
    return;
  }
  const positional = match(POSITIONAL);
  if (positional !== null) {
    state.at += positional[0].length;
    takePositional(state, positional[1] ?? "");
    return;
  }
  takeNonsense(state, text);
}

/** Where parsing stands when xl says no more. */
const END = Number.POSITIVE_INFINITY;

/** What stands before an `=` that belongs to nothing is taken by its place; the rest is no syntax. */
function takeNonsense(state: State, text: string): void {
  const equals = text.indexOf("=", state.at);
  if (equals > state.at) {
    const word = text.slice(state.at, equals);
    state.at = equals;
    takePositional(state, word);
  }
  // xl is silent about a single character at the very end.
  if (state.at + 1 < text.length) fault(state, "bad disk syntax", text.slice(state.at));
  state.at = text.length;
}

/** target, format, vdev, access: the first that is not set. Places mean nothing once there was a mistake. */
function takePositional(state: State, value: string): void {
  const { disk } = state;
  if (state.faults.length > 0) return;
  if (disk.pdev_path === undefined) {
    setOnce(state, "pdev_path", "target", value);
  } else if (!state.hadPrefix && disk.format === undefined) {
    if (disk.pdev_path === "" && value.includes(":")) {
      disk.format = "empty";
      setVdevAndType(state, value);
    } else {
      setFormat(state, value);
    }
  } else if (disk.vdev === undefined) {
    setVdevAndType(state, value);
  } else if (!state.accessSet) {
    state.accessSet = true;
    setAccess(state, value);
  } else {
    fault(state, "too many positional parameters", value);
    state.at = END;
  }
}

/** `hdc:cdrom`. */
function setVdevAndType(state: State, value: string): void {
  const colon = value.lastIndexOf(":");
  setOnce(state, "vdev", "vdev", colon < 0 ? value : value.slice(0, colon));
  if (colon < 0) return;
  const type = value.slice(colon + 1);
  if (type === "cdrom" || type === "disk") setDeviceType(state, type);
  else fault(state, "unknown deprecated type", type);
}

type StringField =
  | "backend_domname"
  | "pdev_path"
  | "vdev"
  | "script"
  | "colo_host"
  | "colo_export"
  | "active_disk"
  | "hidden_disk";

/** Only what is still empty may be set. */
function setOnce(state: State, field: StringField, what: string, value: string): void {
  if ((state.disk[field] ?? "") === "") state.disk[field] = value;
  else fault(state, `${what} respecified`, value);
}

const FORMATS = ["raw", "qcow", "qcow2", "vhd", "qed", "empty"] as const;

function setFormat(state: State, value: string): void {
  const format = value === "" ? "raw" : FORMATS.find((known) => known === value);
  if (format === undefined) fault(state, "unknown value for format", value);
  else if ((state.disk.format ?? format) !== format) fault(state, "format respecified", value);
  else state.disk.format = format;
}

const BACKENDS = ["phy", "tap", "qdisk", "standalone"] as const;

function setBackendType(state: State, value: string): void {
  const backend = BACKENDS.find((known) => known === value);
  if (backend === undefined) fault(state, "unknown value for backendtype", value);
  else if ((state.disk.backend ?? backend) !== backend) fault(state, "backend respecified", value);
  else state.disk.backend = backend;
}

function setDeviceType(state: State, value: "cdrom" | "disk"): void {
  const cdrom = value === "cdrom" ? 1n : 0n;
  state.disk.is_cdrom = cdrom;
  state.disk.removable = cdrom;
}

function setAccess(state: State, value: string): void {
  if (value === "r" || value === "ro") state.disk.readwrite = 0n;
  else if (value === "w" || value === "rw" || value === "") state.disk.readwrite = 1n;
  else fault(state, "unknown value for access", value);
}

function setSpecification(state: State, value: string): void {
  if (value !== "xen" && value !== "virtio") fault(state, "unknown value for specification", value);
  else if ((state.disk.specification ?? value) !== value) fault(state, "specification respecified", value);
  else state.disk.specification = value;
}

function setColoPort(state: State, value: string): void {
  const port = Number.parseInt(value, 10);
  if (port !== 0 && !Number.isNaN(port)) state.disk.colo_port = BigInt(port | 0);
  else fault(state, "unknown value for colo_port", value);
}

function conclude(state: State): void {
  const { disk } = state;
  const isEmptyDrive = disk.removable === 1n && (disk.pdev_path ?? "") === "";
  if (isEmptyDrive) disk.format = "empty";
  if (disk.is_cdrom === 1n) disk.readwrite = 0n;
  if (disk.vdev === undefined) fault(state, "no vdev specified");
  else if (disk.pdev_path === undefined && disk.removable !== 1n) {
    fault(state, "no target specified (and device not removable)");
  }
  disk.format ??= "raw";
}
