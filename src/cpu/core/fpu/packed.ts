// Packed integer operations, 0F 60..FE: of 128 bits for SSE2; MMX uses their low 64 bits. SDM vol. 2.

/** dest = op(dest, source) for the opcodes that mean the same with 64 and 128 bits, lane by lane. */
function packedOp(op: u32, a: v128, b: v128): v128 {
  switch (op) {
    case 0x60: return i8x16.shuffle(a, b, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23); // PUNPCKLBW
    case 0x61: return i16x8.shuffle(a, b, 0, 8, 1, 9, 2, 10, 3, 11); // PUNPCKLWD
    case 0x62: return i32x4.shuffle(a, b, 0, 4, 1, 5); // PUNPCKLDQ
    case 0x63: return i8x16.narrow_i16x8_s(a, b); // PACKSSWB
    case 0x64: return i8x16.gt_s(a, b); // PCMPGTB
    case 0x65: return i16x8.gt_s(a, b);
    case 0x66: return i32x4.gt_s(a, b);
    case 0x67: return i8x16.narrow_i16x8_u(a, b); // PACKUSWB
    case 0x68: return i8x16.shuffle(a, b, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31); // PUNPCKHBW
    case 0x69: return i16x8.shuffle(a, b, 4, 12, 5, 13, 6, 14, 7, 15); // PUNPCKHWD
    case 0x6a: return i32x4.shuffle(a, b, 2, 6, 3, 7); // PUNPCKHDQ
    case 0x6b: return i16x8.narrow_i32x4_s(a, b); // PACKSSDW
    case 0x6c: return i64x2.shuffle(a, b, 0, 2); // PUNPCKLQDQ
    case 0x6d: return i64x2.shuffle(a, b, 1, 3); // PUNPCKHQDQ
    case 0x74: return i8x16.eq(a, b); // PCMPEQB
    case 0x75: return i16x8.eq(a, b);
    case 0x76: return i32x4.eq(a, b);
    case 0xd1: return shiftBy(op, a, i64x2.extract_lane(b, 0)); // PSRLW
    case 0xd2: return shiftBy(op, a, i64x2.extract_lane(b, 0));
    case 0xd3: return shiftBy(op, a, i64x2.extract_lane(b, 0));
    case 0xd4: return i64x2.add(a, b); // PADDQ
    case 0xd5: return i16x8.mul(a, b); // PMULLW
    case 0xd8: return i8x16.sub_sat_u(a, b); // PSUBUSB
    case 0xd9: return i16x8.sub_sat_u(a, b);
    case 0xda: return i8x16.min_u(a, b); // PMINUB
    case 0xdb: return v128.and(a, b); // PAND
    case 0xdc: return i8x16.add_sat_u(a, b); // PADDUSB
    case 0xdd: return i16x8.add_sat_u(a, b);
    case 0xde: return i8x16.max_u(a, b); // PMAXUB
    case 0xdf: return v128.andnot(b, a); // PANDN: ~a & b
    case 0xe0: return i8x16.avgr_u(a, b); // PAVGB
    case 0xe1: return shiftBy(op, a, i64x2.extract_lane(b, 0)); // PSRAW
    case 0xe2: return shiftBy(op, a, i64x2.extract_lane(b, 0));
    case 0xe3: return i16x8.avgr_u(a, b); // PAVGW
    case 0xe4: // PMULHUW
      return i16x8.shuffle(i32x4.extmul_low_i16x8_u(a, b), i32x4.extmul_high_i16x8_u(a, b), 1, 3, 5, 7, 9, 11, 13, 15);
    case 0xe5: // PMULHW
      return i16x8.shuffle(i32x4.extmul_low_i16x8_s(a, b), i32x4.extmul_high_i16x8_s(a, b), 1, 3, 5, 7, 9, 11, 13, 15);
    case 0xe8: return i8x16.sub_sat_s(a, b); // PSUBSB
    case 0xe9: return i16x8.sub_sat_s(a, b);
    case 0xea: return i16x8.min_s(a, b); // PMINSW
    case 0xeb: return v128.or(a, b); // POR
    case 0xec: return i8x16.add_sat_s(a, b); // PADDSB
    case 0xed: return i16x8.add_sat_s(a, b);
    case 0xee: return i16x8.max_s(a, b); // PMAXSW
    case 0xef: return v128.xor(a, b); // PXOR
    case 0xf1: return shiftBy(op, a, i64x2.extract_lane(b, 0)); // PSLLW
    case 0xf2: return shiftBy(op, a, i64x2.extract_lane(b, 0));
    case 0xf3: return shiftBy(op, a, i64x2.extract_lane(b, 0));
    case 0xf4: // PMULUDQ: the even lanes
      return i64x2.extmul_low_i32x4_u(i32x4.shuffle(a, a, 0, 2, 0, 2), i32x4.shuffle(b, b, 0, 2, 0, 2));
    case 0xf5: return i32x4.dot_i16x8_s(a, b); // PMADDWD
    case 0xf6: { // PSADBW
      const d = v128.or(i8x16.sub_sat_u(a, b), i8x16.sub_sat_u(b, a));
      const s = i32x4.extadd_pairwise_i16x8_u(i16x8.extadd_pairwise_i8x16_u(d));
      return i64x2.add(i64x2.shr_u(s, 32), v128.and(s, i64x2.splat(0xffffffff)));
    }
    case 0xf8: return i8x16.sub(a, b); // PSUBB
    case 0xf9: return i16x8.sub(a, b);
    case 0xfa: return i32x4.sub(a, b);
    case 0xfb: return i64x2.sub(a, b);
    case 0xfc: return i8x16.add(a, b); // PADDB
    case 0xfd: return i16x8.add(a, b);
    default: return i32x4.add(a, b); // FE: PADDD
  }
}

/** Shifts by a count of 64 bits; `op` is the opcode of the form with a register count. */
function shiftBy(op: u32, v: v128, count: u64): v128 {
  const n: i32 = count > 255 ? 255 : <i32>count;
  const zero = i64x2.splat(0);
  switch (op) {
    case 0xd1: return n > 15 ? zero : i16x8.shr_u(v, n);
    case 0xd2: return n > 31 ? zero : i32x4.shr_u(v, n);
    case 0xd3: return n > 63 ? zero : i64x2.shr_u(v, n);
    case 0xe1: return i16x8.shr_s(v, n > 15 ? 15 : n);
    case 0xe2: return i32x4.shr_s(v, n > 31 ? 31 : n);
    case 0xf1: return n > 15 ? zero : i16x8.shl(v, n);
    case 0xf2: return n > 31 ? zero : i32x4.shl(v, n);
    default: return n > 63 ? zero : i64x2.shl(v, n);
  }
}

/** Opcode with a register count for a shift by immediate: groups 12, 13, 14 (0F 71..73), ModRM.reg 2, 4, 6. */
// @ts-ignore: decorator
@inline export function shiftOpcode(op: u32, reg: u32): u32 {
  return 0xd1 + (op - 0x71) + ((reg - 2) << 3);
}

/** Four 16-bit lanes chosen by `imm`: PSHUFW, and the halves of PSHUFLW, PSHUFHW. */
export function shuffleWords(v: u64, imm: u32): u64 {
  return (
    ((v >> ((imm & 3) << 4)) & 0xffff) |
    (((v >> (((imm >> 2) & 3) << 4)) & 0xffff) << 16) |
    (((v >> (((imm >> 4) & 3) << 4)) & 0xffff) << 32) |
    ((v >> ((imm >> 6) << 4)) << 48)
  );
}

// (not `export function`: asc then warns of v128 at the module's border, where none of these stands)
export { packedOp, shiftBy };
