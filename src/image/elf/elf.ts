/**
 * ELF for x86: the file's header, its segments, its sections; of 64 bits, and of 32 so that such a kernel can be told what
 * it is. Only the tables are read here; what they tell of is looked at by those who need it (notes.ts, symbols.ts, dombuild/).
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
  readonly bits: 32 | 64;
  readonly entry: bigint;
  readonly segments: readonly Segment[];
  readonly sections: readonly Section[];
}

/** Why a file is not even an ELF of ours, apart from damage: lets the caller choose its words. */
export interface ElfFault extends Fault {
  readonly kind: "not-elf" | "machine" | "broken";
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
  const shape = wordSize === L.ELFCLASS64 ? SHAPE64 : wordSize === L.ELFCLASS32 ? SHAPE32 : undefined;
  if (shape === undefined)
    return elfFault("broken", `the ELF header names class ${wordSize}, neither 32 nor 64 bits`);
  if (machine !== L.EM_X86_64 && !(shape === SHAPE32 && machine === L.EM_386))
    return elfFault("machine", `the ELF image is for machine ${machine}, not for x86-64 (${L.EM_X86_64})`);
  if (bytes.length < shape.headerSize)
    return elfFault("broken", `the ELF header is cut off: the file has ${bytes.length} bytes`);
  if (view.getUint16(16, true) === L.ET_REL)
    return elfFault("broken", "the ELF image is a relocatable object (.o), which must be linked first");

  const header = shape.header(view);
  const segments = readSegments(view, shape, header);
  if (!segments.ok) return { ...segments, kind: "broken" };
  const sections = readSections(bytes, view, shape, header);
  if (!sections.ok) return { ...sections, kind: "broken" };
  const { bits } = shape;
  return {
    ok: true,
    value: { bytes, bits, entry: header.entry, segments: segments.value, sections: sections.value },
  };
}

interface Header {
  readonly entry: bigint;
  readonly phoff: number;
  readonly phentsize: number;
  readonly phnum: number;
  readonly shoff: number;
  readonly shentsize: number;
  readonly shnum: number;
  readonly shstrndx: number;
}

type NamelessSection = Omit<Section, "name"> & { readonly nameAt: number };

/** What differs between the two widths. Sizes in bytes. */
interface Shape {
  readonly bits: 32 | 64;
  readonly headerSize: number;
  readonly segmentSize: number;
  readonly sectionSize: number;
  header(view: DataView): Header;
  segment(view: DataView, at: number): Segment;
  section(view: DataView, at: number): NamelessSection;
}

const SHAPE64: Shape = {
  bits: 64,
  headerSize: L.ehdr64.size,
  segmentSize: L.phdr64.size,
  sectionSize: L.shdr64.size,
  header(view) {
    const row = L.ehdr64.read(view, 0);
    return { entry: row.e_entry, ...tables(row) };
  },
  segment(view, at) {
    const row = L.phdr64.read(view, at);
    return { ...place(row), vaddr: row.p_vaddr, paddr: row.p_paddr };
  },
  section(view, at) {
    const row = L.shdr64.read(view, at);
    return { ...content(row), addr: row.sh_addr };
  },
};

const SHAPE32: Shape = {
  bits: 32,
  headerSize: L.ehdr32.size,
  segmentSize: L.phdr32.size,
  sectionSize: L.shdr32.size,
  header(view) {
    const row = L.ehdr32.read(view, 0);
    return { entry: BigInt(row.e_entry), ...tables(row) };
  },
  segment(view, at) {
    const row = L.phdr32.read(view, at);
    return { ...place(row), vaddr: BigInt(row.p_vaddr), paddr: BigInt(row.p_paddr) };
  },
  section(view, at) {
    const row = L.shdr32.read(view, at);
    return { ...content(row), addr: BigInt(row.sh_addr) };
  },
};

const tables = (
  row: Omit<ReturnType<typeof L.ehdr32.read>, "e_type" | "e_machine" | "e_entry">,
): Omit<Header, "entry"> => ({
  phoff: row.e_phoff,
  phentsize: row.e_phentsize,
  phnum: row.e_phnum,
  shoff: row.e_shoff,
  shentsize: row.e_shentsize,
  shnum: row.e_shnum,
  shstrndx: row.e_shstrndx,
});

const place = (
  row: Omit<ReturnType<typeof L.phdr32.read>, "p_vaddr" | "p_paddr">,
): Omit<Segment, "vaddr" | "paddr"> => ({
  type: row.p_type,
  flags: row.p_flags,
  offset: row.p_offset,
  filesz: row.p_filesz,
  memsz: row.p_memsz,
});

const content = (row: Omit<ReturnType<typeof L.shdr32.read>, "sh_addr">): Omit<NamelessSection, "addr"> => ({
  nameAt: row.sh_name,
  type: row.sh_type,
  offset: row.sh_offset,
  size: row.sh_size,
  link: row.sh_link,
  entsize: row.sh_entsize,
});

function readSegments(view: DataView, shape: Shape, header: Header): Parsed<Segment[]> {
  const { phoff: offset, phentsize: entsize, phnum: count } = header;
  if (count === 0) return fault("the ELF image has no program headers, so nothing to load");
  if (entsize < shape.segmentSize)
    return fault(`the ELF header says a program header has ${entsize} bytes; they have ${shape.segmentSize}`);
  if (!within(offset, entsize * count, view.byteLength))
    return fault(
      `the ${count} program headers at ${hex(offset)} lie outside the file of ${view.byteLength} bytes: it is truncated`,
    );
  return parsed(Array.from({ length: count }, (_, i) => shape.segment(view, offset + i * entsize)));
}

/** Sections are optional for a kernel, but a table that the file no longer reaches means that it is cut off. */
function readSections(bytes: Uint8Array, view: DataView, shape: Shape, header: Header): Parsed<Section[]> {
  const { shoff: offset, shentsize: entsize, shnum: count, shstrndx } = header;
  if (offset === 0 || count === 0 || count > MAX_SECTIONS || entsize < shape.sectionSize) return parsed([]);
  if (!within(offset, entsize * count, view.byteLength))
    return fault(
      `the ${count} section headers at ${hex(offset)} lie outside the file of ${view.byteLength} bytes: it is truncated`,
    );
  const rows = Array.from({ length: count }, (_, i) => shape.section(view, offset + i * entsize));
  const names = rows[shstrndx];
  return parsed(
    rows.map(({ nameAt, ...row }) => ({
      name: names === undefined ? "" : stringAt(bytes, names.offset, names.size, nameAt, 64),
      ...row,
    })),
  );
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
