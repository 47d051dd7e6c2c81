/** CONTROL: what `xenstore-control` asks. The commands about xenstored's own process have no meaning here. */
import { ACK, no, type XsResult, yes } from "../outcome.ts";
import type { Quota } from "../quota.ts";
import { stringsOf } from "../wire.ts";
import type { Xenstored } from "../xenstored.ts";
import type { Call } from "./call.ts";

interface ControlRow {
  readonly command: string;
  /** As `help` shows them. */
  readonly parameters: string;
  readonly handle: (xs: Xenstored, args: readonly string[]) => XsResult;
}

const ROWS: readonly ControlRow[] = [
  // The tree is immutable nodes: there is nothing that could be torn.
  { command: "check", parameters: "", handle: (_, args) => (args.length > 0 ? no("EINVAL") : ACK) },
  { command: "print", parameters: "<string>", handle: print },
  { command: "quota", parameters: "[set <name> <val>|<domid>]", handle: quota },
  { command: "help", parameters: "", handle: help },
];

export function control({ xs, payload }: Call): XsResult {
  const [command, ...args] = stringsOf(payload);
  const row = ROWS.find((known) => known.command === command);
  return row === undefined ? no("EINVAL") : row.handle(xs, args);
}

function help(_: Xenstored, args: readonly string[]): XsResult {
  if (args.length > 0) return no("EINVAL");
  return yes(`${ROWS.map(({ command, parameters }) => `${command}\t${parameters}\n`).join("")}\0`);
}

function print(xs: Xenstored, args: readonly string[]): XsResult {
  const [text, ...rest] = args;
  if (text === undefined || rest.length > 0) return no("EINVAL");
  xs.gate.consoleWrite(`xenstored: control: ${text}`);
  return ACK;
}

/** Names and words of `xenstore-control quota`, in its order. */
const QUOTAS: readonly (readonly [name: string, quota: keyof Quota, words: string])[] = [
  ["nodes", "nodes", "Nodes per domain"],
  ["watches", "watches", "Watches per domain"],
  ["transactions", "transactions", "Transactions per domain"],
  ["outstanding", "outstanding", "Outstanding requests per domain"],
  ["transaction-nodes", "transactionNodes", "Max. number of accessed nodes per transaction"],
  ["memory", "memory", "Total Xenstore memory per domain (error level)"],
  ["node-size", "entrySize", "Max. size of a node"],
  ["path-max", "pathLength", "Max. length of a node path"],
  ["permissions", "permsPerNode", "Max. number of permissions per node"],
];

/** C's `atoi`: the number that a text begins with, 0 where it begins with none. */
const atoi = (text: string): number => Number.parseInt(text, 10) || 0;

function quota(xs: Xenstored, args: readonly string[]): XsResult {
  const [first, ...rest] = args;
  if (first === undefined) {
    const lines = QUOTAS.map(
      ([name, key, words]) => `${name.padEnd(17)}: ${String(xs.quota[key]).padStart(8)} ${words}\n`,
    );
    return yes(`Quota settings:\n${lines.join("")}\0`);
  }
  if (first === "set") return setQuota(xs, rest);
  if (rest.length > 0) return no("EINVAL");
  const domid = atoi(first);
  const usage = xs.domains.usage(domid);
  if (usage === undefined) return no("ENOENT");
  const lines = Object.entries(usage).map(
    ([name, used]) => `${name.padEnd(16)}: ${String(used).padStart(8)}\n`,
  );
  return yes(`Domain ${domid}:\n${lines.join("")}\0`);
}

function setQuota(xs: Xenstored, [name, text, ...rest]: readonly string[]): XsResult {
  const row = QUOTAS.find((known) => known[0] === name);
  const value = atoi(text ?? "");
  if (row === undefined || value < 1 || value > 0x7fff_ffff || rest.length > 0) return no("EINVAL");
  xs.quota = { ...xs.quota, [row[1]]: value };
  return ACK;
}
