/** What a command's <Domain> means. */
import { XlError } from "../toolstack/error.ts";
import type { HostClient } from "./connection.ts";

/** Ids are 32 bits wide; digits beyond them wrap, as C's conversion does. */
const parseDomid = (digits: string): number =>
  Number(BigInt.asUintN(32, BigInt(digits === "" ? "0" : digits)));

/** Nothing but digits (or nothing) is an id, and is not looked up; all else is a name. */
export const isDomid = (domain: string): boolean => /^[0-9]*$/.test(domain);

export async function findDomain(host: HostClient, domain: string): Promise<number> {
  if (isDomid(domain)) return parseDomid(domain.slice(0, 40));
  const domid = await host.call("domidOf", { name: domain });
  if (domid === null) throw new XlError(1, [`${domain} is an invalid domain identifier (rc=-6)`]);
  return domid;
}

/** As some commands ask libxl by themselves: another message, without its code. */
export async function findDomainOrSay(host: HostClient, domain: string): Promise<number> {
  if (isDomid(domain)) return parseDomid(domain.slice(0, 40));
  const domid = await host.call("domidOf", { name: domain });
  if (domid === null) throw new XlError(1, [`${domain} is an invalid domain identifier`]);
  return domid;
}
