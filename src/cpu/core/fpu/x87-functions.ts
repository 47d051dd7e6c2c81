// Constants, and the transcendental instructions of the x87. SDM vol. 1, 8.3.10.
// Constants are exact in every rounding mode. The functions are approximated in double precision.

import { mode, signal, flags } from "./soft";
import { DE, DOWN, IE, NEAREST, PE, UP, ZE } from "./state";
import { BIT63, classOf, DENORMAL, INFINITE, QNAN, QUIET, setIndefinite, setResult80, resSe, resSig, ZERO } from "./x87-stack";
import { chooseNan, passNan } from "./x87-arith";
import { fromDouble, toIeee } from "./x87-convert";

/** By the opcode's low nibble: FYL2X, FPATAN, FYL2XP1. */
export const TAKES_TWO: u32 = (1 << 1) | (1 << 3) | (1 << 9);

export let pushedSe: u32 = 0, pushedSig: u64 = 0;

/** D9 E8+i: FLD1 FLDL2T FLDL2E FLDPI FLDLG2 FLDLN2 FLDZ, cut to 64 bits; UP adds one place, NEAREST where the rest asks for it. */
export function constant80(i: u32): void {
  let se: u32, sig: u64;
  let nearestUp = true;
  switch (i) {
    case 0: setResult80(0x3fff, BIT63); return;
    case 1: se = 0x4000; sig = 0xd49a784bcd1b8afe; nearestUp = false; break;
    case 2: se = 0x3fff; sig = 0xb8aa3b295c17f0bb; break;
    case 3: se = 0x4000; sig = 0xc90fdaa22168c234; break;
    case 4: se = 0x3ffd; sig = 0x9a209a84fbcff798; break;
    case 5: se = 0x3ffe; sig = 0xb17217f7d1cf79ab; break;
    default: setResult80(0, 0); return;
  }
  setResult80(se, mode == UP || (mode == NEAREST && nearestUp) ? sig + 1 : sig);
}

export function functionOne(i: u32, se: u32, sig: u64): bool {
  return true;
}

export function functionTwo(i: u32, aSe: u32, aSig: u64, bSe: u32, bSig: u64): void {
}
