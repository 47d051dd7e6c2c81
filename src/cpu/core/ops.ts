// Handler numbers. Families count size (0 = 8 bit … 3 = 64) in their low two bits. Up to MAIN_END they are cases of the
// main switch (exec.ts), from SLOW on of the second one (slow.ts).
//
// Compiled by TypeScript too (translate/): only `export const NAME: u32 = number` may stand here.
//
// In names: A = register at R_A, B = word at R_B (register or immediate), M = memory operand.

// ── structure of blocks ──
/** End of a block that no branch ends: goes on at this record's address. */
export const NEXT: u32 = 0;
/** Was a record of a block that has been dropped: looks its address up again. */
export const LOOKUP: u32 = 1;
/** An instruction that reaches into the next page. */
export const CROSS: u32 = 2;
/** TMP_EA = address operand (misc bit 0: 32-bit; R_B: segment base). */
export const MICRO_EA: u32 = 3;
/** TMP_EA = R_IMM + segment base (R_B). */
export const MICRO_ABS: u32 = 4;

// ── families: + alu × 4 + size; alu as in the opcode map: add or adc sbb and sub xor cmp ──
export const ALU_AB: u32 = 5;
export const ALU_AM: u32 = 37;
export const ALU_MB: u32 = 69;
export const TEST_AB: u32 = 101;
export const TEST_MB: u32 = 105;
export const MOV_AB: u32 = 109;
export const MOV_AM: u32 = 113;
export const MOV_MB: u32 = 117;
export const INC_A: u32 = 121;
export const DEC_A: u32 = 125;
export const NEG_A: u32 = 129;
export const NOT_A: u32 = 133;
export const INC_M: u32 = 137;
export const DEC_M: u32 = 141;
export const NEG_M: u32 = 145;
export const NOT_M: u32 = 149;
/** + 0 8→32 (and 64), + 1 16→32 */
export const MOVZX_A: u32 = 153;
export const MOVZX_M: u32 = 155;
/** + 0 8→32, 1 8→64, 2 16→32, 3 16→64, 4 32→64 */
export const MOVSX_A: u32 = 157;
export const MOVSX_M: u32 = 162;
export const LEA32: u32 = 167;
export const LEA64: u32 = 168;
export const PUSH_B: u32 = 169;
export const POP_A: u32 = 170;
export const CALL: u32 = 171;
export const CALL_B: u32 = 172;
export const CALL_M: u32 = 173;
export const RET: u32 = 174;
export const JMP: u32 = 175;
export const JMP_B: u32 = 176;
export const JMP_M: u32 = 177;
export const LEAVE: u32 = 178;
/** + condition */
export const JCC: u32 = 179;
/** Shift of a register by a constant (not 0), + 0 for 32, + 1 for 64 bit. */
export const SHL_AI: u32 = 195;
export const SHR_AI: u32 = 197;
export const SAR_AI: u32 = 199;
export const ROL_AI: u32 = 201;
export const ROR_AI: u32 = 203;
export const IMUL_AB: u32 = 205;
export const IMUL_AM: u32 = 207;
/** A = B × R_IMM; R_B is a register. */
export const IMUL_ABI: u32 = 209;
/** misc: condition */
export const SETCC_A: u32 = 211;
export const CMOV_AB: u32 = 212;
export const BSWAP: u32 = 214;
export const CDQE: u32 = 216;
export const CDQ: u32 = 217;
export const CQO: u32 = 218;
/** RDX:RAX = RAX × B */
export const MUL64_B: u32 = 219;
/** First record of a translated region: see regions.ts. */
export const ENTER: u32 = 220;
/** Goes on at R_LINK. */
export const GOTO: u32 = 221;
export const MAIN_END: u32 = 222;

// ── second level. misc low bits: size, MISC_MEM: operand is memory (else at R_B) ──
export const SLOW: u32 = 300;
export const S_UD: u32 = 300;
export const S_LONG: u32 = 301; // over 15 bytes: #GP
export const S_FPU: u32 = 302;
/** R_C: 0..7 rol ror rcl rcr shl shr sal sar; R_A: address of CL, 0: the count is R_IMM */
export const S_SHIFT: u32 = 303;
/** R_A: register, R_C: address of CL, 0: the count is R_IMM */
export const S_SHLD: u32 = 304;
export const S_SHRD: u32 = 305;
/** R_A: register with the bit number; R_C: 0 bt 1 bts 2 btr 3 btc, + 4: the number is R_IMM */
export const S_BT: u32 = 306;
export const S_BSF: u32 = 307;
export const S_BSR: u32 = 308;
export const S_XCHG: u32 = 309;
export const S_XADD: u32 = 310;
export const S_CMPXCHG: u32 = 311;
export const S_CMPXCHG8B: u32 = 312;
export const S_MUL: u32 = 313;
export const S_IMUL: u32 = 314;
export const S_DIV: u32 = 315;
export const S_IDIV: u32 = 316;
/** A = operand × (R_IMM or, R_C = 1, A) */
export const S_IMUL2: u32 = 317;
/** R_C: condition */
export const S_SETCC: u32 = 318;
export const S_CMOV: u32 = 319;
/** R_C: source size; misc: destination size */
export const S_MOVZX: u32 = 320;
export const S_MOVSX: u32 = 321;
export const S_LEA16: u32 = 322;
export const S_CBW: u32 = 323; // misc size: cbw, cwde, cdqe
export const S_CWD: u32 = 324;
export const S_XLAT: u32 = 325;
export const S_LAHF: u32 = 326;
export const S_SAHF: u32 = 327;
export const S_CMC: u32 = 328;
export const S_CLC: u32 = 329;
export const S_STC: u32 = 330;
export const S_CLD: u32 = 331;
export const S_STD: u32 = 332;
export const S_PUSH: u32 = 333; // misc size (1 or 3), operand memory or R_B
export const S_POP: u32 = 334;
export const S_PUSHF: u32 = 335;
export const S_POPF: u32 = 336;
export const S_ENTER: u32 = 337; // R_IMM: size | level << 16
export const S_LEAVE16: u32 = 338;
export const S_RET_IMM: u32 = 339;
/** R_C: 0 loopne 1 loope 2 loop 3 jrcxz; misc bit 0: 32-bit counter */
export const S_LOOP: u32 = 340;
/** String instructions: misc low 2 bits: size, R_C: STR_* bits, R_B: segment base of the source */
export const S_MOVS: u32 = 341;
export const S_STOS: u32 = 342;
export const S_LODS: u32 = 343;
export const S_SCAS: u32 = 344;
export const S_CMPS: u32 = 345;
export const S_INS: u32 = 346;
export const S_OUTS: u32 = 347;
export const S_SYSCALL: u32 = 348;
export const S_INT: u32 = 349; // R_C vector
export const S_ICEBP: u32 = 350;
/** R_C: PRIV_*, R_A: X_REG, R_B: X_REG2, misc: size for X_SIZE = 1 << it */
export const S_PRIV: u32 = 351;
/** The same with a memory or register operand whose 16-bit value is X_REG2 (ltr, lmsw, verr, lar…). */
export const S_PRIV_RM16: u32 = 352;
/** The same; X_VA = address of the operand (lgdt, lidt, invlpg). */
export const S_PRIV_M: u32 = 353;
export const S_IN: u32 = 354; // R_C: PRIV_IN or PRIV_OUT; R_B: port's address (DX or immediate)
export const S_RDTSC: u32 = 355; // R_C: 1 = rdtscp
export const S_PAUSE: u32 = 356;
export const S_VMCALL: u32 = 357;
export const S_IRET: u32 = 358;
export const S_RETF: u32 = 359; // R_IMM bytes more
export const S_FAR_M: u32 = 360; // R_C: FAR_JMP or FAR_CALL
export const S_TO_SEG: u32 = 361; // R_C: segment register
export const S_FROM_SEG: u32 = 362;
export const S_POP_SEG: u32 = 363;
export const S_PUSH_SEG: u32 = 364;
export const S_LSS: u32 = 365; // R_C: segment, R_A: GPR number
/** R_C: 0 sldt 1 str 4 smsw */
export const S_STORE_SYSTEM: u32 = 366;
/** R_C: 0 sgdt 1 sidt */
export const S_STORE_TABLE: u32 = 367;
export const S_CLFLUSH: u32 = 368;
export const S_XCHG_REG: u32 = 369;
export const S_END: u32 = 370;

export const STR_REP: u32 = 1;
/** With REP on cmps and scas: REPNE. */
export const STR_NE: u32 = 2;
export const STR_A32: u32 = 4;
