/**
 * What the red team tries, in order, and which answers mean that it was refused. Variables: frames of a neighbour
 * (`other_mfn`), of Xen (`xen_mfn`), of dom0 (`dom0_mfn`), its own (`spare_mfn`, `window_mfn`, `l4_mfn`, `l1_mfn`).
 */
import {
  attempt,
  CALLBACK_OP,
  CONSOLE_IO,
  call,
  DOMID_IO,
  DOMID_SELF,
  DOMID_XEN,
  EVENT_CHANNEL_OP,
  event,
  GP,
  grant,
  load,
  MEMORY_OP,
  MMU_UPDATE,
  MULTICALL,
  mapWindow,
  mmuext,
  mmuUpdate,
  OTHERDOMAIN,
  PF,
  PHYSDEV_OP,
  reservation,
  SCHED_OP,
  SET_DEBUGREG,
  SET_GDT,
  SET_SEGMENT_BASE,
  UPDATE_DESCRIPTOR,
  VCPU_OP,
  VM_ASSIST,
  words,
} from "./code.ts";

export interface Attempt {
  readonly name: string;
  /** Leaves the answer in rax. */
  readonly code: string;
  /** Answers that are right: a refusal, or a success that does no harm. */
  readonly right: readonly number[];
}

const EPERM = -1;
const ENOENT = -2;
const ESRCH = -3;
const EACCES = -13;
const EFAULT = -14;
const EBUSY = -16;
const EINVAL = -22;
const ENOSYS = -38;
const EOPNOTSUPP = -95;

const RW = 0x23;
const RO = 0x21;
const TABLE = 0x27;

const frame = (name: string, flags: number) => ({ frame: `${name}_mfn`, flags });
const row = (name: string, code: string, ...right: number[]): Attempt => ({ name, code, right });

const FOREIGN = [
  ["the neighbour's", "other"],
  ["Xen's", "xen"],
  ["dom0's", "dom0"],
] as const;

/** The same for everybody's frames that are not ours. */
const againstFrames = FOREIGN.flatMap(([whose, name]) => [
  row(`update_va_mapping: ${whose} frame, writable`, mapWindow(frame(name, RW)), EBUSY),
  row(`update_va_mapping: ${whose} frame, read-only`, mapWindow(frame(name, RO)), EBUSY),
  row(`mmu_update: ${whose} frame into our L1`, mmuUpdate("[l1e_machine]", frame(name, RW)), EBUSY),
  row(
    `mmu_update: the same, A and D preserved`,
    `mov rcx, [l1e_machine]\nor rcx, 2\nmov [pointer], rcx\n${mmuUpdate("[pointer]", frame(name, RW))}`,
    EBUSY,
  ),
  row(`mmu_update: an entry in ${whose} frame`, mmuUpdate(frame(name, 0), frame("spare", RW)), EINVAL),
  row(`mmu_update: ${whose} frame as L3 in our L4`, mmuUpdate("[l4e_machine]", frame(name, TABLE)), EINVAL),
  row(`machphys: a new number for ${whose} frame`, mmuUpdate(frame(name, 1), 7), EINVAL),
  row(`pin ${whose} frame as L1`, mmuext(0, `[${name}_mfn]`), EINVAL),
  row(`pin ${whose} frame as L4`, mmuext(3, `[${name}_mfn]`), EINVAL),
  row(`unpin ${whose} frame`, mmuext(4, `[${name}_mfn]`), EINVAL),
  row(`new base pointer: ${whose} frame`, mmuext(5, `[${name}_mfn]`), EINVAL),
  row(`new user base pointer: ${whose} frame`, mmuext(15, `[${name}_mfn]`), EINVAL),
  row(`clear ${whose} page`, mmuext(16, `[${name}_mfn]`), EINVAL),
  row(`copy ${whose} page to ours`, mmuext(17, "[spare_mfn]", `[${name}_mfn]`), EINVAL),
  row(`copy our page to ${whose}`, mmuext(17, `[${name}_mfn]`, "[spare_mfn]"), EINVAL),
  row(`CR3 = ${whose} frame`, `${load("rax", frame(name, 0))}\n${attempt("db 0x0f, 0x22, 0xd8")}`, GP),
  row(`set_gdt: ${whose} frame`, `${words(`[${name}_mfn]`)}\n${call(SET_GDT, "args", 512)}`, EINVAL),
  row(`update_descriptor in ${whose} frame`, call(UPDATE_DESCRIPTOR, frame(name, 8), 0), EINVAL),
  row(`balloon ${whose} frame out`, reservation(1, `[${name}_mfn]`, DOMID_SELF), 0),
  row(
    `exchange ${whose} frame`,
    `mov rax, [${name}_mfn]\nmov [extent], rax\n${words("extent", 1, 0, DOMID_SELF, "extent2", 1, 0, DOMID_SELF, 0)}\n${call(MEMORY_OP, 11, "args")}`,
    EINVAL,
  ),
  row(
    `grant copy out of ${whose} frame`,
    grant(5, 36, `[${name}_mfn]`, DOMID_SELF, "[spare_mfn]", DOMID_SELF, 64),
    -9,
  ),
  row(
    `grant copy into ${whose} frame`,
    grant(5, 36, "[spare_mfn]", DOMID_SELF, `[${name}_mfn]`, DOMID_SELF, 64),
    -9,
  ),
  row(`transfer ${whose} frame`, grant(4, 16, `[${name}_mfn]`, 0, 0), -9),
  row(`vcpu_info in ${whose} frame`, `${words(`[${name}_mfn]`, 0)}\n${call(VCPU_OP, 10, 0, "args")}`, EINVAL),
]);

/** Foreign domids: there may be no such domain. */
const againstDomains = [0, 1, 2, 3].flatMap((domid) => {
  const denied = [EPERM, ESRCH];
  return [
    row(
      `mmu_update: frames of domain ${domid}`,
      mmuUpdate("[l1e_machine]", frame("other", RW), domid),
      ...denied,
    ),
    row(
      `mmu_update: tables of domain ${domid}`,
      mmuUpdate(frame("other", 0), frame("spare", RW), DOMID_SELF | ((domid + 1) << 16)),
      ...denied,
      EINVAL, // our own id there is allowed; the frame is not ours
    ),
    row(
      `update_va_mapping_otherdomain: domain ${domid}`,
      call(OTHERDOMAIN, "window", frame("other", RW), 0, domid),
      ...denied,
    ),
    row(`mmuext_op: unpin for domain ${domid}`, mmuext(4, "[other_mfn]", 0, domid), ...denied),
    row(`alloc_unbound in domain ${domid}`, event(6, domid, 0), ...denied, ...(domid === 0 ? [] : [0])), // or it is ourselves

    row(`grant 0 of domain ${domid}`, grant(0, 18, "window", 2, domid, 0), -2, -3, -1, -8),
    row(
      `grant copy: a frame of domain ${domid}`,
      grant(5, 36, "[other_mfn]", domid, "[spare_mfn]", DOMID_SELF, 64),
      -8,
    ),
    row(
      `shut domain ${domid} down`,
      `${words(domid)}\nmov dword [args + 4], 0\n${call(SCHED_OP, 4, "args")}`,
      ...denied,
    ),
  ];
});

const tables: readonly Attempt[] = [
  row("map our own L4 writable", mapWindow(frame("l4", RW)), EBUSY),
  row("map our own L1 writable", mapWindow(frame("l1", RW)), EBUSY),
  row("map our own L1 read-only (allowed)", mapWindow(frame("l1", RO)), 0),
  row("store to it what maps the neighbour", storeThrough("window", "other"), PF),
  row("store to it what maps Xen", storeThrough("window", "xen"), PF),
  row("store 16 bytes to it", `mov rdi, window\n${attempt("db 0x0f, 0x11, 0x07")}`, PF),
  row("store 8 bytes over its end", `mov rdi, window + 4092\nmov rax, -1\n${attempt("mov [rdi], rax")}`, PF),
  row("store 8 bytes askew", `mov rdi, window + 4\nmov rax, -1\n${attempt("mov [rdi], rax")}`, PF),
  row(
    "lock cmpxchg the neighbour into it",
    `mov rdi, window + 8 * 500\n${load("rcx", frame("other", RW))}\nmov rax, [rdi]\n${attempt("lock cmpxchg [rdi], rcx")}`,
    PF,
  ),
  row("set its W bit", `mov rdi, window\n${attempt("db 0xf0, 0x48, 0x0f, 0xba, 0x2f, 0x01")}`, PF, 0),
  row("map the window back", mapWindow(frame("window", RW)), 0),
  row("L4 slot 256, Xen's", mmuUpdate("[xen_slot_machine]", 0), EINVAL),
  row(
    "L4 slot 271, Xen's",
    `mov rcx, [xen_slot_machine]\nadd rcx, 15 * 8\nmov [pointer], rcx\n${mmuUpdate("[pointer]", frame("l3", TABLE))}`,
    EINVAL,
  ),
  row("the L4 mapped by itself, writable", mmuUpdate("[l4e_machine]", frame("l4", TABLE)), EINVAL),
  row("the L4 mapped by itself, read-only (allowed)", mmuUpdate("[l4e_machine]", frame("l4", 0x25)), 0),
  row("store through that map", `mov rdi, LINEAR_L4\nmov rax, 0x67\n${attempt("mov [rdi], rax")}`, PF),
  row(
    "store through it to Xen's own tables",
    `mov rdi, LINEAR_XEN\nmov rax, 0x67\n${attempt("mov [rdi], rax")}`,
    PF,
  ),
  row("update_va_mapping through it", call(14, "LINEAR_L4", frame("spare", RW), 2), EINVAL),
  row("take it away (allowed)", mmuUpdate("[l4e_machine]", 0), 0),
  row("a 2 MiB page in an L2", mmuUpdate("[l2e_machine]", frame("other", 0xa7)), EINVAL),
  row("a 1 GiB page in an L3", mmuUpdate("[l3e_machine]", frame("other", 0xa7)), EINVAL),
  row("pin a page that is mapped writable", mmuext(0, "[spare_mfn]"), EINVAL),
  row("pin the L4 as an L1", mmuext(0, "[l4_mfn]"), EINVAL),
  row("pin the L4 twice", mmuext(3, "[l4_mfn]"), EINVAL),
  row("mark a superpage", mmuext(19, "[spare_mfn]"), EOPNOTSUPP),
  row(
    "memory beyond the machine",
    `mov rax, 0x7ffffff\nmov [pointer], rax\n${mapWindow({ frame: "pointer", flags: RW })}`,
    EPERM,
  ),
  row("device memory by DOMID_IO", call(OTHERDOMAIN, "window", frame("dom0", RW), 0, DOMID_IO), EPERM, EBUSY),
  row("Xen's memory by DOMID_XEN", call(OTHERDOMAIN, "window", frame("xen", RW), 0, DOMID_XEN), EPERM),
  row("update_va_mapping in Xen's range", call(14, "M2P", frame("spare", RW), 2), EINVAL),
];

const stale: readonly Attempt[] = [
  row("touch the window", attempt("mov qword [window], 1"), 0),
  row("unmap it, and flush nothing (allowed)", mapWindow(0, 0), 0),
  row("clear what was mapped there (allowed)", mmuext(16, "[window_mfn]"), 0),
  row("pin it as an L1 (allowed)", mmuext(0, "[window_mfn]"), 0),
  row("store through the TLB's old entry", attempt("mov qword [window], 7"), PF),
  row("unpin it (allowed)", mmuext(4, "[window_mfn]"), 0),
  row("map it back (allowed)", mapWindow(frame("window", RW), 0), 0),
  row("touch it again", attempt("mov qword [window], 1"), 0),
  row("unmap it, and flush nothing (allowed)", mapWindow(0, 0), 0),
  row("give it away (allowed)", reservation(1, "[window_mfn]", DOMID_SELF), 1),
  row("map it once more", mapWindow(frame("window", RW), 0), EBUSY),
];

const descriptors: readonly Attempt[] = [
  row(
    "set_gdt: a page that is mapped writable",
    `${words("[spare_mfn]")}\n${call(SET_GDT, "args", 512)}`,
    EINVAL,
  ),
  row("set_gdt: more than 14 pages", call(SET_GDT, "args", 7169), EINVAL),
  row("update_descriptor in our L4", call(UPDATE_DESCRIPTOR, frame("l4", 8), 0), EINVAL),
  row("update_descriptor: a TSS", call(UPDATE_DESCRIPTOR, frame("spare", 8), "0x0000890000000067"), EINVAL),
  row(
    "update_descriptor: a call gate into Xen",
    call(UPDATE_DESCRIPTOR, frame("spare", 8), "0x00008c00e0080000"),
    EINVAL,
  ),
  row("SS = Xen's ring 0 data", `mov eax, 0xe010\n${attempt("db 0x8e, 0xd0")}`, GP),
  row("DS = Xen's ring 0 data", `mov eax, 0xe010\n${attempt("db 0x8e, 0xd8")}`, GP),
  row("DS = a selector behind the GDT", `mov eax, 0x1003\n${attempt("db 0x8e, 0xd8")}`, GP),
  row("IRET to ring 0 code", iretTo(0xe008, 0xe02b), GP),
  row("IRET to ring 0 code with RPL 3", iretTo(0xe00b, 0xe02b), GP),
  row("IRET to a ring 0 stack", iretTo(0xe033, 0xe010), GP),
  row("far return to ring 0", attempt("push 0xe008\npush 0\ndb 0x48, 0xcb"), GP),
  row("SET_LDT: in Xen's range", mmuext(13, "M2P", 16), EINVAL),
  row("SET_LDT: too many", mmuext(13, "spare", 8193), EINVAL),
  row("SET_LDT: a page that is mapped writable", mmuext(13, "spare", 16), 0),
  row(
    "DS = an entry of that LDT",
    `mov rax, 0x00cff3000000ffff\nmov [spare], rax\nmov eax, 7\n${attempt("db 0x8e, 0xd8")}`,
    GP,
  ),
  row("LGDT", attempt("db 0x0f, 0x01, 0x14, 0x25, 0, 0, 0, 0"), GP),
  row("LIDT", attempt("db 0x0f, 0x01, 0x1c, 0x25, 0, 0, 0, 0"), GP),
  row("set_segment_base: not canonical", call(SET_SEGMENT_BASE, 0, "0x1000000000000"), EINVAL),
];

const processor: readonly Attempt[] = [
  row("store to the M2P", `mov rdi, M2P\n${attempt("mov qword [rdi], 0")}`, PF),
  row("store to our L4, mapped read-only", `mov rdi, [pt_base]\n${attempt("mov qword [rdi], 0")}`, PF),
  row("read Xen's text", `mov rdi, 0xffff82d080200000\n${attempt("mov rax, [rdi]")}`, PF),
  row("jump there", `mov rax, 0xffff82d080200000\n${attempt("jmp rax")}`, PF),
  row("WRMSR EFER", `mov ecx, 0xc0000080\nxor eax, eax\nxor edx, edx\n${attempt("wrmsr")}`, GP),
  row("WRMSR LSTAR", `mov ecx, 0xc0000082\nxor eax, eax\nxor edx, edx\n${attempt("wrmsr")}`, GP),
  row("CR0 without WP", `mov eax, 0x80000033\n${attempt("db 0x0f, 0x22, 0xc0")}`, GP),
  row("OUT to the reset port", `mov eax, 6\nmov edx, 0xcf9\n${attempt("db 0xee")}`, GP),
  row("CLI", attempt("db 0xfa"), GP),
  row("HLT", attempt("hlt"), GP),
  row("INT to a vector of Xen's", attempt("int 0x82"), GP),
  row("DR7 with general detect", `mov eax, 0x2000\n${attempt("db 0x0f, 0x23, 0xf8")}`, GP),
  row("a breakpoint in Xen", call(SET_DEBUGREG, 0, "M2P"), EPERM),
  row("IOPL 4", `mov dword [args], 4\n${call(PHYSDEV_OP, 6, "args")}`, EINVAL),
];

const calls: readonly Attempt[] = [
  row("arguments in Xen's range: mmu_update", call(MMU_UPDATE, "M2P", 1, 0, DOMID_SELF), EFAULT, EINVAL),
  row("an answer to Xen's range: machphys_mapping", call(MEMORY_OP, 12, "M2P"), EFAULT),
  row("an answer to our L4: machphys_mapping", call(MEMORY_OP, 12, "[pt_base]"), EFAULT),
  row("multicall in nowhere", call(MULTICALL, 0x1000, 1), EFAULT),
  row(
    "multicall in a multicall",
    `${words(13, 0)}\n${call(MULTICALL, "args", 1)}\nmov rax, [args + 8]`,
    EINVAL,
  ),
  row("populate for dom0", reservation(6, 0, 0), 0),
  row("increase dom0's reservation", reservation(0, 0, 0), 0),
  row("balloon one of dom0's frames out", reservation(1, "[dom0_mfn]", 0), 0),
  row("dom0's reservation", `mov dword [args], 0\n${call(MEMORY_OP, 3, "args")}`, EPERM),
  row("claim pages", `${words(0, 1, 0, 1)}\n${call(MEMORY_OP, 24, "args")}`, EPERM),
  row("add_to_physmap", call(MEMORY_OP, 7, "args"), EACCES, ENOSYS),
  row("the machine's memory map", call(MEMORY_OP, 10, "args"), EPERM),
  row("domctl", `mov dword [args], 2\nmov dword [args + 4], 0x15\n${call(36, "args")}`, EPERM),
  row("domctl of another Xen", `mov dword [args + 4], 0x16\n${call(36, "args")}`, EACCES),
  row("sysctl", `mov dword [args + 4], 0x15\n${call(35, "args")}`, EPERM),
  row("platform_op", `mov dword [args + 4], 0x03000001\n${call(7, "args")}`, EPERM),
  row("kexec_op", call(37, 0, "args"), EPERM),
  row("tmem_op", call(38, 0), ENOSYS),
  row("hypercall 11", call(11, 0), ENOSYS),
  row("hypercall 63", call(63, 0), ENOSYS),
  row("Xen's console", call(CONSOLE_IO, 1, 16, "args"), EPERM),
  row("bind dom0's port 1", event(0, 0, 1, 0), EINVAL),
  row("send to a closed port", event(4, 900), EINVAL),
  row("close port 0", event(3, 0), EINVAL),
  row("bind a physical interrupt", event(2, 9, 0, 0), EPERM),
  row("VIRQ 24", event(1, 24, 0, 0), EINVAL),
  row("reset dom0's channels", event(10, 0), EPERM),
  row("FIFO event channels", call(EVENT_CHANNEL_OP, 11, "args"), ENOSYS),
  row("vCPU 99", call(VCPU_OP, 3, 99, 0), ENOENT),
  row(
    "a callback that is no address",
    `${words(0, "0x1000000000000")}\n${call(CALLBACK_OP, 0, "args")}`,
    EINVAL,
  ),
  row("an unknown assist", call(VM_ASSIST, 0, 40), EINVAL),
  row("setup_table of dom0", grant(2, 8, "0x100000000", 0, "args"), -8),
  row("grants of version 2", `mov dword [args], 2\n${call(20, 8, "args", 1)}`, ENOSYS),
  row("unmap a handle that is none", grant(1, 20, "window", 0, 77), -4),
];

/** Stores what maps a frame at the window's own entry of the L1 table that `at` shows. */
function storeThrough(at: string, name: string): string {
  return `mov rdi, ${at}\n${load("rax", frame(name, RW))}\n${attempt("mov [rdi + 8 * 500], rax")}`;
}

function iretTo(cs: number, ss: number): string {
  return attempt(`mov rax, rsp\npush ${ss}\npush rax\npush 0x202\npush ${cs}\npush 0\niretq`);
}

export const ATTEMPTS: readonly Attempt[] = [
  ...againstFrames,
  ...againstDomains,
  ...tables,
  ...descriptors,
  ...processor,
  ...calls,
  ...stale,
];
