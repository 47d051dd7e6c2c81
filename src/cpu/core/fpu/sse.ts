// SSE and SSE2: 0F opcodes on XMM registers. SDM vol. 1 ch. 10 and 11, vol. 2.
// Order within an instruction: #UD/#NM, #MF (where MMX registers take part), memory, arithmetic, commit.

import { CPU, GPR } from "../../layout";
import { addrR, addrW, doneW, effectiveAddress } from "../mmu";
import { flagsSetZPC } from "../flags";
import { FP_IMM, FP_MODRM, FP_OPCODE, FP_PP, FP_REG, FP_REXW, FP_RM } from "../record";
import { fxrstor, fxsave } from "./fxsave";
import { maskedStore } from "./masked";
import { packedOp, shiftBy, shiftOpcode, shuffleWords } from "./packed";
import {
  ADD, arith32, arith64, comi32, comi64, compare32, compare64, DIV, finishSse, fromInt64, MUL, narrow, normalLanes32, normalLanes64,
  reciprocal, reciprocalRoot, SQRT, startSse, SUB, toInt32From32, toInt32From64, toInt64From32, toInt64From64, toSingle, vectorised,
  widen,
} from "./sse-float";
import { enterMmx, gp0, isMem, mm, mmxReady, MX, MXCSR_MASK, setMm, sseReady, ud, xmm } from "./state";

/** Mandatory prefixes as FP_PP has them. */
const PS: u32 = 0;
const PD: u32 = 1;
const SS: u32 = 2;
const SD: u32 = 3;

const GPRS: usize = CPU + GPR;

// ── operands ──

/** Address of the XMM register, or of `size` bytes of memory (any alignment); 0: fault. */
// @ts-ignore: decorator
@inline function source(rec: usize, size: u32): usize {
  const rm: u32 = load<u8>(rec, FP_RM);
  return rm != 0xff ? xmm(rm) : addrR(effectiveAddress(rec), size);
}

/** The same for 16 bytes that must be aligned. */
// @ts-ignore: decorator
@inline function source16(rec: usize): usize {
  const rm: u32 = load<u8>(rec, FP_RM);
  return rm != 0xff ? xmm(rm) : aligned16(rec);
}

function aligned16(rec: usize): usize {
  const va = effectiveAddress(rec);
  if (va & 15) return gp0();
  return addrR(va, 16);
}

/** The source of cvtpi2ps and kin: an MMX register or 8 bytes. */
function sourceMm(rec: usize): usize {
  return isMem(rec) ? addrR(effectiveAddress(rec), 8) : mm(load<u8>(rec, FP_RM));
}

/** Stores 16 bytes to the r/m operand. */
function store16(rec: usize, v: v128, mustAlign: bool): i32 {
  const rm: u32 = load<u8>(rec, FP_RM);
  if (rm != 0xff) {
    v128.store(xmm(rm), v);
    return 1;
  }
  const va = effectiveAddress(rec);
  if (mustAlign && va & 15) return gp0();
  const p = addrW(va, 16);
  if (!p) return 0;
  v128.store(p, v);
  doneW();
  return 1;
}

function store8(rec: usize, v: u64): i32 {
  const p = addrW(effectiveAddress(rec), 8);
  if (!p) return 0;
  store<u64>(p, v);
  doneW();
  return 1;
}

function store4(rec: usize, v: u32): i32 {
  const p = addrW(effectiveAddress(rec), 4);
  if (!p) return 0;
  store<u32>(p, v);
  doneW();
  return 1;
}

// @ts-ignore: decorator
@inline function gpr(n: u32): usize {
  return GPRS + (n << 3);
}

// @ts-ignore: decorator
@inline function setGpr(n: u32, v: u64): void {
  store<u64>(gpr(n), v);
}

export function sseExec(rec: usize): i32 {
  const op: u32 = load<u8>(rec, FP_OPCODE);
  const pp: u32 = load<u8>(rec, FP_PP);
  if (op == 0xae || op == 0xc3) return stateless(rec, op);
  if (!sseReady()) return 0;
  const reg: u32 = load<u8>(rec, FP_REG);
  const d = xmm(reg);
  let p: usize;
  switch (op) {
    case 0x10: // MOVUPS, MOVUPD, MOVSS, MOVSD
      if (pp < SS) {
        p = source(rec, 16);
        if (!p) return 0;
        v128.store(d, v128.load(p));
      } else if (pp == SS) {
        p = source(rec, 4);
        if (!p) return 0;
        if (isMem(rec)) v128.store(d, v128.load32_zero(p));
        else store<u32>(d, load<u32>(p));
      } else {
        p = source(rec, 8);
        if (!p) return 0;
        if (isMem(rec)) v128.store(d, v128.load64_zero(p));
        else store<u64>(d, load<u64>(p));
      }
      return 1;
    case 0x11:
      if (pp < SS) return store16(rec, v128.load(d), false);
      if (pp == SS) {
        if (isMem(rec)) return store4(rec, load<u32>(d));
        store<u32>(xmm(load<u8>(rec, FP_RM)), load<u32>(d));
      } else {
        if (isMem(rec)) return store8(rec, load<u64>(d));
        store<u64>(xmm(load<u8>(rec, FP_RM)), load<u64>(d));
      }
      return 1;
    case 0x12: // MOVLPS, MOVLPD, MOVHLPS
      if (!isMem(rec)) {
        store<u64>(d, load<u64>(xmm(load<u8>(rec, FP_RM)), 8));
        return 1;
      }
      p = source(rec, 8);
      if (!p) return 0;
      store<u64>(d, load<u64>(p));
      return 1;
    case 0x13:
      return store8(rec, load<u64>(d));
    case 0x14: // UNPCKLPS, UNPCKLPD
      p = source16(rec);
      if (!p) return 0;
      v128.store(d, packedOp(pp == PS ? 0x62 : 0x6c, v128.load(d), v128.load(p)));
      return 1;
    case 0x15: // UNPCKHPS, UNPCKHPD
      p = source16(rec);
      if (!p) return 0;
      v128.store(d, packedOp(pp == PS ? 0x6a : 0x6d, v128.load(d), v128.load(p)));
      return 1;
    case 0x16: // MOVHPS, MOVHPD, MOVLHPS
      p = source(rec, 8);
      if (!p) return 0;
      store<u64>(d, load<u64>(p), 8);
      return 1;
    case 0x17:
      return store8(rec, load<u64>(d, 8));
    case 0x28: // MOVAPS, MOVAPD
      p = source16(rec);
      if (!p) return 0;
      v128.store(d, v128.load(p));
      return 1;
    case 0x29:
      return store16(rec, v128.load(d), true);
    case 0x2a:
      return fromInteger(rec, pp, d);
    case 0x2b: // MOVNTPS, MOVNTPD
      return store16(rec, v128.load(d), true);
    case 0x2c:
      return toGprOrMm(rec, pp, reg, true);
    case 0x2d:
      return toGprOrMm(rec, pp, reg, false);
    case 0x2e: // UCOMISS, UCOMISD
    case 0x2f: {
      p = source(rec, pp == PS ? 4 : 8);
      if (!p) return 0;
      startSse();
      const quietly = op == 0x2e;
      const r = pp == PS ? comi32(quietly, load<u32>(d), load<u32>(p)) : comi64(quietly, load<u64>(d), load<u64>(p));
      if (!finishSse()) return 0;
      flagsSetZPC((r & 4) != 0, (r & 2) != 0, (r & 1) != 0);
      return 1;
    }
    case 0x50: { // MOVMSKPS, MOVMSKPD
      const v = v128.load(xmm(load<u8>(rec, FP_RM)));
      setGpr(reg, pp == PS ? i32x4.bitmask(v) : i64x2.bitmask(v));
      return 1;
    }
    case 0x52: // RSQRTPS, RSQRTSS
    case 0x53: { // RCPPS, RCPSS
      p = pp == PS ? source16(rec) : source(rec, 4);
      if (!p) return 0;
      const n: usize = pp == PS ? 16 : 4;
      v128.store(LANES, pp == PS ? v128.load(p) : v128.load32_zero(p));
      for (let i: usize = 0; i < n; i += 4) {
        const x = load<u32>(LANES + i);
        store<u32>(d + i, op == 0x53 ? reciprocal(x) : reciprocalRoot(x));
      }
      return 1;
    }
    case 0x54: // ANDPS, ANDPD
      p = source16(rec);
      if (!p) return 0;
      v128.store(d, v128.and(v128.load(d), v128.load(p)));
      return 1;
    case 0x55: // ANDNPS, ANDNPD
      p = source16(rec);
      if (!p) return 0;
      v128.store(d, v128.andnot(v128.load(p), v128.load(d)));
      return 1;
    case 0x56: // ORPS, ORPD
      p = source16(rec);
      if (!p) return 0;
      v128.store(d, v128.or(v128.load(d), v128.load(p)));
      return 1;
    case 0x57: // XORPS, XORPD
      p = source16(rec);
      if (!p) return 0;
      v128.store(d, v128.xor(v128.load(d), v128.load(p)));
      return 1;
    case 0x51: // SQRT
    case 0x58: // ADD
    case 0x59: // MUL
    case 0x5c: // SUB
    case 0x5d: // MIN
    case 0x5e: // DIV
    case 0x5f: // MAX
      return arithmetic(rec, op, pp, d);
    case 0x5a:
      return convertSize(rec, pp, d);
    case 0x5b:
      return convertDwords(rec, pp, d);
    case 0x6e: { // MOVD, MOVQ xmm, r/m
      const wide = load<u8>(rec, FP_REXW) != 0;
      p = isMem(rec) ? addrR(effectiveAddress(rec), wide ? 8 : 4) : gpr(load<u8>(rec, FP_RM));
      if (!p) return 0;
      v128.store(d, wide ? v128.load64_zero(p) : v128.load32_zero(p));
      return 1;
    }
    case 0x6f: // MOVDQA, MOVDQU
      p = pp == PD ? source16(rec) : source(rec, 16);
      if (!p) return 0;
      v128.store(d, v128.load(p));
      return 1;
    case 0x70: { // PSHUFD, PSHUFHW, PSHUFLW
      p = source16(rec);
      if (!p) return 0;
      const imm: u32 = load<u8>(rec, FP_IMM);
      const l = load<u64>(p), h = load<u64>(p, 8);
      if (pp == PD) {
        const v0 = load<u32>(p + ((imm & 3) << 2)), v1 = load<u32>(p + (imm & 12));
        const v2 = load<u32>(p + ((imm >> 2) & 12)), v3 = load<u32>(p + ((imm >> 4) & 12));
        store<u32>(d, v0);
        store<u32>(d, v1, 4);
        store<u32>(d, v2, 8);
        store<u32>(d, v3, 12);
      } else {
        store<u64>(d, pp == SD ? shuffleWords(l, imm) : l);
        store<u64>(d, pp == SS ? shuffleWords(h, imm) : h, 8);
      }
      return 1;
    }
    case 0x71: // shifts by immediate
    case 0x72:
    case 0x73: {
      const kind: u32 = (load<u8>(rec, FP_MODRM) >> 3) & 7;
      const n: u32 = load<u8>(rec, FP_IMM);
      const r = xmm(load<u8>(rec, FP_RM));
      if (op == 0x73 && kind & 1) shiftBytes(r, kind == 7, n);
      else v128.store(r, shiftBy(shiftOpcode(op, kind), v128.load(r), n));
      return 1;
    }
    case 0x7e:
      if (pp == SS) { // MOVQ xmm, xmm/m64
        p = source(rec, 8);
        if (!p) return 0;
        v128.store(d, v128.load64_zero(p));
        return 1;
      }
      // MOVD, MOVQ r/m, xmm
      if (load<u8>(rec, FP_REXW)) {
        if (isMem(rec)) return store8(rec, load<u64>(d));
        setGpr(load<u8>(rec, FP_RM), load<u64>(d));
      } else {
        if (isMem(rec)) return store4(rec, load<u32>(d));
        setGpr(load<u8>(rec, FP_RM), load<u32>(d));
      }
      return 1;
    case 0x7f: // MOVDQA, MOVDQU
      return store16(rec, v128.load(d), pp == PD);
    case 0xc2:
      return compares(rec, pp, d);
    case 0xc4: { // PINSRW
      p = isMem(rec) ? addrR(effectiveAddress(rec), 2) : gpr(load<u8>(rec, FP_RM));
      if (!p) return 0;
      store<u16>(d + ((load<u8>(rec, FP_IMM) & 7) << 1), load<u16>(p));
      return 1;
    }
    case 0xc5: // PEXTRW
      setGpr(reg, load<u16>(xmm(load<u8>(rec, FP_RM)) + ((load<u8>(rec, FP_IMM) & 7) << 1)));
      return 1;
    case 0xc6: { // SHUFPS, SHUFPD
      p = source16(rec);
      if (!p) return 0;
      const imm: u32 = load<u8>(rec, FP_IMM);
      if (pp == PD) {
        const l = load<u64>(d + ((imm & 1) << 3)), h = load<u64>(p + ((imm & 2) << 2));
        store<u64>(d, l);
        store<u64>(d, h, 8);
      } else {
        const v0 = load<u32>(d + ((imm & 3) << 2)), v1 = load<u32>(d + (imm & 12));
        const v2 = load<u32>(p + ((imm >> 2) & 12)), v3 = load<u32>(p + ((imm >> 4) & 12));
        store<u32>(d, v0);
        store<u32>(d, v1, 4);
        store<u32>(d, v2, 8);
        store<u32>(d, v3, 12);
      }
      return 1;
    }
    case 0xd6:
      if (pp == PD) { // MOVQ xmm/m64, xmm
        if (isMem(rec)) return store8(rec, load<u64>(d));
        v128.store(xmm(load<u8>(rec, FP_RM)), v128.load64_zero(d));
        return 1;
      }
      if (!mmxReady()) return 0;
      if (pp == SS) { // MOVQ2DQ
        v128.store(d, v128.load64_zero(mm(load<u8>(rec, FP_RM))));
        enterMmx();
      } else { // MOVDQ2Q
        setMm(reg, load<u64>(xmm(load<u8>(rec, FP_RM))));
      }
      return 1;
    case 0xd7: // PMOVMSKB
      setGpr(reg, i8x16.bitmask(v128.load(xmm(load<u8>(rec, FP_RM)))));
      return 1;
    case 0xe6:
      return convertDoubles(rec, pp, d);
    case 0xe7: // MOVNTDQ
      return store16(rec, v128.load(d), true);
    case 0xf7: // MASKMOVDQU
      return i32(maskedStore(rec, v128.load(d), v128.load(xmm(load<u8>(rec, FP_RM)))));
    default: // packed integers
      p = source16(rec);
      if (!p) return 0;
      v128.store(d, packedOp(op, v128.load(d), v128.load(p)));
      return 1;
  }
}

/** Where lanes wait until all exceptions are known. */
const LANES: usize = memory.data(16, 16);

/** PSLLDQ, PSRLDQ. */
function shiftBytes(r: usize, left: bool, n: u32): void {
  const l = load<u64>(r), h = load<u64>(r, 8);
  let a: u64 = 0, b: u64 = 0;
  const s: u64 = (n & 7) << 3;
  if (n == 0) {
    return;
  } else if (left) {
    if (n < 8) {
      a = l << s;
      b = (h << s) | (l >> (64 - s));
    } else if (n < 16) {
      b = l << s;
    }
  } else if (n < 8) {
    a = (l >> s) | (h << (64 - s));
    b = h >> s;
  } else if (n < 16) {
    a = h >> s;
  }
  store<u64>(r, a);
  store<u64>(r, b, 8);
}

// ── floating point ──

function arithmetic(rec: usize, op: u32, pp: u32, d: usize): i32 {
  let p: usize;
  if (pp == SD) {
    p = source(rec, 8);
    if (!p) return 0;
    startSse();
    const r = arith64(op, load<u64>(d), load<u64>(p));
    if (!finishSse()) return 0;
    store<u64>(d, r);
    return 1;
  }
  if (pp == SS) {
    p = source(rec, 4);
    if (!p) return 0;
    startSse();
    const r = arith32(op, load<u32>(d), load<u32>(p));
    if (!finishSse()) return 0;
    store<u32>(d, r);
    return 1;
  }
  p = source16(rec);
  if (!p) return 0;
  startSse();
  if (vectorised()) {
    const a = v128.load(d), b = v128.load(p);
    if (pp == PS) {
      if (normalLanes32(a) && normalLanes32(b)) {
        let r = b;
        if (op == ADD) r = f32x4.add(a, b);
        else if (op == MUL) r = f32x4.mul(a, b);
        else if (op == SUB) r = f32x4.sub(a, b);
        else if (op == DIV) r = f32x4.div(a, b);
        else r = i64x2.splat(0);
        if (normalLanes32(r)) {
          v128.store(d, r);
          return 1;
        }
      }
    } else if (normalLanes64(a) && normalLanes64(b)) {
      let r = b;
      if (op == ADD) r = f64x2.add(a, b);
      else if (op == MUL) r = f64x2.mul(a, b);
      else if (op == SUB) r = f64x2.sub(a, b);
      else if (op == DIV) r = f64x2.div(a, b);
      else r = i64x2.splat(0);
      if (normalLanes64(r)) {
        v128.store(d, r);
        return 1;
      }
    }
  }
  if (pp == PS) {
    for (let i: usize = 0; i < 16; i += 4) store<u32>(LANES + i, arith32(op, load<u32>(d + i), load<u32>(p + i)));
  } else {
    store<u64>(LANES, arith64(op, load<u64>(d), load<u64>(p)));
    store<u64>(LANES, arith64(op, load<u64>(d, 8), load<u64>(p, 8)), 8);
  }
  return commitLanes(d);
}

function commitLanes(d: usize): i32 {
  if (!finishSse()) return 0;
  v128.store(d, v128.load(LANES));
  return 1;
}

/** CMPPS, CMPPD, CMPSS, CMPSD. */
function compares(rec: usize, pp: u32, d: usize): i32 {
  const p = pp < SS ? source16(rec) : source(rec, pp == SS ? 4 : 8);
  if (!p) return 0;
  const predicate: u32 = load<u8>(rec, FP_IMM) & 7;
  startSse();
  v128.store(LANES, v128.load(d));
  if (pp & 1) {
    const n: usize = pp == SD ? 8 : 16;
    for (let i: usize = 0; i < n; i += 8) {
      store<u64>(LANES + i, compare64(predicate, load<u64>(d + i), load<u64>(p + i)) ? <u64>-1 : 0);
    }
  } else {
    const n: usize = pp == SS ? 4 : 16;
    for (let i: usize = 0; i < n; i += 4) {
      store<u32>(LANES + i, compare32(predicate, load<u32>(d + i), load<u32>(p + i)) ? <u32>-1 : 0);
    }
  }
  return commitLanes(d);
}

/** 0F 2A: CVTPI2PS, CVTPI2PD, CVTSI2SS, CVTSI2SD. */
function fromInteger(rec: usize, pp: u32, d: usize): i32 {
  let p: usize;
  if (pp >= SS) {
    const wide = load<u8>(rec, FP_REXW) != 0;
    p = isMem(rec) ? addrR(effectiveAddress(rec), wide ? 8 : 4) : gpr(load<u8>(rec, FP_RM));
    if (!p) return 0;
    startSse();
    const v: i64 = wide ? load<i64>(p) : <i64>load<i32>(p);
    if (pp == SS) {
      const r = toSingle(v);
      if (!finishSse()) return 0;
      store<u32>(d, r);
    } else {
      const r = wide ? fromInt64(v) : reinterpret<u64>(<f64>v);
      if (!finishSse()) return 0;
      store<u64>(d, r);
    }
    return 1;
  }
  // a memory operand leaves the x87 alone (so does CVTPI2PS, against its page in the SDM)
  if (!isMem(rec) && !mmxReady()) return 0;
  p = sourceMm(rec);
  if (!p) return 0;
  const x = load<i32>(p), y = load<i32>(p, 4);
  // an unmasked SIMD exception comes after the x87 state has changed, with a register as source
  if (!isMem(rec)) enterMmx();
  if (pp == PS) {
    startSse();
    const r = <u64>toSingle(x) | (<u64>toSingle(y) << 32);
    if (!finishSse()) return 0;
    store<u64>(d, r);
  } else {
    store<f64>(d, x);
    store<f64>(d, y, 8);
  }
  return 1;
}

/** 0F 2C, 2D: CVT[T]PS2PI, CVT[T]PD2PI, CVT[T]SS2SI, CVT[T]SD2SI. */
function toGprOrMm(rec: usize, pp: u32, reg: u32, chop: bool): i32 {
  let p: usize;
  if (pp >= SS) {
    p = source(rec, pp == SS ? 4 : 8);
    if (!p) return 0;
    startSse();
    let r: u64;
    if (load<u8>(rec, FP_REXW)) r = pp == SS ? toInt64From32(chop, load<u32>(p)) : toInt64From64(chop, load<u64>(p));
    else r = pp == SS ? toInt32From32(chop, load<u32>(p)) : toInt32From64(chop, load<u64>(p));
    if (!finishSse()) return 0;
    setGpr(reg, r);
    return 1;
  }
  if (!mmxReady()) return 0;
  p = pp == PS ? source(rec, 8) : source16(rec);
  if (!p) return 0;
  enterMmx();
  startSse();
  let lo: u32, hi: u32;
  if (pp == PS) {
    lo = toInt32From32(chop, load<u32>(p));
    hi = toInt32From32(chop, load<u32>(p, 4));
  } else {
    lo = toInt32From64(chop, load<u64>(p));
    hi = toInt32From64(chop, load<u64>(p, 8));
  }
  if (!finishSse()) return 0;
  setMm(reg, <u64>lo | (<u64>hi << 32));
  return 1;
}

/** 0F 5A: CVTPS2PD, CVTPD2PS, CVTSS2SD, CVTSD2SS. */
function convertSize(rec: usize, pp: u32, d: usize): i32 {
  const p = pp == PD ? source16(rec) : source(rec, pp == SS ? 4 : 8);
  if (!p) return 0;
  startSse();
  if (pp == SS) {
    const r = widen(load<u32>(p));
    if (!finishSse()) return 0;
    store<u64>(d, r);
    return 1;
  }
  if (pp == SD) {
    const r = narrow(load<u64>(p));
    if (!finishSse()) return 0;
    store<u32>(d, r);
    return 1;
  }
  if (pp == PS) {
    store<u64>(LANES, widen(load<u32>(p)));
    store<u64>(LANES, widen(load<u32>(p, 4)), 8);
  } else {
    store<u32>(LANES, narrow(load<u64>(p)));
    store<u32>(LANES, narrow(load<u64>(p, 8)), 4);
    store<u64>(LANES, 0, 8);
  }
  return commitLanes(d);
}

/** 0F 5B: CVTDQ2PS, CVTPS2DQ, CVTTPS2DQ. */
function convertDwords(rec: usize, pp: u32, d: usize): i32 {
  const p = source16(rec);
  if (!p) return 0;
  startSse();
  for (let i: usize = 0; i < 16; i += 4) {
    store<u32>(LANES + i, pp == PS ? toSingle(load<i32>(p + i)) : toInt32From32(pp == SS, load<u32>(p + i)));
  }
  return commitLanes(d);
}

/** 0F E6: CVTTPD2DQ, CVTDQ2PD, CVTPD2DQ. */
function convertDoubles(rec: usize, pp: u32, d: usize): i32 {
  const p = pp == SS ? source(rec, 8) : source16(rec);
  if (!p) return 0;
  if (pp == SS) {
    const x = load<i32>(p), y = load<i32>(p, 4);
    store<f64>(d, x);
    store<f64>(d, y, 8);
    return 1;
  }
  startSse();
  store<u32>(LANES, toInt32From64(pp == PD, load<u64>(p)));
  store<u32>(LANES, toInt32From64(pp == PD, load<u64>(p, 8)), 4);
  store<u64>(LANES, 0, 8);
  return commitLanes(d);
}

// ── group 15, MOVNTI ──

function stateless(rec: usize, op: u32): i32 {
  if (op == 0xc3) { // MOVNTI
    const v = load<u64>(gpr(load<u8>(rec, FP_REG)));
    return load<u8>(rec, FP_REXW) ? store8(rec, v) : store4(rec, <u32>v);
  }
  if (!isMem(rec)) return 1; // LFENCE, MFENCE, SFENCE
  const va = effectiveAddress(rec);
  switch ((load<u8>(rec, FP_MODRM) >> 3) & 7) {
    case 0: return fxsave(rec, va);
    case 1: return fxrstor(rec, va);
    case 2: { // LDMXCSR
      if (!sseReady()) return 0;
      const p = addrR(va, 4);
      if (!p) return 0;
      const v = load<u32>(p);
      if (v & ~MXCSR_MASK) return gp0();
      store<u32>(MX, v);
      return 1;
    }
    case 3: // STMXCSR
      if (!sseReady()) return 0;
      return store4(rec, load<u32>(MX));
    case 7: // CLFLUSH
      return i32(addrR(va, 1) != 0);
    default: return ud();
  }
}
