/** Who calls, what, and how it is refused: rows by hypercall. Frames and ports are those of a fresh guest of 32 pages. */
import { describe, expect, test } from "vitest";
import { HYPERCALL, type HypercallName } from "../../../src/abi/hypercall.ts";
import { DOMID_SELF, Gref } from "../../../src/abi/types.ts";
import { FIRST, makeWorld, must, type TestGuest, type World } from "../support/world.ts";

const XEN = 0xffff_8000_0000_0000n;
const NOWHERE = 0x1000n;

interface Scene {
  readonly world: World;
  readonly g: TestGuest;
  readonly other: TestGuest;
}
type Args = (scene: Scene) => (bigint | number)[];
type Row = readonly [what: string, call: HypercallName | number, args: Args, answer: string | number];

const scene = (): Scene => {
  const world = makeWorld();
  return { world, g: world.guest(), other: world.guest() };
};
const mfn = (guest: TestGuest, pfn: number): bigint => BigInt(guest.mfns[pfn] as number);
/** 64-bit words at a data page. */
const put = (g: TestGuest, ...words: (bigint | number)[]): bigint => {
  for (const [i, word] of words.entries()) g.poke(FIRST, i * 8, BigInt.asUintN(64, BigInt(word)));
  return g.va(FIRST);
};

/** offset, length, op of gnttab_cache_flush. */
const flush = (op: number, offset: number, length: number): bigint =>
  BigInt(offset) | (BigInt(length) << 16n) | (BigInt(op) << 32n);

// biome-ignore format: a table
const ROWS: readonly Row[] = [
  // numbers
  ["11 is nobody's", 11, () => [], "ENOSYS"],
  ["beyond the table", 64, () => [], "ENOSYS"],
  ["xsm_op: no policy", "xsm_op", () => [], "ENOSYS"],
  ["tmem_op: gone", "tmem_op", () => [], "ENOSYS"],
  ["argo_op: not built in", "argo_op", () => [], "ENOSYS"],
  // dom0's
  ["domctl without an argument", "domctl", () => [NOWHERE], "EFAULT"],
  ["domctl of another Xen", "domctl", ({ g }) => [g.words(FIRST, 2, 0x14)], "EACCES"],
  ["domctl", "domctl", ({ g }) => [g.words(FIRST, 2, 0x15)], "EPERM"],
  ["sysctl of another Xen", "sysctl", ({ g }) => [g.words(FIRST, 3, 0x14)], "EACCES"],
  ["sysctl", "sysctl", ({ g }) => [g.words(FIRST, 3, 0x15)], "EPERM"],
  ["platform_op of another Xen", "platform_op", ({ g }) => [g.words(FIRST, 3, 1)], "EACCES"],
  ["platform_op", "platform_op", ({ g }) => [g.words(FIRST, 3, 0x0300_0001)], "EPERM"],
  ["kexec_op", "kexec_op", () => [], "EPERM"],
  ["hypfs_op", "hypfs_op", () => [], "EPERM"],
  ["mca", "mca", () => [], "EPERM"],
  ["dm_op: too many buffers", "dm_op", () => [1, 4, 0], "E2BIG"],
  ["dm_op: nobody", "dm_op", () => [77, 1, 0], "ESRCH"],
  ["dm_op: oneself", "dm_op", ({ g }) => [g.domid, 1, 0], "EPERM"],
  ["dm_op: a PV domain", "dm_op", ({ other }) => [other.domid, 1, 0], "EINVAL"],
  ["console_io", "console_io", () => [0, 1, 0], "EPERM"],
  // mmu_update
  ["mmu_update: requests nowhere", "mmu_update", () => [NOWHERE, 1, 0, DOMID_SELF], "EFAULT"],
  ["mmu_update: requests in Xen's range", "mmu_update", () => [XEN - 8n, 1, 0, DOMID_SELF], "EFAULT"],
  ["mmu_update: oneself as foreign", "mmu_update", ({ g }) => [0, 1, 0, g.domid], "ESRCH"],
  ["mmu_update: nobody's frames", "mmu_update", () => [0, 1, 0, 77], "ESRCH"],
  ["mmu_update: another's frames", "mmu_update", ({ other }) => [0, 1, 0, other.domid], "EPERM"],
  ["mmu_update: nobody's tables", "mmu_update", () => [0, 1, 0, DOMID_SELF | (78 << 16)], "ESRCH"],
  ["mmu_update: another's tables", "mmu_update", ({ g, other }) => [put(g, mfn(other, 3) << 12n, 0), 1, 0, DOMID_SELF | ((other.domid + 1) << 16)], "EPERM"],
  ["mmu_update: an unknown command", "mmu_update", ({ g }) => [put(g, (mfn(g, 3) << 12n) | 5n, 0), 1, 0, DOMID_SELF], "ENOSYS"],
  ["mmu_update: another's frame as a table", "mmu_update", ({ g, other }) => [put(g, mfn(other, 3) << 12n, 0), 1, 0, DOMID_SELF], "EINVAL"],
  ["mmu_update: another's frame mapped", "mmu_update", ({ g, other }) => [put(g, (mfn(g, 3) << 12n) | 64n, (mfn(other, 9) << 12n) | 3n), 1, 0, DOMID_SELF], "EBUSY"],
  ["mmu_update: a table mapped writable", "mmu_update", ({ g }) => [put(g, (mfn(g, 3) << 12n) | 64n, (mfn(g, 2) << 12n) | 3n), 1, 0, DOMID_SELF], "EBUSY"],
  ["mmu_update: uncached", "mmu_update", ({ g }) => [put(g, (mfn(g, 3) << 12n) | 64n, (mfn(g, 9) << 12n) | 0x13n), 1, 0, DOMID_SELF], "EINVAL"],
  ["mmu_update: a superpage", "mmu_update", ({ g }) => [put(g, (mfn(g, 2) << 12n) | 64n, (mfn(g, 9) << 12n) | 0x83n), 1, 0, DOMID_SELF], "EINVAL"],
  ["mmu_update: Xen's slot", "mmu_update", ({ g }) => [put(g, (mfn(g, 0) << 12n) | (256n * 8n), 0), 1, 0, DOMID_SELF], "EINVAL"],
  // update_va_mapping
  ["update_va_mapping: no L1 there", "update_va_mapping", () => [NOWHERE, 0, 0], "EINVAL"],
  ["update_va_mapping: Xen's range", "update_va_mapping", () => [XEN, 0, 0], "EINVAL"],
  ["update_va_mapping: a mask nowhere", "update_va_mapping", ({ g }) => [g.va(20), 0, NOWHERE | 1n], "EFAULT"],
  ["update_va_mapping_otherdomain: another's", "update_va_mapping_otherdomain", ({ g, other }) => [g.va(20), 0, 0, other.domid], "EPERM"],
  // mmuext_op
  ["mmuext_op: nowhere", "mmuext_op", () => [NOWHERE, 1, 0, DOMID_SELF], "EFAULT"],
  ["mmuext_op: for another", "mmuext_op", ({ g, other }) => [put(g, 4, mfn(other, 0), 0), 1, 0, other.domid], "EPERM"],
  ["mmuext_op: 14 is nothing", "mmuext_op", ({ g }) => [put(g, 14, 0, 0), 1, 0, DOMID_SELF], "ENOSYS"],
  ["mmuext_op: 21 is nothing", "mmuext_op", ({ g }) => [put(g, 21, 0, 0), 1, 0, DOMID_SELF], "ENOSYS"],
  ["mmuext_op: a pin of a page mapped writable", "mmuext_op", ({ g }) => [put(g, 0, mfn(g, 9), 0), 1, 0, DOMID_SELF], "EINVAL"],
  ["mmuext_op: an unpin of what is not pinned", "mmuext_op", ({ g }) => [put(g, 4, mfn(g, 9), 0), 1, 0, DOMID_SELF], "EINVAL"],
  ["mmuext_op: MARK_SUPER", "mmuext_op", ({ g }) => [put(g, 19, mfn(g, 9), 0), 1, 0, DOMID_SELF], "EOPNOTSUPP"],
  ["mmuext_op: FLUSH_CACHE without devices", "mmuext_op", ({ g }) => [put(g, 12, 0, 0), 1, 0, DOMID_SELF], "EACCES"],
  ["mmuext_op: SET_LDT askew", "mmuext_op", ({ g }) => [put(g, 13, g.va(9) + 8n, 4), 1, 0, DOMID_SELF], "EINVAL"],
  ["mmuext_op: SET_LDT of 8193", "mmuext_op", ({ g }) => [put(g, 13, g.va(9), 8193), 1, 0, DOMID_SELF], "EINVAL"],
  // memory_op
  ["memory_op: unknown", "memory_op", () => [40, 0], "ENOSYS"],
  ["memory_op: a continuation of what has none", "memory_op", () => [2 | 64, 0], "EINVAL"],
  ["memory_op: populate from nowhere", "memory_op", () => [6, NOWHERE], 0],
  ["memory_op: balloon another's frame out", "memory_op", ({ g, other }) => [1, put(g, g.va(FIRST) + 64n, 1, 0, DOMID_SELF, 0, 0, 0, 0, mfn(other, 9))], 0],
  ["memory_op: order 10", "memory_op", ({ g }) => [6, put(g, g.va(FIRST) + 64n, 1, 10, DOMID_SELF)], 0],
  ["memory_op: another's reservation", "memory_op", ({ g, other }) => [3, g.words(FIRST, other.domid)], "EPERM"],
  ["memory_op: nobody's reservation", "memory_op", ({ g }) => [3, g.words(FIRST, 77)], "ESRCH"],
  ["memory_op: exchange of a frame in use", "memory_op", ({ g }) => [11, put(g, g.va(FIRST) + 96n, 1, 0, DOMID_SELF, g.va(FIRST) + 104n, 1, 0, DOMID_SELF, 0, 0, 0, 0, mfn(g, 9), 9)], "EINVAL"],
  ["memory_op: exchange of unequal sizes", "memory_op", ({ g }) => [11, put(g, g.va(FIRST), 1, 0, DOMID_SELF, g.va(FIRST), 2, 0, DOMID_SELF, 0)], "EINVAL"],
  ["memory_op: exchange of order 10", "memory_op", ({ g }) => [11, put(g, g.va(FIRST), 1, 10, DOMID_SELF, g.va(FIRST), 1, 10, DOMID_SELF, 0)], "EPERM"],
  ["memory_op: claim_pages", "memory_op", ({ g }) => [24, put(g, 0, 10, 0, g.domid)], "EPERM"],
  ["memory_op: the machine's map", "memory_op", () => [10, 0], "EPERM"],
  ["memory_op: an answer to Xen's range", "memory_op", () => [12, XEN], "EFAULT"],
  ["memory_op: an answer to a page table", "memory_op", ({ g }) => [12, g.va(3)], "EFAULT"],
  // descriptors
  ["set_gdt: too many", "set_gdt", () => [0, 7169], "EINVAL"],
  ["set_gdt: nowhere", "set_gdt", () => [NOWHERE, 512], "EFAULT"],
  ["set_gdt: a writable page", "set_gdt", ({ g }) => [put(g, mfn(g, 9)), 512], "EINVAL"],
  ["update_descriptor: askew", "update_descriptor", ({ g }) => [(mfn(g, 9) << 12n) | 4n, 0], "EINVAL"],
  ["update_descriptor: a page table", "update_descriptor", ({ g }) => [mfn(g, 3) << 12n, 0], "EINVAL"],
  ["update_descriptor: a TSS", "update_descriptor", ({ g }) => [mfn(g, 9) << 12n, 0x0000_8900_0000_0067n], "EINVAL"],
  ["set_trap_table: nowhere", "set_trap_table", () => [NOWHERE], "EFAULT"],
  ["set_trap_table: no address", "set_trap_table", ({ g }) => [put(g, 0xe033_000en, 1n << 60n)], "EINVAL"],
  ["set_debugreg: a breakpoint in Xen", "set_debugreg", () => [0, XEN], "EPERM"],
  ["set_debugreg: no address", "set_debugreg", () => [3, 1n << 60n], "EPERM"],
  ["set_debugreg: DR6 above 31 bits", "set_debugreg", () => [6, 1n << 32n], "EINVAL"],
  ["set_debugreg: DR7 above 31 bits", "set_debugreg", () => [7, 1n << 32n], "EINVAL"],
  ["set_debugreg: general detect", "set_debugreg", () => [7, 0x2000], "EPERM"],
  ["set_debugreg: an I/O breakpoint, enabled, without CR4.DE", "set_debugreg", () => [7, 0x2_0001], "EPERM"],
  ["set_debugreg: an I/O breakpoint, not enabled", "set_debugreg", () => [7, 0x2_0000], 0],
  ["set_debugreg: DR5 is DR7", "set_debugreg", () => [5, 0x2000], "EPERM"],
  ["set_debugreg: DR8", "set_debugreg", () => [8, 0], "ENODEV"],
  ["get_debugreg: DR9", "get_debugreg", () => [9], "ENODEV"],
  ["set_segment_base: no address", "set_segment_base", () => [0, 1n << 60n], "EINVAL"],
  ["set_segment_base: which?", "set_segment_base", () => [7, 0], "EINVAL"],
  ["callback_op: no such type", "callback_op", ({ g }) => [0, put(g, 6, 0)], "ENOSYS"],
  ["callback_op: events cannot be unregistered", "callback_op", ({ g }) => [1, put(g, 0)], "EINVAL"],
  ["callback_op: nowhere", "callback_op", () => [0, NOWHERE], "EFAULT"],
  ["callback_op: no address", "callback_op", ({ g }) => [0, put(g, 0, 1n << 60n)], "EINVAL"],
  ["callback_op: neither", "callback_op", () => [2, 0], "ENOSYS"],
  ["nmi_op: nowhere", "nmi_op", () => [0, NOWHERE], "EFAULT"],
  ["nmi_op: no address", "nmi_op", ({ g }) => [0, put(g, 1n << 60n)], "EINVAL"],
  ["nmi_op: register", "nmi_op", ({ g }) => [0, put(g, g.va(9))], 0],
  ["nmi_op: unregister", "nmi_op", () => [1, 0], 0],
  ["nmi_op: unknown", "nmi_op", () => [2, 0], "ENOSYS"],
  ["hvm_op: a parameter", "hvm_op", ({ g }) => [1, put(g, DOMID_SELF, 0)], "EINVAL"],
  ["hvm_op: unknown", "hvm_op", () => [99, 0], "ENOSYS"],
  ["xenoprof_op: not built in", "xenoprof_op", () => [0, 0], "ENOSYS"],
  ["vm_assist: unknown", "vm_assist", () => [0, 9], "EINVAL"],
  ["vm_assist: neither on nor off", "vm_assist", () => [2, 2], "ENOSYS"],
  ["physdev_op: IOPL 4", "physdev_op", ({ g }) => [6, put(g, 4)], "EINVAL"],
  ["physdev_op: map_pirq of nobody", "physdev_op", ({ g }) => [13, put(g, 77)], "ESRCH"],
  ["physdev_op: map_pirq", "physdev_op", ({ g }) => [13, put(g, DOMID_SELF)], "EPERM"],
  ["physdev_op: unmap_pirq", "physdev_op", ({ g }) => [14, put(g, DOMID_SELF)], "EPERM"],
  ["physdev_op: eoi", "physdev_op", ({ g }) => [12, put(g, 9)], "EINVAL"],
  ["physdev_op: eoi from nowhere", "physdev_op", () => [12, NOWHERE], "EFAULT"],
  ["physdev_op: the status of pirq 55", "physdev_op", ({ g }) => [5, put(g, 55)], 0],
  ["physdev_op: the status of pirq 56", "physdev_op", ({ g }) => [5, put(g, 56)], "EINVAL"],
  ["physdev_op: more ports than there are", "physdev_op", ({ g }) => [7, put(g, 0, 65_537)], "EINVAL"],
  ["physdev_op: apic_read", "physdev_op", ({ g }) => [8, put(g, 0, 0)], "EPERM"],
  ["physdev_op: apic_write from nowhere", "physdev_op", () => [9, NOWHERE], "EFAULT"],
  ["physdev_op: alloc_irq_vector", "physdev_op", ({ g }) => [10, put(g, 0)], "EPERM"],
  ["physdev_op: manage_pci_add", "physdev_op", ({ g }) => [15, put(g, 0)], "EPERM"],
  ["physdev_op: setup_gsi 24", "physdev_op", ({ g }) => [21, put(g, 24)], "EINVAL"],
  ["physdev_op: setup_gsi", "physdev_op", ({ g }) => [21, put(g, 9)], "EPERM"],
  ["physdev_op: pci_mmcfg_reserved", "physdev_op", () => [24, NOWHERE], "EPERM"],
  ["physdev_op: dbgp_op", "physdev_op", () => [29, NOWHERE], "EPERM"],
  ["physdev_op: unknown", "physdev_op", () => [99, 0], "ENOSYS"],
  ["physdev_op_compat: nowhere", "physdev_op_compat", () => [NOWHERE], "EFAULT"],
  ["physdev_op_compat: IOPL 4", "physdev_op_compat", ({ g }) => [put(g, 6, 4, 0)], "EINVAL"],
  ["physdev_op_compat: IOPL 1", "physdev_op_compat", ({ g }) => [put(g, 6, 1, 0)], 0],
  ["physdev_op_compat: unknown", "physdev_op_compat", ({ g }) => [put(g, 99, 0, 0)], "ENOSYS"],
  // event_channel_op
  ["event_channel_op: unknown", "event_channel_op", () => [14, 0], "ENOSYS"],
  ["event_channel_op: FIFO", "event_channel_op", ({ g }) => [11, put(g, 0)], "ENOSYS"],
  ["event_channel_op: priority", "event_channel_op", ({ g }) => [13, put(g, 1)], "ENOSYS"],
  ["bind_interdomain: a port that does not wait for us", "event_channel_op", ({ g, other }) => [0, g.words(FIRST, other.domid, 1, 0)], "EINVAL"],
  ["bind_interdomain: nobody", "event_channel_op", ({ g }) => [0, g.words(FIRST, 77, 1, 0)], "ESRCH"],
  ["bind_virq: 24", "event_channel_op", ({ g }) => [1, g.words(FIRST, 24, 0, 0)], "EINVAL"],
  ["bind_virq: a global one elsewhere", "event_channel_op", ({ g }) => [1, g.words(FIRST, 3, 1, 0)], "EINVAL"],
  ["bind_virq: on no vCPU", "event_channel_op", ({ g }) => [1, g.words(FIRST, 0, 5, 0)], "ENOENT"],
  ["bind_pirq", "event_channel_op", ({ g }) => [2, g.words(FIRST, 9, 0, 0)], "EPERM"],
  ["alloc_unbound in another's table", "event_channel_op", ({ g, other }) => [6, g.words(FIRST, other.domid, 0)], "EPERM"],
  ["bind_ipi: no vCPU", "event_channel_op", ({ g }) => [7, g.words(FIRST, 5, 0)], "ENOENT"],
  ["event_channel_op_compat: nowhere", "event_channel_op_compat", () => [NOWHERE], "EFAULT"],
  ["event_channel_op_compat: close what is not open", "event_channel_op_compat", ({ g }) => [g.words(FIRST, 3, 9, 0, 0, 0, 0, 0)], "EINVAL"],
  ["event_channel_op_compat: alloc_unbound", "event_channel_op_compat", ({ g }) => [g.words(FIRST, 6, DOMID_SELF, 0, 0, 0, 0, 0)], 0],
  ["event_channel_op_compat: reset came later", "event_channel_op_compat", ({ g }) => [g.words(FIRST, 10, DOMID_SELF, 0, 0, 0, 0, 0)], "ENOSYS"],
  ["close: not open", "event_channel_op", ({ g }) => [3, g.words(FIRST, 9)], "EINVAL"],
  ["unmask: no port", "event_channel_op", ({ g }) => [9, g.words(FIRST, 0xffff_ffff)], "EINVAL"],
  ["reset of another", "event_channel_op", ({ g, other }) => [10, g.words(FIRST, other.domid)], "EPERM"],
  // vcpu_op, sched_op
  ["vcpu_op: no vCPU", "vcpu_op", () => [3, 9, 0], "ENOENT"],
  ["vcpu_op: unknown", "vcpu_op", () => [30, 0, 0], "ENOSYS"],
  ["vcpu_op: initialise one that is", "vcpu_op", ({ g }) => [0, 0, g.va(FIRST)], "EEXIST"],
  ["vcpu_op: vcpu_info over the page's end", "vcpu_op", ({ g }) => [10, 0, put(g, mfn(g, 9), 4040)], "ENXIO"],
  ["vcpu_op: vcpu_info in a page table", "vcpu_op", ({ g }) => [10, 0, put(g, mfn(g, 3), 0)], "EINVAL"],
  ["vcpu_op: a period of 1 µs", "vcpu_op", ({ g }) => [6, 0, put(g, 1000)], "EINVAL"],
  ["vcpu_op: a period of 2^62 ns", "vcpu_op", ({ g }) => [6, 0, put(g, 1n << 62n)], "EINVAL"],
  ["vcpu_op: a period from nowhere", "vcpu_op", () => [6, 0, NOWHERE], "EFAULT"],
  ["vcpu_op: a shot that is to be in the future and is not", "vcpu_op", ({ world, g }) => { world.machine.time.ticks = g.vcpu.tscOffset = 5000; return [8, 0, put(g, 1, 1)]; }, "ETIME"],
  ["vcpu_op: a shot in the past", "vcpu_op", ({ g }) => [8, 0, put(g, 1, 0)], 0],
  ["vcpu_op: up without a context", "vcpu_op", ({ world }) => [1, world.guest().vcpu.id + 1, 0], "ENOENT"],
  ["vcpu_op: a runstate area of Xen's", "vcpu_op", ({ g }) => [5, 0, put(g, XEN)], "EFAULT"],
  ["vcpu_op: a runstate area that is not mapped", "vcpu_op", ({ g }) => [5, 0, put(g, NOWHERE)], 0],
  ["vcpu_op: runstate to nowhere", "vcpu_op", () => [4, 0, NOWHERE], "EFAULT"],
  ["vcpu_op: a time area of Xen's", "vcpu_op", ({ g }) => [13, 0, put(g, XEN)], "EFAULT"],
  ["vcpu_op: send_nmi takes no argument", "vcpu_op", ({ g }) => [11, 0, g.va(FIRST)], "EINVAL"],
  ["vcpu_op: send_nmi", "vcpu_op", () => [11, 0, 0], 0],
  ["vcpu_op: get_physid", "vcpu_op", ({ g }) => [12, 0, g.va(FIRST)], "EINVAL"],
  ["sched_op: shut another down", "sched_op", ({ g, other }) => [4, g.words(FIRST, other.domid, 0)], "EPERM"],
  ["sched_op: poll 129 ports", "sched_op", ({ g }) => [3, put(g, g.va(FIRST), 129, 0)], "EINVAL"],
  ["sched_op: shut nobody down", "sched_op", ({ g }) => [4, g.words(FIRST, 77, 0)], "ESRCH"],
  ["sched_op: shut oneself down from afar", "sched_op", ({ g }) => [4, g.words(FIRST, g.domid, 0)], "EPERM"],
  ["sched_op: shutdown from nowhere", "sched_op", () => [2, NOWHERE], "EFAULT"],
  ["sched_op: poll of Xen's memory", "sched_op", ({ g }) => [3, put(g, XEN, 1, 0)], "EFAULT"],
  ["sched_op: poll no port", "sched_op", ({ g }) => [3, put(g, g.va(FIRST, 64), 1, 0, 0, 0, 0, 0, 0, 9999)], "EINVAL"],
  ["sched_op: unknown", "sched_op", () => [8, 0], "ENOSYS"],
  ["sched_op_compat: poll came later", "sched_op_compat", () => [3, 0], "ENOSYS"],
  ["sched_op_compat: yield", "sched_op_compat", () => [0, 0], 0],
  ["sched_op: watchdog from nowhere", "sched_op", () => [6, NOWHERE], "EFAULT"],
  ["sched_op: watchdog 1, not taken", "sched_op", ({ g }) => [6, g.words(FIRST, 1, 9)], "EINVAL"],
  ["sched_op: a first watchdog", "sched_op", ({ g }) => [6, g.words(FIRST, 0, 9)], 1],
  ["sched_op: watchdog 3", "sched_op", ({ g }) => [6, g.words(FIRST, 3, 9)], "EINVAL"],
  ["sched_op: pin_override", "sched_op", () => [7, NOWHERE], "EPERM"],
  ["multicall: nowhere", "multicall", () => [NOWHERE, 1], "EFAULT"],
  ["xen_version: build id", "xen_version", () => [10, 0], "EPERM"],
  ["xen_version: unknown", "xen_version", () => [30, 0], "ENOSYS"],
  // grant_table_op
  ["grant_table_op: unknown", "grant_table_op", () => [13, 0, 0], "ENOSYS"],
  ["grant_table_op: dump_table is gone", "grant_table_op", () => [3, 0, 1], "ENOSYS"],
  ["grant_table_op: a negative count", "grant_table_op", () => [0, 0, 0x8000_0000], "EINVAL"],
  ["grant_table_op: map with a cursor", "grant_table_op", ({ g }) => [0x10_0000, g.va(FIRST), 1], "EINVAL"],
  ["grant_table_op: map from nowhere", "grant_table_op", () => [0, NOWHERE, 1], "EFAULT"],
  ["grant_table_op: setup of two tables", "grant_table_op", ({ g }) => [2, g.va(FIRST), 2], "EINVAL"],
  ["grant_table_op: query of two tables", "grant_table_op", ({ g }) => [6, g.va(FIRST), 2], "EINVAL"],
  ["grant_table_op: version 2", "grant_table_op", ({ g }) => [8, g.words(FIRST, 2), 1], "ENOSYS"],
  ["grant_table_op: version 3", "grant_table_op", ({ g }) => [8, g.words(FIRST, 3), 1], "EINVAL"],
  ["grant_table_op: version 1", "grant_table_op", ({ g }) => [8, g.words(FIRST, 1), 1], 0],
  ["grant_table_op: the version of nobody", "grant_table_op", ({ g }) => [10, g.words(FIRST, 77, 0), 1], "ESRCH"],
  ["grant_table_op: the version of another", "grant_table_op", ({ g, other }) => [10, g.words(FIRST, other.domid, 0), 1], "EPERM"],
  ["cache_flush from nowhere", "grant_table_op", () => [12, NOWHERE, 1], "EFAULT"],
  ["cache_flush over the page's end", "grant_table_op", ({ g }) => [12, put(g, mfn(g, 9) << 12n, flush(1, 4000, 97)), 1], "EINVAL"],
  ["cache_flush of an unknown kind", "grant_table_op", ({ g }) => [12, put(g, mfn(g, 9) << 12n, flush(4, 0, 64)), 1], "EINVAL"],
  ["cache_flush by reference", "grant_table_op", ({ g }) => [12, put(g, 1, flush(0x8000_0001, 0, 64)), 1], "EINVAL"],
  ["cache_flush of nothing", "grant_table_op", ({ g }) => [12, put(g, NOWHERE << 40n, flush(1, 0, 0)), 1], 0],
  ["cache_flush of nothing, gone on with", "grant_table_op", ({ g }) => [12 | 0x10_0000, put(g, 0, flush(1, 0, 0)), 1], "EILSEQ"],
  ["cache_flush of no frame", "grant_table_op", ({ g }) => [12, put(g, 1n << 50n, flush(1, 0, 64)), 1], "EINVAL"],
  ["cache_flush of Xen's frame", "grant_table_op", ({ g }) => [12, put(g, 0, flush(1, 0, 64)), 1], "EPERM"],
  ["cache_flush of another's frame", "grant_table_op", ({ g, other }) => [12, put(g, mfn(other, 9) << 12n, flush(1, 0, 64)), 1], "EINVAL"],
  ["cache_flush of one's own", "grant_table_op", ({ g }) => [12, put(g, mfn(g, 9) << 12n, flush(3, 0, 4096)), 1], 0],
  ["cache_flush without writing back", "grant_table_op", ({ g }) => [12, put(g, mfn(g, 9) << 12n, flush(2, 0, 4096)), 1], "EOPNOTSUPP"],
  ["xenpmu_op", "xenpmu_op", () => [0, 0], "EOPNOTSUPP"],
];

test.each(ROWS)("%s", (_, call, args, answer) => {
  const s = scene();
  const before = s.other.mfns.map((each) => s.world.machine.frames.info[(each << 2) + 1]);
  expect(s.g.hypercall(call, ...args(s))).toBe(answer);
  expect(s.other.mfns.map((each) => s.world.machine.frames.info[(each << 2) + 1])).toEqual(before);
});

test("every hypercall has a row, or is one that refuses nothing", () => {
  const lenient = ["stack_switch", "set_callbacks", "fpu_taskswitch", "set_timer_op", "iret"];
  const rows = new Set(ROWS.map(([, call]) => call));
  const missing = Object.keys(HYPERCALL).filter((name) => !rows.has(name as HypercallName));
  expect(missing.sort()).toEqual(lenient.sort());
});

describe("a domain that serves another (set_target)", () => {
  const serve = () => {
    const s = scene();
    must(s.world.dom0.domctl.setTarget(s.g.domid, s.other.domid));
    return s;
  };
  const map = ({ g, other }: Scene) =>
    g.hypercall("update_va_mapping_otherdomain", g.va(20), (mfn(other, 9) << 12n) | 3n, 2, other.domid);

  test("maps its frames, and asks of its memory and channels", () => {
    const s = serve();
    expect(map(s)).toBe(0);
    expect(s.g.hypercall("memory_op", 3, s.g.words(FIRST, s.other.domid))).toBe(32);
    expect(s.g.hypercall("event_channel_op", 6, s.g.words(FIRST, s.other.domid | (s.g.domid << 16), 0))).toBe(
      0,
    );
  });
  test("has no more right over dom0, or the served one over it, than before", () => {
    const { g, other } = serve();
    expect(g.hypercall("memory_op", 3, g.words(FIRST, 0))).toBe("EPERM");
    expect(other.hypercall("memory_op", 3, other.words(FIRST, g.domid))).toBe("EPERM");
    expect(g.hypercall("domctl", g.words(FIRST, 2, 0x15))).toBe("EPERM");
  });
  test("is told so once, by dom0, and of somebody else", () => {
    const { world, g, other } = serve();
    const third = world.guest();
    expect(world.dom0.domctl.setTarget(g.domid, third.domid)).toEqual({ ok: false, errno: "EINVAL" });
    expect(world.dom0.domctl.setTarget(other.domid, other.domid)).toEqual({ ok: false, errno: "EINVAL" });
    expect(world.dom0.domctl.setTarget(g.domid, 77 as never)).toEqual({ ok: false, errno: "ESRCH" });
  });
  test("loses the right with the domain, whoever gets its id", () => {
    const s = serve();
    must(s.world.dom0.domctl.destroy(s.other.domid));
    s.world.settle();
    const heir = s.world.guest({ domid: s.other.domid });
    expect(map({ ...s, other: heir })).toBe("EPERM");
  });
});

test("an id is not given anew while somebody maps a page of Xen's that the dead domain had", () => {
  const { world, g } = scene();
  const table = g.domain.grants.frames[0] as number;
  must(world.dom0.gnttab.seed(g.domid, Gref(9), world.dom0.domid, table as never));
  const held = must(world.dom0.gnttab.map(g.domid, Gref(9), "read"));
  must(world.dom0.domctl.destroy(g.domid));
  world.settle();
  expect(g.domain.memory).toMatchObject({ totPages: 0, heapPages: 1 });
  expect(world.machine.domains.has(g.domid)).toBe(true);
  held.unmap();
  expect(world.machine.domains.has(g.domid)).toBe(false);
});
