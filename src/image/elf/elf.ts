/**
 * ELF64 for x86-64: the file's header, its segments, its sections. Only the tables are read here; what a segment or a
 * section holds is looked at by those who need it (notes.ts, symbols.ts, dombuild/).
 *
 *   const elf = readElf(bytes);
 *   if (!elf.ok) say(elf.why);
 */
import { type Fault, fault, hex, type Parsed, parsed } from "../fault.ts";
import * as L from "./layout.ts";

/** One row of the program header table. `offset`, `filesz`, `memsz` in bytes; floats beyond 2^53, so test before use. */
interface Segment {
  readonly type: number;
  readonly flags: number;
  readonly offset: number;
  readonly vaddr: bigint;
  readonly paddr: bigint;
  readonly filesz: number;
  readonly memsz: number;
}

/** One row of the section header table. */
interface Section {
  readonly name: string;
  readonly type: number;
  readonly addr: bigint;
  readonly offset: number;
  readonly size: number;
  readonly link: number;
  readonly entsize: number;
}

export interface Elf {
  readonly bytes: Uint8Array;
  readonly entry: bigint;
  readonly segments: readonly Segment[];
  readonly sections: readonly Section[];
}

/** Why a file is not even an ELF of ours, apart from damage: lets the caller choose its words. */
export interface ElfFault extends Fault {
  readonly kind: "not-elf" | "32-bit" | "machine" | "broken";
}

const MAX_SECTIONS = 65_279; // SHN_LORESERVE - 1: more would need the extension that no kernel uses

const elfFault = (kind: ElfFault["kind"], why: string): ElfFault => ({ ...fault(why), kind });

export const dataView = (bytes: Uint8Array): DataView =>
  new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);

const isElf = (bytes: Uint8Array): boolean =>
  bytes.length >= 4 && dataView(bytes).getUint32(0, true) === L.ELF_MAGIC;

/** True when [offset, offset+length) lies in a file of `size` bytes; false for anything beyond exact integers too. */
export const within = (offset: number, length: number, size: number): boolean =>
  offset >= 0 && length >= 0 && offset <= size && length <= size - offset;

export function readElf(bytes: Uint8Array): { readonly ok: true; readonly value: Elf } | ElfFault {
  if (!isElf(bytes))
    return elfFault("not-elf", "the file is not an ELF image (it does not start with 7f 45 4c 46)");
  if (bytes.length < 20)
    return elfFault("broken", `the ELF header is cut off: the file has ${bytes.length} bytes`);
  const wordSize = bytes[L.EI_CLASS];
  if (bytes[L.EI_DATA] !== L.ELFDATA2LSB)
    return elfFault("machine", "the ELF image is not little endian, so not for x86");
  const view = dataView(bytes);
  const machine = view.getUint16(18, true);
  if (wordSize === L.ELFCLASS32 && (machine === L.EM_386 || machine === L.EM_X86_64))
    return elfFault("32-bit", "the kernel is a 32-bit ELF image");
  if (wordSize !== L.ELFCLASS64)
    return elfFault("broken", `the ELF header names class ${wordSize}, neither 32 nor 64 bits`);
  if (machine !== L.EM_X86_64)
    return elfFault("machine", `the ELF image is for machine ${machine}, not for x86-64 (${L.EM_X86_64})`);
  if (bytes.length < L.ehdr64.size)
    return elfFault("broken", `the ELF header is cut off: the file has ${bytes.length} bytes`);

  const header = L.ehdr64.read(view, 0);
  const segments = readSegments(view, header.e_phoff, header.e_phentsize, header.e_phnum);
  if (!segments.ok) return { ...segments, kind: "broken" };
  const sections = readSections(bytes, view, header);
  if (!sections.ok) return { ...sections, kind: "broken" };
  return {
    ok: true,
    value: { bytes, entry: header.e_entry, segments: segments.value, sections: sections.value },
  };
}

function readSegments(view: DataView, offset: number, entsize: number, count: number): Parsed<Segment[]> {
  if (count === 0) return fault("the ELF image has no program headers, so nothing to load");
  if (entsize < L.phdr64.size)
    return fault(`the ELF header says a program header has ${entsize} bytes; they have ${L.phdr64.size}`);
  if (!within(offset, entsize * count, view.byteLength))
    return fault(
      `the ${count} program headers at ${hex(offset)} lie outside the file of ${view.byteLength} bytes: it is truncated`,
    );
  const out: Segment[] = [];
  for (let i = 0; i < count; i++) {
    const row = L.phdr64.read(view, offset + i * entsize);
    out.push({
      type: row.p_type,
      flags: row.p_flags,
      offset: row.p_offset,
      vaddr: row.p_vaddr,
      paddr: row.p_paddr,
      filesz: row.p_filesz,
      memsz: row.p_memsz,
    });
  }
  return parsed(out);
}

/** Sections are optional for a kernel, but a table that the file no longer reaches means that it is cut off. */
function readSections(
  bytes: Uint8Array,
  view: DataView,
  header: ReturnType<typeof L.ehdr64.read>,
): Parsed<Section[]> {
  const { e_shoff: offset, e_shentsize: entsize, e_shnum: count, e_shstrndx: names } = header;
  if (offset === 0 || count === 0 || count > MAX_SECTIONS || entsize < L.shdr64.size) return parsed([]);
  if (!within(offset, entsize * count, view.byteLength))
    return fault(
      `the ${count} section headers at ${hex(offset)} lie outside the file of ${view.byteLength} bytes: it is truncated`,
    );
  const rows = Array.from({ length: count }, (_, i) => L.shdr64.read(view, offset + i * entsize));
  const nameTable = rows[names];
  const sections = rows.map((row) => ({
    name:
      nameTable === undefined ? "" : stringAt(bytes, nameTable.sh_offset, nameTable.sh_size, row.sh_name, 64),
    type: row.sh_type,
    addr: row.sh_addr,
    offset: row.sh_offset,
    size: row.sh_size,
    link: row.sh_link,
    entsize: row.sh_entsize,
  }));
  return parsed(sections);
}

/** The NUL-terminated string at `index` of a string table; cut at `limit` bytes; "" when it lies outside. */
export function stringAt(
  bytes: Uint8Array,
  table: number,
  size: number,
  index: number,
  limit: number,
): string {
  if (!within(table, size, bytes.length) || index >= size) return "";
  const start = table + index;
  const end = Math.min(table + size, start + limit);
  let out = "";
  for (let i = start; i < end && bytes[i] !== 0; i++) out += String.fromCharCode(bytes[i] ?? 0);
  return out;
}
