/** core/fpu on its own: compiled with a mock of mmu.ts, where an address is an address of the wasm memory. */
import { existsSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import * as layout from "../../../src/cpu/layout.ts";
import { B_CODE, B_FX, B_LENGTH, B_MEM, B_RAX, B_RFLAGS, B_VECTOR, FX_SIZE, MEM_SIZE } from "./box.ts";

const CORE = fileURLToPath(new URL("../../../src/cpu/core/", import.meta.url));

const MMU = `
import { CPU, X_ERROR, X_HAS_ERROR, X_VECTOR } from "../layout";
export function effectiveAddress(rec: usize): u64 { return load<u64>(rec, 16); }
export function recordRip(rec: usize): u64 { return load<u64>(rec, 24); }
export function addrR(va: u64, size: u32): usize { return <usize>va; }
export function addrW(va: u64, size: u32): usize { return <usize>va; }
export function doneW(): void {}
export function raise(vector: u32, hasError: bool, error: u32): void {
  store<u32>(CPU + X_VECTOR, vector);
  store<u32>(CPU + X_HAS_ERROR, hasError);
  store<u32>(CPU + X_ERROR, error);
}`;

const ENTRY = `
import { fpuDecodes, fpuExec, fpuReset, readImage, writeImage } from "./fpu/fpu";
import { foldFlags, unfoldFlags } from "./flags";
export { fpuDecodes, fpuReset };
export function enter(p: usize): void { readImage(p, true); unfoldFlags(); }
export function leave(p: usize): void { foldFlags(); writeImage(p, true); }
export function exec(rec: usize): i32 { return fpuExec(rec); }`;

interface Core {
  fpuDecodes(kind: number, pp: number, opcode: number, modrm: number): number;
  fpuReset(): void;
  enter(p: number): void;
  leave(p: number): void;
  exec(rec: number): number;
}

/** Compiles the core. */
async function compile(): Promise<Uint8Array> {
  const { default: asc } = await import("assemblyscript/asc");
  let wasm: Uint8Array | undefined;
  const given: Record<string, string> = { "mmu.ts": MMU, "entry.ts": ENTRY };
  const args = ["entry.ts", "--baseDir", CORE, "-O2", "--runtime", "stub", "--importMemory", "--memoryBase", "65536"];
  const { error, stderr } = await asc.main([...args, "--enable", "simd", "--outFile", "out.wasm"], {
    readFile: (name: string, base: string) => {
      const file = name.startsWith("/") ? name : `${base}/${name}`;
      return given[name] ?? (existsSync(file) ? readFileSync(file, "utf8") : null);
    },
    writeFile: (_name: string, data: Uint8Array | string) => {
      if (typeof data !== "string") wasm = data;
    },
    listFiles: () => [],
  });
  if (error || !wasm) throw new Error(`asc: ${String(stderr)}`);
  return wasm;
}

const IMAGE = 0x40000;
const MEM = 0x50000;
const REC = 0x60000;

export interface MockMachine {
  readonly core: Core;
  /** Executes the case; the answer is the box afterwards. */
  run(box: Uint8Array): Uint8Array;
}

export async function createMockMachine(wasm?: Uint8Array): Promise<MockMachine> {
  const memory = new WebAssembly.Memory({ initial: 16 });
  const bytes = wasm ?? (await compile());
  const { instance } = await WebAssembly.instantiate(bytes as BufferSource, { env: { memory, abort: () => { throw new Error("abort"); } } });
  const core = instance.exports as unknown as Core;
  const u8 = new Uint8Array(memory.buffer);
  const view = new DataView(memory.buffer);
  const { CPU, GPR, RDI, RFLAGS, X_VECTOR } = layout;

  function run(box: Uint8Array): Uint8Array {
    const from = new DataView(box.buffer, box.byteOffset, box.byteLength);
    u8.set(box.subarray(B_FX, B_FX + FX_SIZE), IMAGE);
    u8.set(box.subarray(B_MEM, B_MEM + MEM_SIZE), MEM);
    view.setBigUint64(CPU + GPR, from.getBigUint64(B_RAX, true), true);
    view.setBigUint64(CPU + RDI, BigInt(MEM), true);
    view.setBigUint64(CPU + RFLAGS, from.getBigUint64(B_RFLAGS, true), true);
    view.setUint32(CPU + layout.CR0, 0x80050033, true);
    core.enter(IMAGE);
    const code = [...box.subarray(B_CODE, B_CODE + from.getUint32(B_LENGTH, true))];
    let pp = 0;
    let p66 = 0;
    let at = 0;
    for (; ; at++) {
      const b = code[at];
      if (b === 0x66) {
        pp ||= 1;
        p66 = 2;
      } else if (b === 0xf3) pp = 2;
      else if (b === 0xf2) pp = 3;
      else break;
    }
    const next = (): number => code[at++] ?? 0;
    let rex = 0;
    if (((code[at] ?? 0) & 0xf0) === 0x40) rex = next();
    let opcode = next();
    let kind = 0;
    if (opcode === 0x0f) {
      opcode = next();
      kind = 1;
    }
    const modrm = at < code.length ? next() : 0;
    const vectorResult = new Uint8Array(box);
    const to = new DataView(vectorResult.buffer);
    const isReg = modrm >= 0xc0 || (kind === 0 && opcode === 0x9b) || (kind === 1 && opcode === 0x77);
    const d = core.fpuDecodes(kind, pp, opcode, modrm);
    let vector = 0;
    if (d < 0) vector = 6;
    else {
      u8.fill(0, REC, REC + 32);
      u8[REC + 8] = isReg ? (modrm & 7) | ((rex & 1) << 3) : 0xff;
      u8[REC + 9] = ((modrm >> 3) & 7) | ((rex & 4) << 1);
      u8[REC + 10] = opcode;
      u8[REC + 11] = pp;
      u8[REC + 12] = d & 1 ? next() : 0;
      u8[REC + 13] = (rex >> 3) & 1;
      u8[REC + 14] = modrm;
      u8[REC + 15] = (kind === 0 ? 1 : 0) | p66;
      if (!isReg) view.setBigUint64(REC + 16, BigInt(MEM), true);
      view.setBigUint64(REC + 24, 0x10000000n, true);
      if (!core.exec(REC)) vector = view.getUint32(CPU + X_VECTOR, true);
    }
    core.leave(IMAGE);
    vectorResult.set(u8.subarray(IMAGE, IMAGE + FX_SIZE), B_FX);
    vectorResult.set(u8.subarray(MEM, MEM + MEM_SIZE), B_MEM);
    to.setBigUint64(B_RAX, view.getBigUint64(CPU + GPR, true), true);
    to.setBigUint64(B_RFLAGS, view.getBigUint64(CPU + RFLAGS, true), true);
    to.setUint32(B_VECTOR, vector, true);
    return vectorResult;
  }
  return { core, run };
}
