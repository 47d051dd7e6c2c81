/** How two boxes differ, in words. */
import {
  B_CODE,
  B_FCW,
  B_FDP,
  B_FIP,
  B_FOP,
  B_FSW,
  B_FTW,
  B_LENGTH,
  B_MEM,
  B_MXCSR,
  B_RAX,
  B_RFLAGS,
  B_ST,
  B_VECTOR,
  B_XMM,
  MEM_SIZE,
  STATUS,
} from "./box.ts";

const hex = (v: bigint | number, digits = 0): string => v.toString(16).padStart(digits, "0");

/** One line a difference: what we have, what the processor has. */
export function differences(got: Uint8Array, wanted: Uint8Array): string[] {
  const a = new DataView(got.buffer, got.byteOffset);
  const b = new DataView(wanted.buffer, wanted.byteOffset);
  const out: string[] = [];
  const check = (name: string, x: bigint | number, y: bigint | number): void => {
    if (x !== y) out.push(`${name}: ${hex(x)}, the processor ${hex(y)}`);
  };
  check("vector", a.getUint32(B_VECTOR, true), b.getUint32(B_VECTOR, true));
  check("rax", a.getBigUint64(B_RAX, true), b.getBigUint64(B_RAX, true));
  check("flags", a.getUint32(B_RFLAGS, true) & STATUS, b.getUint32(B_RFLAGS, true) & STATUS);
  check("fcw", a.getUint16(B_FCW, true), b.getUint16(B_FCW, true));
  check("fsw", a.getUint16(B_FSW, true), b.getUint16(B_FSW, true));
  check("ftw", a.getUint8(B_FTW), b.getUint8(B_FTW));
  check("fop", a.getUint16(B_FOP, true), b.getUint16(B_FOP, true));
  check("fip", a.getBigUint64(B_FIP, true), b.getBigUint64(B_FIP, true));
  check("fdp", a.getBigUint64(B_FDP, true), b.getBigUint64(B_FDP, true));
  check("mxcsr", a.getUint32(B_MXCSR, true), b.getUint32(B_MXCSR, true));
  const top = (b.getUint16(B_FSW, true) >> 11) & 7;
  for (let i = 0; i < 8; i++) {
    // an empty register's content is compared as well: MMX sees it
    const name = `st${i} (r${(top + i) & 7})`;
    const wide = (v: DataView): string =>
      `${hex(v.getUint16(B_ST + i * 16 + 8, true), 4)}:${hex(v.getBigUint64(B_ST + i * 16, true), 16)}`;
    if (wide(a) !== wide(b)) out.push(`${name}: ${wide(a)}, the processor ${wide(b)}`);
  }
  for (let i = 0; i < 16; i++) {
    const wide = (v: DataView): string =>
      `${hex(v.getBigUint64(B_XMM + i * 16 + 8, true), 16)}_${hex(v.getBigUint64(B_XMM + i * 16, true), 16)}`;
    if (wide(a) !== wide(b)) out.push(`xmm${i}: ${wide(a)}, the processor ${wide(b)}`);
  }
  for (let i = 0; i < MEM_SIZE; i += 8)
    check(`mem+${i}`, a.getBigUint64(B_MEM + i, true), b.getBigUint64(B_MEM + i, true));
  return out;
}

/** The case's code and operands, for the reader of a failure. */
export function describeCase(box: Uint8Array): string {
  const v = new DataView(box.buffer, box.byteOffset);
  const code = [...box.subarray(B_CODE, B_CODE + v.getUint32(B_LENGTH, true))]
    .map((b) => hex(b, 2))
    .join(" ");
  const st = [0, 1].map(
    (i) =>
      `st${i} ${hex(v.getUint16(B_ST + i * 16 + 8, true), 4)}:${hex(v.getBigUint64(B_ST + i * 16, true), 16)}`,
  );
  const xmm = [0, 1, 2, 9, 15].map(
    (i) =>
      `xmm${i} ${hex(v.getBigUint64(B_XMM + i * 16 + 8, true), 16)}_${hex(v.getBigUint64(B_XMM + i * 16, true), 16)}`,
  );
  if (code.startsWith("d") || code.startsWith("66 d"))
    st.push(
      ...[2, 3, 4, 5, 6, 7].map(
        (i) =>
          `${hex(v.getUint16(B_ST + i * 16 + 8, true), 4)}:${hex(v.getBigUint64(B_ST + i * 16, true), 16)}`,
      ),
    );
  return [
    `${code}  fcw ${hex(v.getUint16(B_FCW, true))} fsw ${hex(v.getUint16(B_FSW, true))} ftw ${hex(v.getUint8(B_FTW))} mxcsr ${hex(v.getUint32(B_MXCSR, true))}`,
    `mem ${hex(v.getBigUint64(B_MEM + 8, true), 16)}_${hex(v.getBigUint64(B_MEM, true), 16)} ${st.join(" ")}`,
    ...(code.startsWith("d") ? [] : [xmm.join(" ")]),
  ].join("\n    ");
}
