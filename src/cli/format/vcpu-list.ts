/** The table of `xl vcpu-list`, to the byte: from CPU on the rows stand a column left of the header, as xl's do. */
import type { ListedVcpu } from "../../protocol/messages.ts";
import { cpuMapText } from "./cpu-map.ts";

export const vcpuHeader = (): string =>
  [
    `${"Name".padEnd(32)} ${"ID".padStart(5)} ${"VCPU".padStart(5)} ${"CPU".padStart(5)} ${"State".padStart(5)}`,
    ` ${"Time(s)".padStart(9)} Affinity (Hard / Soft)\n`,
  ].join("");

export function vcpuRow(name: string | null, domid: number, vcpu: ListedVcpu): string {
  // xl keeps the seconds in a C float.
  const seconds = (Math.fround(vcpu.cpuTime) / 1e9).toFixed(1);
  const cpu = (vcpu.online ? String(vcpu.cpu) : "-").padStart(5);
  const state = vcpu.online ? `${vcpu.running ? "r" : "-"}${vcpu.blocked ? "b" : "-"}-` : "--p";
  const affinity = `${cpuMapText(vcpu.hardAffinity)} / ${cpuMapText(vcpu.softAffinity)}`;
  const who = `${(name ?? "(null)").padEnd(32)} ${String(domid).padStart(5)} ${String(vcpu.vcpu).padStart(5)}`;
  return `${who}${cpu} ${`${state}`.padStart(5)} ${seconds.padStart(9)}  ${affinity}\n`;
}
