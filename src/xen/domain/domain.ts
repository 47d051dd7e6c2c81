/**
 * A domain and its vCPUs as data: save, restore and the debug keys are walks over these records.
 */
import type { Domid } from "../../abi/types.ts";
import type { GrantTable } from "../gnttab/grant-table.ts";
import type { DomainMemory } from "../memory/domain-memory.ts";

export interface Domain {
  readonly domid: Domid;
  readonly handle: Uint8Array;
  readonly type: "pv" | "pvh" | "hvm";
  /** May act on all others (dom0). */
  readonly privileged: boolean;
  readonly vcpus: Vcpu[];
  readonly memory: DomainMemory;
  readonly grants: GrantTable;
  /** Set once it begins to die; its hypercalls have ended. */
  dying: boolean;
  /** VMASST_TYPE_* bits. */
  vmAssist: number;
}

export interface Vcpu {
  readonly domain: Domain;
  readonly id: number;
  /** Index of its register state in the engine; undefined for a vCPU whose program is TypeScript. */
  readonly engineVcpu: number | undefined;
  /** Machine frames of the validated L4s in force (`guest_table`, `guest_table_user`), 0 = none. A typed reference is held on each. */
  guestTable: number;
  guestTableUser: number;
  /** True while the guest kernel runs (`TF_kernel_mode`). */
  kernelMode: boolean;
  /** Machine frames of its GDT (typed seg_desc), at most 14; and its LDT's virtual address and entries. */
  gdtFrames: number[];
  gdtEntries: number;
  ldtBase: bigint;
  ldtEntries: number;
}
