/** Small pieces of assembler text that attempts are made of. All use the numbers of public/xen.h. */

/** A number, the name of a variable in brackets, or a page-table entry made of a variable that holds a frame number. */
export type Value = number | bigint | string | { readonly frame: string; readonly flags: number };

const REGISTERS = ["rdi", "rsi", "rdx", "r10"] as const;

export const load = (register: string, value: Value): string => {
  if (typeof value !== "object") return `mov ${register}, ${value}`;
  return `mov ${register}, [${value.frame}]\nshl ${register}, 12\nor ${register}, ${value.flags}`;
};

/** Puts 64-bit words into `args`. */
export const words = (...values: readonly Value[]): string =>
  values.map((value, i) => `${load("rax", value)}\nmov [args + ${i * 8}], rax`).join("\n");

/** A hypercall; its answer is in rax. */
export const call = (number: number, ...args: readonly Value[]): string =>
  `${args.map((arg, i) => load(REGISTERS[i] as string, arg)).join("\n")}\ncall hypercall_page + ${number * 32}`;

let labels = 0;
/** An instruction that is likely to fault: rax is 0x10000 + the vector then, and 0 if it goes through. */
export const attempt = (instruction: string): string => {
  const after = `after_${labels++}`;
  return `mov qword [fault], 0\nmov qword [resume], ${after}\n${instruction}\n${after}:\nmov rax, [fault]`;
};

export const FAULT = 0x10000;
export const PF = FAULT + 14;
export const GP = FAULT + 13;

// ── what hypercalls are called ──
export const MMU_UPDATE = 1;
export const SET_GDT = 2;
export const SET_DEBUGREG = 8;
export const UPDATE_DESCRIPTOR = 10;
export const MEMORY_OP = 12;
export const MULTICALL = 13;
export const UPDATE_VA_MAPPING = 14;
export const CONSOLE_IO = 18;
export const GRANT_TABLE_OP = 20;
export const VM_ASSIST = 21;
export const OTHERDOMAIN = 22;
export const VCPU_OP = 24;
export const SET_SEGMENT_BASE = 25;
export const MMUEXT_OP = 26;
export const SCHED_OP = 29;
export const CALLBACK_OP = 30;
export const EVENT_CHANNEL_OP = 32;
export const PHYSDEV_OP = 33;

export const DOMID_SELF = 0x7ff0;
export const DOMID_IO = 0x7ff1;
export const DOMID_XEN = 0x7ff2;

/** update_va_mapping of the page `window`. */
export const mapWindow = (entry: Value, flags = 2): string => call(UPDATE_VA_MAPPING, "window", entry, flags);
/** One mmu_update; `domains`: foreign domain, and above it the table's owner. */
export const mmuUpdate = (pointer: Value, value: Value, domains = DOMID_SELF): string =>
  `${words(pointer, value)}\n${call(MMU_UPDATE, "args", 1, 0, domains)}`;
export const mmuext = (command: number, arg1: Value, arg2: Value = 0, domain = DOMID_SELF): string =>
  `${words(command, arg1, arg2)}\n${call(MMUEXT_OP, "args", 1, 0, domain)}`;
/** grant_table_op on one element of `args`; the answer is its status word at `status`. */
export const grant = (command: number, status: number, ...values: readonly Value[]): string =>
  `${words(...values)}\n${call(GRANT_TABLE_OP, command, "args", 1)}\nmovsx rax, word [args + ${status}]`;
/** memory_op on a reservation of one frame. */
export const reservation = (command: number, frame: Value, domain: number, order = 0): string =>
  `${load("rax", frame)}\nmov [extent], rax\n${words("extent", 1, order, domain)}\n${call(MEMORY_OP, command, "args")}`;
export const event = (command: number, ...dwords: readonly number[]): string =>
  `${dwords.map((dword, i) => `mov dword [args + ${i * 4}], ${dword}`).join("\n")}\n${call(EVENT_CHANNEL_OP, command, "args")}`;
