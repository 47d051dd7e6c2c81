// Which handler does an SSE or SSE2 instruction: 0F opcodes on XMM registers. Asked once per decoded record.

import { FP_MODRM, FP_OPCODE, FP_PP } from "../record";
import { FP_OPERATION, Handler, PD, PS, SD, SS } from "./operands";
import { packedOperation, shiftOpcode } from "./packed";
import { groupFifteen, movnti } from "./sse-control";
import { convertDoubles, convertDwords, convertSize, cvtsd2si, cvtsi2sd, cvtsi2ss, cvtss2si, fromMmx, toMmx } from "./sse-convert";
import {
  comisd, comiss, compares, floatOperation, packedDouble, packedSingle, reciprocals, scalarDouble, scalarSingle,
} from "./sse-float";
import {
  maskmovdqu, movmskp, packed, packedShift, pextrw, pinsrw, pmovmskb, pshufd, pshufWords, shiftBytes, shufp,
} from "./sse-integer";
import {
  copyFrom, copyTo, loadAligned, loadUnaligned, movBetween, movdLoad, movdStore, movhpLoad, movhpStore, movlpLoad, movqLoad,
  movqStore, movsdLoad, movsdStore, movssLoad, movssStore, storeAligned, storeUnaligned,
} from "./sse-move";
import { isMem } from "./state";

/** The handler; an operation it needs is put into the record. */
export function sseHandler(rec: usize): Handler {
  const pp: u32 = load<u8>(rec, FP_PP);
  const op: u32 = load<u8>(rec, FP_OPCODE);
  const memory = isMem(rec);
  switch (op) {
    case 0x10: return pp == SS ? movssLoad : pp == SD ? movsdLoad : memory ? loadUnaligned : copyTo;
    case 0x11: return pp == SS ? movssStore : pp == SD ? movsdStore : memory ? storeUnaligned : copyFrom;
    case 0x12: return movlpLoad;
    case 0x13: return movsdStore;
    case 0x14:
    case 0x15: // UNPCKLPD and UNPCKHPD are PUNPCKLQDQ, PUNPCKHQDQ
      store<u32>(rec, packedOperation(pp == PS ? op : op - 0x14 + 0x6c), FP_OPERATION);
      return packed;
    case 0x16: return movhpLoad;
    case 0x17: return movhpStore;
    case 0x28: return memory ? loadAligned : copyTo;
    case 0x29: return memory ? storeAligned : copyFrom;
    case 0x2a: return pp == SS ? cvtsi2ss : pp == SD ? cvtsi2sd : fromMmx;
    case 0x2b: return storeAligned;
    case 0x2c:
    case 0x2d: return pp == SS ? cvtss2si : pp == SD ? cvtsd2si : toMmx;
    case 0x2e:
    case 0x2f: return pp == PS ? comiss : comisd;
    case 0x50: return movmskp;
    case 0x52:
    case 0x53: return reciprocals;
    case 0x51:
    case 0x58:
    case 0x59:
    case 0x5c:
    case 0x5d:
    case 0x5e:
    case 0x5f:
      store<u32>(rec, floatOperation(op, (pp & 1) != 0), FP_OPERATION);
      return pp == PS ? packedSingle : pp == PD ? packedDouble : pp == SS ? scalarSingle : scalarDouble;
    case 0x5a: return convertSize;
    case 0x5b: return convertDwords;
    case 0x6e: return movdLoad;
    case 0x6f: return !memory ? copyTo : pp == PD ? loadAligned : loadUnaligned;
    case 0x70: return pp == PD ? pshufd : pshufWords;
    case 0x71:
    case 0x72:
    case 0x73: {
      const reg: u32 = (load<u8>(rec, FP_MODRM) >> 3) & 7;
      if (op == 0x73 && reg & 1) return shiftBytes;
      store<u32>(rec, packedOperation(shiftOpcode(op, reg)), FP_OPERATION);
      return packedShift;
    }
    case 0x7e: return pp == SS ? movqLoad : movdStore;
    case 0x7f: return !memory ? copyFrom : pp == PD ? storeAligned : storeUnaligned;
    case 0xae: return groupFifteen;
    case 0xc2: return compares;
    case 0xc3: return movnti;
    case 0xc4: return pinsrw;
    case 0xc5: return pextrw;
    case 0xc6: return shufp;
    case 0xd6: return pp == PD ? movqStore : movBetween;
    case 0xd7: return pmovmskb;
    case 0xe6: return convertDoubles;
    case 0xe7: return storeAligned;
    case 0xf7: return maskmovdqu;
    default:
      store<u32>(rec, packedOperation(op), FP_OPERATION);
      return packed;
  }
}
