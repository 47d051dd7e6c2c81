/** A bitmap of vCPUs in guest memory, as flush requests carry it. */
import type { Domain } from "../domain/domain.ts";
import type { Machine } from "../machine.ts";
import { readGuest } from "./guest-access.ts";

/** Its 32-bit words, as many as the domain has vCPUs for (read in 64-bit steps); undefined: not readable. */
export function readVcpuMask(machine: Machine, domain: Domain, va: bigint): number[] | undefined {
  const bytes = new Uint8Array(Math.ceil(domain.vcpus.length / 64) * 8);
  if (!readGuest(machine, va, bytes)) return undefined;
  return [...new Uint32Array(bytes.buffer)];
}
