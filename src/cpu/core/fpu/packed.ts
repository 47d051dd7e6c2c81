// Packed integer operations, 0F 60..FE: of 128 bits for SSE2; MMX uses their low 64 bits. SDM vol. 2.
// Each is a function of destination and source; a record keeps the index of its own.

type Operation = (a: v128, b: v128) => v128;

function punpcklbw(a: v128, b: v128): v128 {
  return i8x16.shuffle(a, b, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
}
function punpcklwd(a: v128, b: v128): v128 {
  return i16x8.shuffle(a, b, 0, 8, 1, 9, 2, 10, 3, 11);
}
function punpckldq(a: v128, b: v128): v128 {
  return i32x4.shuffle(a, b, 0, 4, 1, 5);
}
function punpcklqdq(a: v128, b: v128): v128 {
  return i64x2.shuffle(a, b, 0, 2);
}
function punpckhbw(a: v128, b: v128): v128 {
  return i8x16.shuffle(a, b, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31);
}
function punpckhwd(a: v128, b: v128): v128 {
  return i16x8.shuffle(a, b, 4, 12, 5, 13, 6, 14, 7, 15);
}
function punpckhdq(a: v128, b: v128): v128 {
  return i32x4.shuffle(a, b, 2, 6, 3, 7);
}
function punpckhqdq(a: v128, b: v128): v128 {
  return i64x2.shuffle(a, b, 1, 3);
}
function packsswb(a: v128, b: v128): v128 {
  return i8x16.narrow_i16x8_s(a, b);
}
function packuswb(a: v128, b: v128): v128 {
  return i8x16.narrow_i16x8_u(a, b);
}
function packssdw(a: v128, b: v128): v128 {
  return i16x8.narrow_i32x4_s(a, b);
}

function pcmpgtb(a: v128, b: v128): v128 {
  return i8x16.gt_s(a, b);
}
function pcmpgtw(a: v128, b: v128): v128 {
  return i16x8.gt_s(a, b);
}
function pcmpgtd(a: v128, b: v128): v128 {
  return i32x4.gt_s(a, b);
}
function pcmpeqb(a: v128, b: v128): v128 {
  return i8x16.eq(a, b);
}
function pcmpeqw(a: v128, b: v128): v128 {
  return i16x8.eq(a, b);
}
function pcmpeqd(a: v128, b: v128): v128 {
  return i32x4.eq(a, b);
}

function paddb(a: v128, b: v128): v128 {
  return i8x16.add(a, b);
}
function paddw(a: v128, b: v128): v128 {
  return i16x8.add(a, b);
}
function paddd(a: v128, b: v128): v128 {
  return i32x4.add(a, b);
}
function paddq(a: v128, b: v128): v128 {
  return i64x2.add(a, b);
}
function paddusb(a: v128, b: v128): v128 {
  return i8x16.add_sat_u(a, b);
}
function paddusw(a: v128, b: v128): v128 {
  return i16x8.add_sat_u(a, b);
}
function paddsb(a: v128, b: v128): v128 {
  return i8x16.add_sat_s(a, b);
}
function paddsw(a: v128, b: v128): v128 {
  return i16x8.add_sat_s(a, b);
}
function psubb(a: v128, b: v128): v128 {
  return i8x16.sub(a, b);
}
function psubw(a: v128, b: v128): v128 {
  return i16x8.sub(a, b);
}
function psubd(a: v128, b: v128): v128 {
  return i32x4.sub(a, b);
}
function psubq(a: v128, b: v128): v128 {
  return i64x2.sub(a, b);
}
function psubusb(a: v128, b: v128): v128 {
  return i8x16.sub_sat_u(a, b);
}
function psubusw(a: v128, b: v128): v128 {
  return i16x8.sub_sat_u(a, b);
}
function psubsb(a: v128, b: v128): v128 {
  return i8x16.sub_sat_s(a, b);
}
function psubsw(a: v128, b: v128): v128 {
  return i16x8.sub_sat_s(a, b);
}
function pavgb(a: v128, b: v128): v128 {
  return i8x16.avgr_u(a, b);
}
function pavgw(a: v128, b: v128): v128 {
  return i16x8.avgr_u(a, b);
}
function pminub(a: v128, b: v128): v128 {
  return i8x16.min_u(a, b);
}
function pmaxub(a: v128, b: v128): v128 {
  return i8x16.max_u(a, b);
}
function pminsw(a: v128, b: v128): v128 {
  return i16x8.min_s(a, b);
}
function pmaxsw(a: v128, b: v128): v128 {
  return i16x8.max_s(a, b);
}

function pmullw(a: v128, b: v128): v128 {
  return i16x8.mul(a, b);
}
function pmulhuw(a: v128, b: v128): v128 {
  const l = i32x4.extmul_low_i16x8_u(a, b), h = i32x4.extmul_high_i16x8_u(a, b);
  return i16x8.shuffle(l, h, 1, 3, 5, 7, 9, 11, 13, 15);
}
function pmulhw(a: v128, b: v128): v128 {
  const l = i32x4.extmul_low_i16x8_s(a, b), h = i32x4.extmul_high_i16x8_s(a, b);
  return i16x8.shuffle(l, h, 1, 3, 5, 7, 9, 11, 13, 15);
}
/** The even lanes. */
function pmuludq(a: v128, b: v128): v128 {
  return i64x2.extmul_low_i32x4_u(i32x4.shuffle(a, a, 0, 2, 0, 2), i32x4.shuffle(b, b, 0, 2, 0, 2));
}
function pmaddwd(a: v128, b: v128): v128 {
  return i32x4.dot_i16x8_s(a, b);
}
function psadbw(a: v128, b: v128): v128 {
  const d = v128.or(i8x16.sub_sat_u(a, b), i8x16.sub_sat_u(b, a));
  const s = i32x4.extadd_pairwise_i16x8_u(i16x8.extadd_pairwise_i8x16_u(d));
  return i64x2.add(i64x2.shr_u(s, 32), v128.and(s, i64x2.splat(0xffffffff)));
}

function pand(a: v128, b: v128): v128 {
  return v128.and(a, b);
}
function pandn(a: v128, b: v128): v128 {
  return v128.andnot(b, a);
}
function por(a: v128, b: v128): v128 {
  return v128.or(a, b);
}
function pxor(a: v128, b: v128): v128 {
  return v128.xor(a, b);
}

/** A count of 64 bits, cut to what shifts everything out. */
// @ts-ignore: decorator
@inline function countOf(v: v128): i32 {
  const n = <u64>i64x2.extract_lane(v, 0);
  return n > 255 ? 255 : <i32>n;
}

function psrlw(a: v128, b: v128): v128 {
  const n = countOf(b);
  return n > 15 ? i64x2.splat(0) : i16x8.shr_u(a, n);
}
function psrld(a: v128, b: v128): v128 {
  const n = countOf(b);
  return n > 31 ? i64x2.splat(0) : i32x4.shr_u(a, n);
}
function psrlq(a: v128, b: v128): v128 {
  const n = countOf(b);
  return n > 63 ? i64x2.splat(0) : i64x2.shr_u(a, n);
}
function psraw(a: v128, b: v128): v128 {
  const n = countOf(b);
  return i16x8.shr_s(a, n > 15 ? 15 : n);
}
function psrad(a: v128, b: v128): v128 {
  const n = countOf(b);
  return i32x4.shr_s(a, n > 31 ? 31 : n);
}
function psllw(a: v128, b: v128): v128 {
  const n = countOf(b);
  return n > 15 ? i64x2.splat(0) : i16x8.shl(a, n);
}
function pslld(a: v128, b: v128): v128 {
  const n = countOf(b);
  return n > 31 ? i64x2.splat(0) : i32x4.shl(a, n);
}
function psllq(a: v128, b: v128): v128 {
  const n = countOf(b);
  return n > 63 ? i64x2.splat(0) : i64x2.shl(a, n);
}

function operationOf(op: u32): Operation {
  switch (op) {
    case 0x60: return punpcklbw;
    case 0x61: return punpcklwd;
    case 0x14: // UNPCKLPS
    case 0x62: return punpckldq;
    case 0x63: return packsswb;
    case 0x64: return pcmpgtb;
    case 0x65: return pcmpgtw;
    case 0x66: return pcmpgtd;
    case 0x67: return packuswb;
    case 0x68: return punpckhbw;
    case 0x69: return punpckhwd;
    case 0x15: // UNPCKHPS
    case 0x6a: return punpckhdq;
    case 0x6b: return packssdw;
    case 0x6c: return punpcklqdq;
    case 0x6d: return punpckhqdq;
    case 0x74: return pcmpeqb;
    case 0x75: return pcmpeqw;
    case 0x76: return pcmpeqd;
    case 0xd1: return psrlw;
    case 0xd2: return psrld;
    case 0xd3: return psrlq;
    case 0xd4: return paddq;
    case 0xd5: return pmullw;
    case 0xd8: return psubusb;
    case 0xd9: return psubusw;
    case 0xda: return pminub;
    case 0x54: // ANDPS
    case 0xdb: return pand;
    case 0xdc: return paddusb;
    case 0xdd: return paddusw;
    case 0xde: return pmaxub;
    case 0x55: // ANDNPS
    case 0xdf: return pandn;
    case 0xe0: return pavgb;
    case 0xe1: return psraw;
    case 0xe2: return psrad;
    case 0xe3: return pavgw;
    case 0xe4: return pmulhuw;
    case 0xe5: return pmulhw;
    case 0xe8: return psubsb;
    case 0xe9: return psubsw;
    case 0xea: return pminsw;
    case 0x56: // ORPS
    case 0xeb: return por;
    case 0xec: return paddsb;
    case 0xed: return paddsw;
    case 0xee: return pmaxsw;
    case 0x57: // XORPS
    case 0xef: return pxor;
    case 0xf1: return psllw;
    case 0xf2: return pslld;
    case 0xf3: return psllq;
    case 0xf4: return pmuludq;
    case 0xf5: return pmaddwd;
    case 0xf6: return psadbw;
    case 0xf8: return psubb;
    case 0xf9: return psubw;
    case 0xfa: return psubd;
    case 0xfb: return psubq;
    case 0xfc: return paddb;
    case 0xfd: return paddw;
    default: return paddd; // FE
  }
}

/** Index of the function for an opcode. */
export function packedOperation(op: u32): u32 {
  return operationOf(op).index;
}

/** Opcode with a register count for a shift by immediate: groups 12, 13, 14 (0F 71..73), ModRM.reg 2, 4, 6. */
export function shiftOpcode(op: u32, reg: u32): u32 {
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
