// MMX, with what SSE and SSE2 added to it: 0F opcodes without a prefix that use 64-bit registers. SDM vol. 1 ch. 9.
// Any of them sets TOP to 0 and all tags valid; a written register gets ones in its exponent field.

import { FP_IMM, FP_MODRM, FP_OPCODE, FP_REG, FP_REXW, FP_RM } from "../record";
import { maskedStore } from "./masked";
import { FP_OPERATION, Handler, setGpr, sourceGpr, sourceMm, store4, store8 } from "./operands";
import { packedOperation, shiftOpcode, shuffleWords } from "./packed";
import { enterMmx, isMem, mm, mmxReady, setMm, TAGS } from "./state";

/** The handler; an operation it needs is put into the record. */
export function mmxHandler(rec: usize): Handler {
  const op: u32 = load<u8>(rec, FP_OPCODE);
  switch (op) {
    case 0x60:
    case 0x61:
    case 0x62:
      store<u32>(rec, packedOperation(op), FP_OPERATION);
      return unpackLow;
    case 0x68: // the other half of what the low form gives
    case 0x69:
    case 0x6a:
      store<u32>(rec, packedOperation(op - 8), FP_OPERATION);
      return unpackHigh;
    case 0x63:
    case 0x67:
    case 0x6b:
      store<u32>(rec, packedOperation(op), FP_OPERATION);
      return pack;
    case 0x6e: return movdLoad;
    case 0x6f: return movqLoad;
    case 0x70: return pshufw;
    case 0x71:
    case 0x72:
    case 0x73:
      store<u32>(rec, packedOperation(shiftOpcode(op, (load<u8>(rec, FP_MODRM) >> 3) & 7)), FP_OPERATION);
      return shift;
    case 0x77: return emms;
    case 0x7e: return movdStore;
    case 0x7f:
    case 0xe7: return movqStore; // MOVQ, MOVNTQ
    case 0xc4: return pinsrw;
    case 0xc5: return pextrw;
    case 0xd7: return pmovmskb;
    case 0xf7: return maskmovq;
    default:
      store<u32>(rec, packedOperation(op), FP_OPERATION);
      return packed;
  }
}

// @ts-ignore: decorator
@inline function dest(rec: usize): usize {
  return mm(load<u8>(rec, FP_REG));
}

// @ts-ignore: decorator
@inline function operate(rec: usize, a: v128, b: v128): v128 {
  return call_indirect<v128>(load<u32>(rec, FP_OPERATION), a, b);
}

function packed(rec: usize): i32 {
  if (!mmxReady()) return 0;
  const p = sourceMm(rec, 8);
  if (!p) return 0;
  setMm(load<u8>(rec, FP_REG), i64x2.extract_lane(operate(rec, v128.load64_zero(dest(rec)), v128.load64_zero(p)), 0));
  return 1;
}

/** PUNPCKLBW, -WD, -DQ read 32 bits. */
function unpackLow(rec: usize): i32 {
  if (!mmxReady()) return 0;
  const p = sourceMm(rec, 4);
  if (!p) return 0;
  setMm(load<u8>(rec, FP_REG), i64x2.extract_lane(operate(rec, v128.load64_zero(dest(rec)), v128.load32_zero(p)), 0));
  return 1;
}

function unpackHigh(rec: usize): i32 {
  if (!mmxReady()) return 0;
  const p = sourceMm(rec, 8);
  if (!p) return 0;
  setMm(load<u8>(rec, FP_REG), i64x2.extract_lane(operate(rec, v128.load64_zero(dest(rec)), v128.load64_zero(p)), 1));
  return 1;
}

/** PACKSSWB, PACKUSWB, PACKSSDW: both operands side by side. */
function pack(rec: usize): i32 {
  if (!mmxReady()) return 0;
  const p = sourceMm(rec, 8);
  if (!p) return 0;
  const both = i64x2.shuffle(v128.load64_zero(dest(rec)), v128.load64_zero(p), 0, 2);
  setMm(load<u8>(rec, FP_REG), i64x2.extract_lane(operate(rec, both, both), 0));
  return 1;
}

/** By an immediate. */
function shift(rec: usize): i32 {
  if (!mmxReady()) return 0;
  const n: u32 = load<u8>(rec, FP_RM);
  setMm(n, i64x2.extract_lane(operate(rec, v128.load64_zero(mm(n)), i64x2.splat(load<u8>(rec, FP_IMM))), 0));
  return 1;
}

/** MOVD, MOVQ mm, r/m. */
function movdLoad(rec: usize): i32 {
  if (!mmxReady()) return 0;
  const wide = load<u8>(rec, FP_REXW) != 0;
  const p = sourceGpr(rec, wide ? 8 : 4);
  if (!p) return 0;
  setMm(load<u8>(rec, FP_REG), wide ? load<u64>(p) : load<u32>(p));
  return 1;
}

/** MOVD, MOVQ r/m, mm. */
function movdStore(rec: usize): i32 {
  if (!mmxReady()) return 0;
  const wide = load<u8>(rec, FP_REXW) != 0;
  const v = load<u64>(dest(rec));
  if (!isMem(rec)) setGpr(load<u8>(rec, FP_RM), wide ? v : v & 0xffffffff);
  else if (!(wide ? store8(rec, v) : store4(rec, <u32>v))) return 0;
  enterMmx();
  return 1;
}

function movqLoad(rec: usize): i32 {
  if (!mmxReady()) return 0;
  const p = sourceMm(rec, 8);
  if (!p) return 0;
  setMm(load<u8>(rec, FP_REG), load<u64>(p));
  return 1;
}

function movqStore(rec: usize): i32 {
  if (!mmxReady()) return 0;
  const v = load<u64>(dest(rec));
  if (!isMem(rec)) {
    setMm(load<u8>(rec, FP_RM), v);
    return 1;
  }
  if (!store8(rec, v)) return 0;
  enterMmx();
  return 1;
}

function pshufw(rec: usize): i32 {
  if (!mmxReady()) return 0;
  const p = sourceMm(rec, 8);
  if (!p) return 0;
  setMm(load<u8>(rec, FP_REG), shuffleWords(load<u64>(p), load<u8>(rec, FP_IMM)));
  return 1;
}

function pinsrw(rec: usize): i32 {
  if (!mmxReady()) return 0;
  const p = sourceGpr(rec, 2);
  if (!p) return 0;
  const at: u64 = (load<u8>(rec, FP_IMM) & 3) << 4;
  setMm(load<u8>(rec, FP_REG), (load<u64>(dest(rec)) & ~(<u64>0xffff << at)) | (<u64>load<u16>(p) << at));
  return 1;
}

function pextrw(rec: usize): i32 {
  if (!mmxReady()) return 0;
  const v = load<u64>(mm(load<u8>(rec, FP_RM))) >> ((load<u8>(rec, FP_IMM) & 3) << 4);
  setGpr(load<u8>(rec, FP_REG), v & 0xffff);
  enterMmx();
  return 1;
}

function pmovmskb(rec: usize): i32 {
  if (!mmxReady()) return 0;
  setGpr(load<u8>(rec, FP_REG), i8x16.bitmask(v128.load64_zero(mm(load<u8>(rec, FP_RM)))));
  enterMmx();
  return 1;
}

function maskmovq(rec: usize): i32 {
  if (!mmxReady()) return 0;
  if (!maskedStore(rec, v128.load64_zero(dest(rec)), v128.load64_zero(mm(load<u8>(rec, FP_RM))))) return 0;
  enterMmx();
  return 1;
}

function emms(rec: usize): i32 {
  if (!mmxReady()) return 0;
  enterMmx();
  store<u8>(TAGS, 0);
  return 1;
}
