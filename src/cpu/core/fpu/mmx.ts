// MMX, with what SSE and SSE2 added to it: 0F opcodes without a prefix that use the 64-bit registers. SDM vol. 1 ch. 9.
// Any of them sets TOP to 0 and all tags valid; a written register gets ones in its exponent field.

import { CPU, GPR } from "../../layout";
import { addrR, addrW, doneW, effectiveAddress } from "../mmu";
import { FP_IMM, FP_MODRM, FP_OPCODE, FP_REG, FP_REXW, FP_RM } from "../record";
import { packedOp, shiftBy, shiftOpcode, shuffleWords } from "./packed";
import { maskedStore } from "./masked";
import { enterMmx, isMem, mm, mmxReady, setMm, TAGS } from "./state";

const GPRS: usize = CPU + GPR;

/** Address of the source, a register or `size` bytes of memory; 0: fault. */
function source(rec: usize, size: u32): usize {
  if (isMem(rec)) return addrR(effectiveAddress(rec), size);
  return mm(load<u8>(rec, FP_RM));
}

export function mmxExec(rec: usize): i32 {
  if (!mmxReady()) return 0;
  const op: u32 = load<u8>(rec, FP_OPCODE);
  const reg: u32 = load<u8>(rec, FP_REG);
  const rm: u32 = load<u8>(rec, FP_RM);
  let p: usize;
  switch (op) {
    case 0x6e: { // MOVD, MOVQ mm, r/m
      const wide = load<u8>(rec, FP_REXW) != 0;
      p = isMem(rec) ? addrR(effectiveAddress(rec), wide ? 8 : 4) : GPRS + (rm << 3);
      if (!p) return 0;
      setMm(reg, wide ? load<u64>(p) : load<u32>(p));
      return 1;
    }
    case 0x7e: { // MOVD, MOVQ r/m, mm
      const wide = load<u8>(rec, FP_REXW) != 0;
      const v = load<u64>(mm(reg));
      if (isMem(rec)) {
        p = addrW(effectiveAddress(rec), wide ? 8 : 4);
        if (!p) return 0;
        if (wide) store<u64>(p, v);
        else store<u32>(p, <u32>v);
        doneW();
      } else {
        store<u64>(GPRS + (rm << 3), wide ? v : v & 0xffffffff);
      }
      enterMmx();
      return 1;
    }
    case 0x6f: // MOVQ mm, mm/m64
      p = source(rec, 8);
      if (!p) return 0;
      setMm(reg, load<u64>(p));
      return 1;
    case 0x7f: // MOVQ mm/m64, mm
    case 0xe7: { // MOVNTQ
      const v = load<u64>(mm(reg));
      if (isMem(rec)) {
        p = addrW(effectiveAddress(rec), 8);
        if (!p) return 0;
        store<u64>(p, v);
        doneW();
        enterMmx();
      } else {
        setMm(rm, v);
      }
      return 1;
    }
    case 0x60: // PUNPCKLBW, -WD, -DQ read 32 bits
    case 0x61:
    case 0x62: {
      p = source(rec, 4);
      if (!p) return 0;
      setMm(reg, i64x2.extract_lane(packedOp(op, v128.load64_zero(mm(reg)), v128.load32_zero(p)), 0));
      return 1;
    }
    case 0x68: // PUNPCKHBW, -WD, -DQ: the other half of what the low form gives
    case 0x69:
    case 0x6a: {
      p = source(rec, 8);
      if (!p) return 0;
      setMm(reg, i64x2.extract_lane(packedOp(op - 8, v128.load64_zero(mm(reg)), v128.load64_zero(p)), 1));
      return 1;
    }
    case 0x63: // PACKSSWB, PACKUSWB, PACKSSDW
    case 0x67:
    case 0x6b: {
      p = source(rec, 8);
      if (!p) return 0;
      const both = i64x2.shuffle(v128.load64_zero(mm(reg)), v128.load64_zero(p), 0, 2);
      setMm(reg, i64x2.extract_lane(packedOp(op, both, both), 0));
      return 1;
    }
    case 0x70: // PSHUFW
      p = source(rec, 8);
      if (!p) return 0;
      setMm(reg, shuffleWords(load<u64>(p), load<u8>(rec, FP_IMM)));
      return 1;
    case 0x71: // shifts by immediate
    case 0x72:
    case 0x73: {
      const kind: u32 = (load<u8>(rec, FP_MODRM) >> 3) & 7;
      const v = shiftBy(shiftOpcode(op, kind), v128.load64_zero(mm(rm)), load<u8>(rec, FP_IMM));
      setMm(rm, i64x2.extract_lane(v, 0));
      return 1;
    }
    case 0x77: // EMMS
      enterMmx();
      store<u8>(TAGS, 0);
      return 1;
    case 0xc4: { // PINSRW
      p = isMem(rec) ? addrR(effectiveAddress(rec), 2) : GPRS + (rm << 3);
      if (!p) return 0;
      const at: u64 = (load<u8>(rec, FP_IMM) & 3) << 4;
      setMm(reg, (load<u64>(mm(reg)) & ~(<u64>0xffff << at)) | (<u64>load<u16>(p) << at));
      return 1;
    }
    case 0xc5: // PEXTRW
      store<u64>(GPRS + (reg << 3), (load<u64>(mm(rm)) >> ((load<u8>(rec, FP_IMM) & 3) << 4)) & 0xffff);
      enterMmx();
      return 1;
    case 0xd7: // PMOVMSKB
      store<u64>(GPRS + (reg << 3), i8x16.bitmask(v128.load64_zero(mm(rm))));
      enterMmx();
      return 1;
    case 0xf7: // MASKMOVQ
      if (!maskedStore(rec, v128.load64_zero(mm(reg)), v128.load64_zero(mm(rm)))) return 0;
      enterMmx();
      return 1;
    default: {
      p = source(rec, 8);
      if (!p) return 0;
      setMm(reg, i64x2.extract_lane(packedOp(op, v128.load64_zero(mm(reg)), v128.load64_zero(p)), 0));
      return 1;
    }
  }
}
