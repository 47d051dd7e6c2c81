/** The numbers that cross every door, branded (xen/include/xen/mm.h's glossary, typesafe.h). */
import type { Brand } from "../lib/brand.ts";

/** Domain id: guests 1..0x7fef, Domain-0 0, DOMID_* above. */
export type Domid = Brand<number, "Domid">;
export const Domid = (n: number): Domid => n as Domid;
export const DOMID_0 = Domid(0);
export const DOMID_FIRST_RESERVED = Domid(0x7ff0);
export const DOMID_SELF = Domid(0x7ff0);
export const DOMID_IO = Domid(0x7ff1);
export const DOMID_XEN = Domid(0x7ff2);
export const DOMID_COW = Domid(0x7ff3);
export const DOMID_INVALID = Domid(0x7ff4);
export const DOMID_IDLE = Domid(0x7fff);

/** Machine frame number: what a PV guest's page tables hold. */
export type Mfn = Brand<number, "Mfn">;
export const Mfn = (n: number): Mfn => n as Mfn;

/** Guest frame number: index into a guest's own pseudo-physical memory. */
export type Gfn = Brand<number, "Gfn">;
export const Gfn = (n: number): Gfn => n as Gfn;

/** Event channel port of one domain; 0 is never valid. */
export type Port = Brand<number, "Port">;
export const Port = (n: number): Port => n as Port;

/** Index into a domain's grant table. */
export type Gref = Brand<number, "Gref">;
export const Gref = (n: number): Gref => n as Gref;

export const PAGE_SIZE = 4096;
export const PAGE_SHIFT = 12;
