/**
 * One network interface's specification, as xl 4.17 reads it (xl-cfg.md §6): words between commas, blanks before each
 * skipped. A word that is not understood is told of and left out; only numbers and rates end the whole.
 */
import { refuse } from "./keys/context.ts";
import type { Nic } from "./libxl-types.ts";

export interface VifContext {
  /** The name that messages carry. */
  readonly source: string;
  warn(line: string): void;
}

export function parseVif(specification: string, devid: bigint, context: VifContext): Nic {
  const nic: Nic = { devid };
  for (const piece of specification.split(",")) {
    const word = piece.replace(/^ +/, "");
    if (word !== "") takeWord(nic, word, context);
  }
  return nic;
}

type Setter = (nic: Nic, value: string, context: VifContext) => void;

const SETTERS: Readonly<Record<string, Setter>> = {
  mac: setMac,
  bridge: (nic, value) => {
    nic.bridge = value;
  },
  netdev: (nic, value, { warn }) => {
    warn("the netdev parameter is deprecated, please use gatewaydev instead");
    nic.gatewaydev = value;
  },
  gatewaydev: (nic, value) => {
    nic.gatewaydev = value;
  },
  type: (nic, value, { warn }) => {
    if (value === "ioemu") nic.nictype = "vif_ioemu";
    else if (value === "vif") nic.nictype = "vif";
    else warn("Invalid parameter `type'.");
  },
  model: (nic, value) => {
    nic.model = value;
  },
  script: (nic, value) => {
    nic.script = value;
  },
  vifname: (nic, value) => {
    nic.ifname = value;
  },
  ip: (nic, value) => {
    nic.ip = value;
  },
  backend: (nic, value) => {
    nic.backend_domname = value;
  },
  rate: setRate,
  mtu: (nic, value) => {
    nic.mtu = number(value);
  },
  devid: (nic, value) => {
    const devid = number(value);
    if (devid < 0n) refuseNumber(value);
    nic.devid = devid;
  },
  accel: (_nic, _value, { warn }) => warn("the accel parameter for vifs is currently not supported"),
  forwarddev: (nic, value) => {
    nic.coloft_forwarddev = value;
  },
};

function takeWord(nic: Nic, word: string, context: VifContext): void {
  if (word === "trusted" || word === "untrusted") {
    nic.trusted = word === "trusted";
    return;
  }
  const equals = word.indexOf("=");
  const name = word.slice(0, equals);
  const set = equals > 0 && Object.hasOwn(SETTERS, name) ? SETTERS[name] : undefined;
  if (set === undefined) context.warn(`unrecognized argument \`${word}'`);
  else set(nic, word.slice(equals + 1), context);
}

/** Six hexadecimal bytes with one character, whichever, between them; those before a mistake are kept. */
function setMac(nic: Nic, value: string, { warn }: VifContext): void {
  const bytes = [0, 0, 0, 0, 0, 0];
  let rest = value;
  for (let i = 0; i < bytes.length; i++) {
    const digits = /^[ \t]*(?:0x)?([0-9a-f]+)/i.exec(rest);
    const byte = Number.parseInt(digits?.[1] ?? "", 16);
    if (digits === null || !(byte <= 0xff)) {
      warn("Invalid parameter `mac'.");
      break;
    }
    bytes[i] = byte;
    rest = rest.slice(digits[0].length + 1);
  }
  if (bytes.some((byte) => byte !== 0)) {
    nic.mac = bytes.map((byte) => byte.toString(16).padStart(2, "0")).join(":");
  }
}

/** Decimal digits that `text` begins with; without any, xl gives up. */
function number(text: string): bigint {
  const digits = /^[ \t]*([+-]?[0-9]{1,30})/.exec(text)?.[1];
  if (digits === undefined) return refuseNumber(text);
  return BigInt.asIntN(32, BigInt(digits));
}

const refuseNumber = (text: string): never => refuse(`xl: failed to convert "${text}" to number`);

const RATE = /^([0-9]+)([GMK]?)([Bb])\/s$/;
const INTERVAL = /^([0-9]+)([mu]?)s?$/;
const UNITS: Readonly<Record<string, bigint>> = { "": 1n, K: 1000n, M: 1_000_000n, G: 1_000_000_000n };
const MICROSECONDS: Readonly<Record<string, bigint>> = { "": 1_000_000n, m: 1000n, u: 1n };
/** Of a number this long only that it overflows is of interest. */
const MANY_DIGITS = 40;
const DEFAULT_INTERVAL_MICROS = 50_000n;
const UINT32_MAX = 0xffff_ffffn;
const UINT64_MAX = (1n << 64n) - 1n;

/** `10Mb/s@20ms`: how many bytes may pass in each interval. */
function setRate(nic: Nic, value: string, { source }: VifContext): void {
  const wrong = (message: string, text: string): string =>
    `${source}: config parsing error in vif: ${message} in \`${text}'`;
  const at = value.indexOf("@");
  const rateText = at < 0 ? value : value.slice(0, at);
  const intervalText = at < 0 ? undefined : value.slice(at + 1);

  if (rateText === "") refuse(wrong("no rate specified", value));
  const rate = RATE.exec(rateText) ?? refuse(wrong("invalid rate", rateText));
  const amount = BigInt(rate[1]?.slice(0, MANY_DIGITS) ?? "0") * (UNITS[rate[2] ?? ""] ?? 1n);
  const bytes = rate[3] === "b" ? amount / 8n : amount;

  let micros = DEFAULT_INTERVAL_MICROS;
  if (intervalText !== undefined) {
    const interval =
      INTERVAL.exec(intervalText) ?? refuse(wrong("invalid replenishment interval", intervalText));
    const length = BigInt(interval[1]?.slice(0, MANY_DIGITS) ?? "0");
    micros = length * (MICROSECONDS[interval[2] ?? ""] ?? 1n);
    if (micros === 0n || micros > UINT32_MAX) refuse(wrong("replenishment interval overflow", intervalText));
  }
  if (bytes === 0n || amount >= UINT64_MAX || bytes * micros > UINT64_MAX) {
    refuse(wrong("rate overflow", rateText));
  }
  nic.rate_bytes_per_interval = (bytes * micros) / 1_000_000n;
  nic.rate_interval_usecs = micros;
}
