// Conversions of SSE and SSE2. SDM vol. 1, 4.8.4, 11.4.1.6 and table 11-3.
// Those that use MMX registers look for a pending x87 exception first.

import { FP_OPCODE, FP_PP, FP_REG, FP_REXW } from "../record";
import {
  finishSse, fromInt64, narrow, startSse, toInt32From32, toInt32From64, toInt64From32, toInt64From64, toSingle, widen,
} from "./lanes";
import { dest, PD, PS, SD, setGpr, source, source16, sourceGpr, sourceMm, SS } from "./operands";
import { commitLanes, LANES } from "./sse-float";
import { enterMmx, isMem, mmxReady, setMm, sseReady } from "./state";

/** CVTSI2SD. */
export function cvtsi2sd(rec: usize): i32 {
  if (!sseReady()) return 0;
  const wide = load<u8>(rec, FP_REXW) != 0;
  const p = sourceGpr(rec, wide ? 8 : 4);
  if (!p) return 0;
  if (!wide) {
    store<f64>(dest(rec), load<i32>(p));
    return 1;
  }
  startSse();
  const r = fromInt64(load<i64>(p));
  if (!finishSse()) return 0;
  store<u64>(dest(rec), r);
  return 1;
}

/** CVTSI2SS. */
export function cvtsi2ss(rec: usize): i32 {
  if (!sseReady()) return 0;
  const wide = load<u8>(rec, FP_REXW) != 0;
  const p = sourceGpr(rec, wide ? 8 : 4);
  if (!p) return 0;
  startSse();
  const r = toSingle(wide ? load<i64>(p) : <i64>load<i32>(p));
  if (!finishSse()) return 0;
  store<u32>(dest(rec), r);
  return 1;
}

/** CVTPI2PS, CVTPI2PD. A memory operand leaves the x87 alone (with CVTPI2PS too, against its page in the SDM). */
export function fromMmx(rec: usize): i32 {
  if (!sseReady()) return 0;
  if (!isMem(rec) && !mmxReady()) return 0;
  const p = sourceMm(rec, 8);
  if (!p) return 0;
  const x = load<i32>(p), y = load<i32>(p, 4);
  // an unmasked SIMD exception comes after the x87 state has changed
  if (!isMem(rec)) enterMmx();
  const d = dest(rec);
  if (load<u8>(rec, FP_PP) == PD) {
    store<f64>(d, x);
    store<f64>(d, y, 8);
    return 1;
  }
  startSse();
  const r = <u64>toSingle(x) | (<u64>toSingle(y) << 32);
  if (!finishSse()) return 0;
  store<u64>(d, r);
  return 1;
}

/** CVTTSD2SI (2C), CVTSD2SI (2D). */
export function cvtsd2si(rec: usize): i32 {
  if (!sseReady()) return 0;
  const p = source(rec, 8);
  if (!p) return 0;
  const chop = load<u8>(rec, FP_OPCODE) == 0x2c;
  startSse();
  const v = load<u64>(p);
  const r = load<u8>(rec, FP_REXW) ? toInt64From64(chop, v) : <u64>toInt32From64(chop, v);
  if (!finishSse()) return 0;
  setGpr(load<u8>(rec, FP_REG), r);
  return 1;
}

/** CVTTSS2SI, CVTSS2SI. */
export function cvtss2si(rec: usize): i32 {
  if (!sseReady()) return 0;
  const p = source(rec, 4);
  if (!p) return 0;
  const chop = load<u8>(rec, FP_OPCODE) == 0x2c;
  startSse();
  const v = load<u32>(p);
  const r = load<u8>(rec, FP_REXW) ? toInt64From32(chop, v) : <u64>toInt32From32(chop, v);
  if (!finishSse()) return 0;
  setGpr(load<u8>(rec, FP_REG), r);
  return 1;
}

/** CVTTPS2PI, CVTPS2PI, CVTTPD2PI, CVTPD2PI. */
export function toMmx(rec: usize): i32 {
  if (!mmxReady()) return 0;
  const doubles = load<u8>(rec, FP_PP) == PD;
  const p = doubles ? source16(rec) : source(rec, 8);
  if (!p) return 0;
  const chop = load<u8>(rec, FP_OPCODE) == 0x2c;
  enterMmx();
  startSse();
  let l: u32, h: u32;
  if (doubles) {
    l = toInt32From64(chop, load<u64>(p));
    h = toInt32From64(chop, load<u64>(p, 8));
  } else {
    l = toInt32From32(chop, load<u32>(p));
    h = toInt32From32(chop, load<u32>(p, 4));
  }
  if (!finishSse()) return 0;
  setMm(load<u8>(rec, FP_REG), <u64>l | (<u64>h << 32));
  return 1;
}

/** 0F 5A: CVTPS2PD, CVTPD2PS, CVTSS2SD, CVTSD2SS. */
export function convertSize(rec: usize): i32 {
  if (!sseReady()) return 0;
  const pp: u32 = load<u8>(rec, FP_PP);
  const p = pp == PD ? source16(rec) : source(rec, pp == SS ? 4 : 8);
  if (!p) return 0;
  const d = dest(rec);
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
export function convertDwords(rec: usize): i32 {
  if (!sseReady()) return 0;
  const p = source16(rec);
  if (!p) return 0;
  const pp: u32 = load<u8>(rec, FP_PP);
  startSse();
  for (let i: usize = 0; i < 16; i += 4) {
    store<u32>(LANES + i, pp == PS ? toSingle(load<i32>(p + i)) : toInt32From32(pp == SS, load<u32>(p + i)));
  }
  return commitLanes(dest(rec));
}

/** 0F E6: CVTTPD2DQ, CVTDQ2PD, CVTPD2DQ. */
export function convertDoubles(rec: usize): i32 {
  if (!sseReady()) return 0;
  const pp: u32 = load<u8>(rec, FP_PP);
  const p = pp == SS ? source(rec, 8) : source16(rec);
  if (!p) return 0;
  const d = dest(rec);
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
