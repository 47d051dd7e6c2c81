/**
 * The sheet of paper between the engine (AssemblyScript, `core/`) and its owner (TypeScript): both compile this file.
 * Only `export const NAME = number` may stand here.
 *
 * The machine's one WebAssembly.Memory, low to high:
 *
 *   0x0000_1000  CPU      state of the vCPU that is loaded (CPU_SIZE bytes; see below)
 *   0x0001_0000  static data of the wasm module (--memoryBase)
 *   0x0010_0000  TLBs, decoded records, saved vCPU states: the engine's own
 *   0x0400_0000  SLOT_OF  u32[MAX_MFNS]: slot that backs a machine frame, 0 = untouched (reads as zero)
 *   0x0600_0000  SLOT_FLAGS u8[MAX_SLOTS], then SLOT_CODE u64[MAX_SLOTS]: one bit per 64-byte granule with decoded code
 *   0x0800_0000  slots: a slot number is a page number of this memory, its bytes start at slot << 12.
 *                The first is ZERO_SLOT: shared, never written.
 */

// ── map ──
export const CPU = 0x1000;
export const CPU_SIZE = 0x0800;
export const STATIC_BASE = 0x0001_0000;
export const ENGINE_BASE = 0x0010_0000;
export const SLOT_OF = 0x0400_0000;
export const MAX_MFNS = 0x0080_0000; // 32 GiB of machine frames
export const SLOT_FLAGS = 0x0600_0000;
export const MAX_SLOTS = 0x0010_0000;
export const SLOT_CODE = 0x0610_0000;
export const SLOT_BASE = 0x0800_0000;
export const ZERO_SLOT = 0x8000;

// ── vCPU state: offsets from CPU; 64-bit little endian unless said ──
export const GPR = 0x000; // rax rcx rdx rbx rsp rbp rsi rdi r8..r15 (encoding order)
export const RAX = 0x000;
export const RCX = 0x008;
export const RDX = 0x010;
export const RBX = 0x018;
export const RSP = 0x020;
export const RBP = 0x028;
export const RSI = 0x030;
export const RDI = 0x038;
export const R8 = 0x040;
export const R9 = 0x048;
export const R10 = 0x050;
export const R11 = 0x058;
export const R12 = 0x060;
export const R13 = 0x068;
export const R14 = 0x070;
export const R15 = 0x078;
export const RIP = 0x080;
/** Whole RFLAGS: exact whenever the engine is stopped (lazy flags are folded in on exit, unfolded on entry). */
export const RFLAGS = 0x088;
export const FS_BASE = 0x090;
/** GS base in force. */
export const GS_BASE = 0x098;
/** The other GS base: of the mode that is not running. The owner swaps them. */
export const GS_BASE_OTHER = 0x0a0;
/** u16 selectors: es cs ss ds fs gs (encoding order), then ldtr, tr. */
export const SEL = 0x0a8;
export const SEL_ES = 0x0a8;
export const SEL_CS = 0x0aa;
export const SEL_SS = 0x0ac;
export const SEL_DS = 0x0ae;
export const SEL_FS = 0x0b0;
export const SEL_GS = 0x0b2;
/** CR0 as the engine obeys it: of it TS (8), EM (4), MP (2), NE, WP, PG, PE. */
export const CR0 = 0x0b8;
/** Page-table base in force, byte address of the L4's machine frame. */
export const CR3 = 0x0c0;
export const CR4 = 0x0c8;
export const EFER = 0x0d0;
/** u32: 0 = PV guest kernel, 1 = PV guest user: which TLB set, and what SYSCALL's exit says. Both run at CPL 3. */
export const PV_USER = 0x0d8;
/** u32 privilege level used for access checks: 3 for every PV guest. */
export const CPL = 0x0dc;
/** TSC = TSC_OFFSET + ICOUNT: what RDTSC answers (virtual time, when the owner keeps TSC_OFFSET so). */
export const TSC_OFFSET = 0x0e0;
/** Instructions this vCPU has retired (each REP iteration counts as one), kept exact whenever stopped. */
export const ICOUNT = 0x0e8;
/** u32 non-zero: RDTSC/RDTSCP exit (EXIT_PRIVILEGED) instead of answering. */
export const TSC_EXITS = 0x0f0;
/** u32: IA32_TSC_AUX, for RDTSCP. */
export const TSC_AUX = 0x0f4;
/** u32: the engine's index of this vCPU (set by it). */
export const VCPU_INDEX = 0x0f8;
export const DR0 = 0x100; // DR0..DR3, DR6 at +0x20, DR7 at +0x28 (the owner sees to breakpoints)

// ── why the engine stopped; valid until the next run ──
/** u32 vector of EXIT_FAULT / EXIT_INT. */
export const X_VECTOR = 0x140;
/** u32 error code; X_HAS_ERROR says whether the vector pushes one. */
export const X_ERROR = 0x144;
export const X_HAS_ERROR = 0x148;
/** u32 length of the instruction that stopped us, where known; RIP still points at it for faults and EXIT_PRIVILEGED. */
export const X_LENGTH = 0x14c;
/** u64 faulting or accessed virtual address (CR2). */
export const X_VA = 0x150;
/** EXIT_STORE: u32 machine frame, u32 byte offset in it, u32 size in bytes (1..16), then 16 bytes of value. */
export const X_FRAME = 0x158;
export const X_OFFSET = 0x15c;
export const X_SIZE = 0x160;
export const X_VALUE = 0x168;
/** EXIT_PRIVILEGED: u32 one of PRIV_*; u32 operand: register number of the GPR, or port width... as each PRIV_ says. */
export const X_PRIV = 0x178;
export const X_REG = 0x17c;
export const X_REG2 = 0x180;
/** EXIT_FAR: u32 kind (FAR_*), u64 new rip, u32 new cs, u64 new rflags, u64 new rsp, u32 new ss. */
export const X_FAR_KIND = 0x184;
export const X_FAR_RIP = 0x188;
export const X_FAR_CS = 0x190;
export const X_FAR_SS = 0x194;
export const X_FAR_RFLAGS = 0x198;
export const X_FAR_RSP = 0x1a0;
/** EXIT_SEGMENT by LSS, LFS, LGS: u32 GPR that is loaded too (0..15; 0xff: none), u64 its whole new value. */
export const X_SEGMENT_GPR = 0x1a8;
export const X_SEGMENT_VALUE = 0x1b0;

/** x87, MMX and SSE state. XMM registers in full; the rest as core/fpu defines. */
export const FPU = 0x200;
export const MXCSR = 0x300; // u32
export const XMM = 0x310; // 16 × 16 bytes
/** 0x410..0x800: the engine's own (lazy flags and the like). */
export const PRIVATE = 0x410;

// ── exits ──
/** The budget is used up. */
export const EXIT_BUDGET = 0;
/** SYSCALL. RIP is past it, RCX and R11 are as the instruction leaves them; PV_USER tells who did it. */
export const EXIT_SYSCALL = 1;
/** A fault. RIP at the instruction, which had no effect. X_VECTOR, X_ERROR, X_VA. */
export const EXIT_FAULT = 2;
/** INT n, INT3, INTO (trap: RIP past it, X_LENGTH its length). X_VECTOR. */
export const EXIT_INT = 3;
/** An instruction that PV leaves to its owner (else #GP). RIP at it; X_PRIV, X_LENGTH. */
export const EXIT_PRIVILEGED = 4;
/** A store to a protected frame, before it commits. RIP at it. Answer with `finishStore`. */
export const EXIT_STORE = 5;
/** Far return, far call/jump, IRET: operands read, nothing committed. RIP at it; X_FAR_*, X_LENGTH. */
export const EXIT_FAR = 6;
/** Load of a segment register: X_REG = index as in SEL, X_REG2 = selector; RIP at it, X_LENGTH, nothing committed. For POP,
 *  X_SIZE is how much RSP must grow. */
export const EXIT_SEGMENT = 7;
/** No slot left for a frame that is written. */
export const EXIT_NO_MEMORY = 8;
/** PAUSE: RIP is past it. A hint that another vCPU should run. */
export const EXIT_PAUSE = 9;
/** VMCALL/VMMCALL (HVM only; #UD for PV). */
export const EXIT_VMCALL = 10;

// ── EXIT_PRIVILEGED: what it was ──
export const PRIV_CPUID = 1;
export const PRIV_RDTSC = 2;
export const PRIV_RDTSCP = 3;
export const PRIV_RDMSR = 4;
export const PRIV_WRMSR = 5;
export const PRIV_HLT = 6;
export const PRIV_CLI = 7;
export const PRIV_STI = 8;
export const PRIV_CLTS = 9;
/** X_REG = GPR, X_REG2 = control register. */
export const PRIV_MOV_FROM_CR = 10;
export const PRIV_MOV_TO_CR = 11;
export const PRIV_MOV_FROM_DR = 12;
export const PRIV_MOV_TO_DR = 13;
/** X_SIZE = 1, 2, 4; X_REG2 = port; data in AL/AX/EAX. */
export const PRIV_IN = 14;
export const PRIV_OUT = 15;
/** String forms: X_SIZE, X_REG2 = port (DX); one element; the owner moves it and RSI/RDI/RCX itself. X_REG bit 0 = REP. */
export const PRIV_INS = 16;
export const PRIV_OUTS = 17;
export const PRIV_INVLPG = 18; // X_VA
export const PRIV_WBINVD = 19;
export const PRIV_INVD = 20;
export const PRIV_LGDT = 21;
export const PRIV_LIDT = 22;
export const PRIV_LLDT = 23;
export const PRIV_LTR = 24;
export const PRIV_LMSW = 25;
export const PRIV_SWAPGS = 26;
export const PRIV_SYSRET = 27;
export const PRIV_SYSEXIT = 28;
export const PRIV_RDPMC = 29;
export const PRIV_SYSENTER = 30;
/** Selector checks: X_REG2 = selector (the operand, already read); LAR and LSL: X_REG = GPR, X_SIZE = its width (2, 4, 8). */
export const PRIV_VERR = 31;
export const PRIV_VERW = 32;
export const PRIV_LAR = 33;
export const PRIV_LSL = 34;

export const FAR_IRET = 1;
export const FAR_RET = 2;
export const FAR_JMP = 3;
export const FAR_CALL = 4;

// ── slot flags ──
/** Decoded records exist for some granule of this slot: stores take the slow path. */
export const SLOT_HAS_CODE = 1;
/** Every store exits (EXIT_STORE) before it commits. */
export const SLOT_PROTECTED = 2;

// ── finishStore answers ──
/** Perform the store (with X_VALUE, which the owner may have changed) and finish the instruction. */
export const STORE_COMMIT = 1;
/** Finish the instruction without the store. */
export const STORE_DROP = 2;

// ── access kinds of `translate` ──
export const ACCESS_READ = 0;
export const ACCESS_WRITE = 1;
export const ACCESS_EXEC = 2;
