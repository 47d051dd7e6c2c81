/** The tables of xl's scheduler commands. */
import type { ReportedCredit, ReportedCreditParams } from "../../protocol/scheduling.ts";

/** The one pool that there is. */
export const POOL = { id: 0, name: "Pool-0" } as const;

export const isPool = (word: string): boolean => word === POOL.name || word === String(POOL.id);

export const creditHeader = (): string =>
  `${"Name".padEnd(33)} ${"ID".padStart(4)} ${"Weight".padStart(6)} ${"Cap".padStart(4)}\n`;

export const creditRow = (name: string | null, domid: number, { weight, cap }: ReportedCredit): string =>
  `${(name ?? "(null)").padEnd(33)} ${String(domid).padStart(4)} ${String(weight).padStart(6)} ${String(cap).padStart(4)}\n`;

export const creditPool = ({ tsliceMs, ratelimitUs, migrationDelayUs }: ReportedCreditParams): string =>
  `Cpupool ${POOL.name}: tslice=${tsliceMs}ms ratelimit=${ratelimitUs}us migration-delay=${migrationDelayUs}us\n`;

/** `vcpu`: the table has a line each vCPU. */
export function rtdsHeader(vcpu: boolean): string {
  const columns = ["Period".padStart(9), "Budget".padStart(9), "Extratime".padStart(10)];
  if (vcpu) columns.unshift("VCPU".padStart(4));
  return `${"Name".padEnd(33)} ${"ID".padStart(4)} ${columns.join(" ")}\n`;
}
