/** The engine as the recorder has the processor: code at 0x10000000, operands at 0x50000, state by FXRSTOR and FXSAVE. */
import { EXIT_FAULT, RFLAGS, RIP } from "../../../src/cpu/layout.ts";
import { P, Rig, U, W } from "../rig.ts";
import { B_CODE, B_FX, B_LENGTH, B_MEM, B_RAX, B_RFLAGS, B_VECTOR, FX_SIZE, MEM_SIZE } from "./box.ts";

const CODE = 0x10000000;
const CODE_MFN = 0x401;
const MEM = 0x50000;
const MEM_MFN = 0x410;
/** Where the images lie: before, after. */
const IMAGES = 0x60000;
const IMAGES_MFN = 0x420;

const FXRSTOR_RSI = Uint8Array.of(0x48, 0x0f, 0xae, 0x0e);
const FXSAVE_RDX_UD2 = Uint8Array.of(0x48, 0x0f, 0xae, 0x02, 0x0f, 0x0b);
const UD = 6;

export class Bench {
  readonly rig = new Rig();

  constructor() {
    this.rig.map(CODE - 4096, CODE_MFN - 1, P | U, 2);
    this.rig.map(MEM, MEM_MFN, P | W | U);
    this.rig.map(IMAGES, IMAGES_MFN, P | W | U);
    this.rig.write(CODE_MFN - 1, 4096 - FXRSTOR_RSI.length, FXRSTOR_RSI);
  }

  /** Executes the case; the answer is the box afterwards. */
  run(box: Uint8Array): Uint8Array {
    const { rig } = this;
    const from = new DataView(box.buffer, box.byteOffset, box.byteLength);
    const length = from.getUint32(B_LENGTH, true);
    rig.write(CODE_MFN, 0, box.subarray(B_CODE, B_CODE + length));
    rig.write(CODE_MFN, length, FXSAVE_RDX_UD2);
    rig.write(MEM_MFN, 0, box.subarray(B_MEM, B_MEM + MEM_SIZE));
    rig.write(IMAGES_MFN, 0, box.subarray(B_FX, B_FX + FX_SIZE));
    rig.setReg("rsi", IMAGES);
    rig.setReg("rdx", IMAGES + 1024);
    rig.setReg("rdi", MEM);
    rig.setReg("rax", from.getBigUint64(B_RAX, true));
    rig.set64(RFLAGS, from.getBigUint64(B_RFLAGS, true));
    rig.set64(RIP, BigInt(CODE - FXRSTOR_RSI.length));
    this.#untilFault();
    const after = new Uint8Array(box);
    const to = new DataView(after.buffer);
    let vector = 0;
    if (rig.rip === CODE) {
      vector = rig.fault.vector;
      to.setBigUint64(B_RAX, rig.reg("rax"), true);
      to.setBigUint64(B_RFLAGS, BigInt(rig.flags), true);
      rig.set64(RIP, BigInt(CODE + length));
      this.#untilFault();
    } else {
      to.setBigUint64(B_RAX, rig.reg("rax"), true);
      to.setBigUint64(B_RFLAGS, BigInt(rig.flags), true);
    }
    if (rig.rip !== CODE + length + 4 || rig.fault.vector !== UD)
      throw new Error(`stopped at ${rig.rip.toString(16)}`);
    to.setUint32(B_VECTOR, vector, true);
    after.set(rig.read(IMAGES_MFN, 1024, FX_SIZE), B_FX);
    after.set(rig.read(MEM_MFN, 0, MEM_SIZE), B_MEM);
    return after;
  }

  #untilFault(): void {
    const exit = this.rig.run(1000);
    if (exit !== EXIT_FAULT) throw new Error(`the engine stopped with exit ${exit}`);
  }
}
