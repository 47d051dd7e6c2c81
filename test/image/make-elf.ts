/** Small ELF64 kernels for tests, made by hand: segments of any bytes, Xen notes of any kind. */

import { XEN_ELFNOTE, type XenElfnote } from "../../src/abi/elfnote.ts";
import {
  EM_386,
  EM_X86_64,
  ET_EXEC,
  ehdr32,
  ehdr64,
  PT_LOAD,
  PT_NOTE,
  phdr32,
  phdr64,
  SHT_NOTE,
  SHT_STRTAB,
  SHT_SYMTAB,
  shdr64,
} from "../../src/image/elf/layout.ts";

export interface TestSegment {
  readonly paddr: bigint;
  readonly vaddr?: bigint;
  readonly bytes: Uint8Array;
  readonly memsz?: number;
  readonly filesz?: number;
  readonly flags?: number;
}

export interface TestNote {
  readonly owner?: string;
  readonly type: number;
  readonly desc: Uint8Array;
}

export interface TestElf {
  readonly segments: readonly TestSegment[];
  readonly notes?: readonly TestNote[];
  /** Where the notes are told of. */
  readonly notesIn?: "segment" | "section";
  /** Text of a `__xen_guest` section. */
  readonly xenGuest?: string;
  readonly entry?: bigint;
  /** A symbol table: its rows and its names, as they lie in the file. */
  readonly symtab?: { readonly rows: Uint8Array; readonly names: Uint8Array };
}

export const u64 = (n: bigint): Uint8Array => {
  const out = new Uint8Array(8);
  new DataView(out.buffer).setBigUint64(0, BigInt.asUintN(64, n), true);
  return out;
};
export const u32 = (n: number): Uint8Array => {
  const out = new Uint8Array(4);
  new DataView(out.buffer).setUint32(0, n, true);
  return out;
};
export const ascii = (text: string): Uint8Array => Uint8Array.from([...text].map((c) => c.charCodeAt(0)));

/** A note of Xen's: numbers as 8 bytes, strings with their NUL. */
export const note = (name: XenElfnote, value: bigint | string): TestNote => ({
  type: XEN_ELFNOTE[name],
  desc: typeof value === "string" ? ascii(`${value}\0`) : u64(value),
});

export const VIRT_BASE = 0xffff_ffff_8000_0000n;

/** What Linux 6.1 says about itself. */
export const linuxNotes = (entry: bigint): TestNote[] => [
  note("GUEST_OS", "linux"),
  note("GUEST_VERSION", "2.6"),
  note("XEN_VERSION", "xen-3.0"),
  note("VIRT_BASE", VIRT_BASE),
  note("INIT_P2M", 0x80_0000_0000n),
  note("ENTRY", entry),
  note("FEATURES", "!writable_page_tables|pae_pgdir_above_4gb"),
  { type: XEN_ELFNOTE.SUPPORTED_FEATURES, desc: u32(0x8801) },
  note("PAE_MODE", "yes"),
  note("LOADER", "generic"),
  { type: XEN_ELFNOTE.L1_MFN_VALID, desc: Uint8Array.from([...u64(1n), ...u64(1n)]) },
  { type: XEN_ELFNOTE.MOD_START_PFN, desc: u32(1) },
  note("HV_START_LOW", 0xffff_8000_0000_0000n),
  note("PADDR_OFFSET", 0n),
];

const padded = (bytes: Uint8Array): number[] => [...bytes, ...new Uint8Array((4 - (bytes.length % 4)) % 4)];

export const noteBytes = (notes: readonly TestNote[]): Uint8Array =>
  Uint8Array.from(
    notes.flatMap((row) => {
      const owner = ascii(`${row.owner ?? "Xen"}\0`);
      return [
        ...u32(owner.length),
        ...u32(row.desc.length),
        ...u32(row.type),
        ...padded(owner),
        ...padded(row.desc),
      ];
    }),
  );

export function makeElf(spec: TestElf): Uint8Array {
  const notes = noteBytes(spec.notes ?? []);
  const inSegment = (spec.notesIn ?? "segment") === "segment" && notes.length > 0;
  const guest = spec.xenGuest === undefined ? undefined : ascii(`${spec.xenGuest}\0`);
  const phnum = spec.segments.length + (inSegment ? 1 : 0);
  const names = ascii("\0.note.Xen\0__xen_guest\0.shstrtab\0");
  const sections: { name: number; type: number; offset: number; size: number; link?: number }[] = [];

  let size = ehdr64.size + phnum * phdr64.size;
  const place = (length: number, align: number): number => {
    const offset = Math.ceil(size / align) * align;
    size = offset + length;
    return offset;
  };
  const segmentAt = spec.segments.map((segment) => place(segment.bytes.length, 8));
  const notesAt = place(notes.length, 4);
  const guestAt = guest === undefined ? 0 : place(guest.length, 4);
  const rowsAt = place(spec.symtab?.rows.length ?? 0, 8);
  const symbolNamesAt = place(spec.symtab?.names.length ?? 0, 1);
  const namesAt = place(names.length, 4);
  if (!inSegment && notes.length > 0)
    sections.push({ name: 1, type: SHT_NOTE, offset: notesAt, size: notes.length });
  if (guest !== undefined) sections.push({ name: 11, type: 1, offset: guestAt, size: guest.length });
  if (spec.symtab !== undefined) {
    const { rows, names } = spec.symtab;
    const link = sections.length + 2;
    sections.push({ name: 0, type: SHT_SYMTAB, offset: rowsAt, size: rows.length, link });
    sections.push({ name: 0, type: SHT_STRTAB, offset: symbolNamesAt, size: names.length });
  }
  sections.push({ name: 23, type: SHT_STRTAB, offset: namesAt, size: names.length });
  const shnum = sections.length + 1;
  const shoff = place(shnum * shdr64.size, 8);

  const out = new Uint8Array(size);
  const view = new DataView(out.buffer);
  out.set([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1]);
  ehdr64.write(view, 0, {
    e_type: ET_EXEC,
    e_machine: EM_X86_64,
    e_version: 1,
    e_entry: spec.entry ?? 0n,
    e_phoff: ehdr64.size,
    e_shoff: shoff,
    e_flags: 0,
    e_ehsize: ehdr64.size,
    e_phentsize: phdr64.size,
    e_phnum: phnum,
    e_shentsize: shdr64.size,
    e_shnum: shnum,
    e_shstrndx: shnum - 1,
  });
  spec.segments.forEach((segment, i) => {
    const offset = segmentAt[i] ?? 0;
    out.set(segment.bytes, offset);
    phdr64.write(view, ehdr64.size + i * phdr64.size, {
      p_type: PT_LOAD,
      p_flags: segment.flags ?? 7,
      p_offset: offset,
      p_vaddr: segment.vaddr ?? 0n,
      p_paddr: BigInt.asUintN(64, segment.paddr),
      p_filesz: segment.filesz ?? segment.bytes.length,
      p_memsz: segment.memsz ?? segment.bytes.length,
      p_align: 4096,
    });
  });
  if (inSegment)
    phdr64.write(view, ehdr64.size + spec.segments.length * phdr64.size, {
      p_type: PT_NOTE,
      p_flags: 4,
      p_offset: notesAt,
      p_vaddr: 0n,
      p_paddr: 0n,
      p_filesz: notes.length,
      p_memsz: 0,
      p_align: 4,
    });
  out.set(notes, notesAt);
  if (guest !== undefined) out.set(guest, guestAt);
  if (spec.symtab !== undefined) {
    out.set(spec.symtab.rows, rowsAt);
    out.set(spec.symtab.names, symbolNamesAt);
  }
  out.set(names, namesAt);
  sections.forEach((section, i) => {
    shdr64.write(view, shoff + (i + 1) * shdr64.size, {
      sh_name: section.name,
      sh_type: section.type,
      sh_flags: 0,
      sh_addr: 0n,
      sh_offset: section.offset,
      sh_size: section.size,
      sh_link: section.link ?? 0,
      sh_info: 0,
      sh_addralign: 4,
      sh_entsize: 0,
    });
  });
  return out;
}

/** A 32-bit kernel: one segment, and its notes. */
export function makeElf32(notes: readonly TestNote[]): Uint8Array {
  const tables = ehdr32.size + 2 * phdr32.size;
  const content = noteBytes(notes);
  const out = new Uint8Array(tables + content.length + 64);
  const view = new DataView(out.buffer);
  out.set([0x7f, 0x45, 0x4c, 0x46, 1, 1, 1]);
  ehdr32.write(view, 0, {
    e_type: ET_EXEC,
    e_machine: EM_386,
    e_entry: 0xc0100000,
    e_phoff: ehdr32.size,
    e_shoff: 0,
    e_phentsize: phdr32.size,
    e_phnum: 2,
    e_shentsize: 0,
    e_shnum: 0,
    e_shstrndx: 0,
  });
  const row = { p_offset: tables, p_vaddr: 0, p_paddr: 0, p_flags: 7 };
  const size = content.length;
  phdr32.write(view, ehdr32.size, { ...row, p_type: PT_NOTE, p_filesz: size, p_memsz: 0 });
  const code = { p_type: PT_LOAD, p_offset: tables + size, p_filesz: 64, p_memsz: 64 };
  phdr32.write(view, ehdr32.size + phdr32.size, { ...row, ...code });
  out.set(content, tables);
  return out;
}
