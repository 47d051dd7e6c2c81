/**
 * An assembled kernel as an ELF64 file: a segment for code, one for data and bss, one for the Xen notes; sections and a
 * symbol table, so that crash dumps can name addresses. Physical address = virtual address less the note VIRT_BASE.
 */
import { XEN_ELFNOTE, XEN_ELFNOTE_OWNER, type XenElfnote } from "../../../abi/elfnote.ts";
import {
  EM_X86_64,
  ET_EXEC,
  ehdr64,
  nhdr,
  PF_R,
  PF_W,
  PF_X,
  PT_LOAD,
  PT_NOTE,
  phdr64,
  SHT_NOBITS,
  SHT_NOTE,
  SHT_STRTAB,
  SHT_SYMTAB,
  shdr64,
  sym64,
} from "../../../image/elf/layout.ts";
import type { Assembled } from "./assemble.ts";

const SHT_PROGBITS = 1;
const SHF_WRITE = 1;
const SHF_ALLOC = 2;
const SHF_EXECINSTR = 4;
const SHN_ABS = 0xfff1;
const STB_GLOBAL = 1 << 4;
const ALIGN = 16;

interface Part {
  readonly name: string;
  readonly type: number;
  readonly flags: number;
  readonly address: bigint;
  readonly bytes: Uint8Array;
  readonly size: number;
  readonly link: number;
  readonly info: number;
  readonly entsize: number;
}

/** Note types that do not exist are refused. */
export function elfFile(
  program: Assembled,
): { readonly ok: true; readonly value: Uint8Array } | { readonly ok: false; readonly why: string } {
  const unknown = program.notes.find((row) => !Object.hasOwn(XEN_ELFNOTE, row.type));
  if (unknown !== undefined) return { ok: false, why: `there is no Xen note ${unknown.type}` };
  const base = program.notes.find((row) => row.type === "VIRT_BASE")?.value;
  const virtBase = typeof base === "bigint" ? base : 0n;

  const strings = new StringTable();
  const symbols = symbolTable(program, strings);
  const part = (
    name: string,
    type: number,
    flags: number,
    bytes: Uint8Array,
    more: Partial<Part> = {},
  ): Part => ({
    name,
    type,
    flags,
    address: 0n,
    bytes,
    size: bytes.length,
    link: 0,
    info: 0,
    entsize: 0,
    ...more,
  });
  const [text, data, bss] = program.sections;
  if (text === undefined || data === undefined || bss === undefined)
    return { ok: false, why: "a section is missing" };
  const names = new StringTable();
  const parts = [
    part(".text", SHT_PROGBITS, SHF_ALLOC | SHF_EXECINSTR, text.bytes, { address: text.address }),
    part(".data", SHT_PROGBITS, SHF_ALLOC | SHF_WRITE, data.bytes, { address: data.address }),
    part(".bss", SHT_NOBITS, SHF_ALLOC | SHF_WRITE, bss.bytes, { address: bss.address, size: bss.size }),
    part(".note.Xen", SHT_NOTE, 0, noteBytes(program)),
    part(".symtab", SHT_SYMTAB, 0, symbols, { link: 6, info: 1, entsize: sym64.size }),
    part(".strtab", SHT_STRTAB, 0, strings.bytes()),
    part(".shstrtab", SHT_STRTAB, 0, new Uint8Array(0)),
  ];
  const nameAt = parts.map((row) => names.add(row.name));
  parts[6] = part(".shstrtab", SHT_STRTAB, 0, names.bytes());
  return {
    ok: true,
    value: write(program, parts, nameAt, virtBase, Number(bss.address - data.address) + bss.size),
  };
}

function write(
  program: Assembled,
  parts: readonly Part[],
  nameAt: readonly number[],
  virtBase: bigint,
  dataMemory: number,
): Uint8Array {
  let size = ehdr64.size + 3 * phdr64.size;
  const place = (length: number): number => {
    const offset = Math.ceil(size / ALIGN) * ALIGN;
    size = offset + length;
    return offset;
  };
  const offsets = parts.map((row) => place(row.bytes.length));
  const shoff = place((parts.length + 1) * shdr64.size);
  const out = new Uint8Array(size);
  const view = new DataView(out.buffer);

  out.set([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1]);
  ehdr64.write(view, 0, {
    e_type: ET_EXEC,
    e_machine: EM_X86_64,
    e_version: 1,
    e_entry: program.entry,
    e_phoff: ehdr64.size,
    e_shoff: shoff,
    e_flags: 0,
    e_ehsize: ehdr64.size,
    e_phentsize: phdr64.size,
    e_phnum: 3,
    e_shentsize: shdr64.size,
    e_shnum: parts.length + 1,
    e_shstrndx: parts.length,
  });
  const segment = (i: number, index: number, type: number, flags: number, memsz: number): void => {
    const row = parts[index] as Part;
    phdr64.write(view, ehdr64.size + i * phdr64.size, {
      p_type: type,
      p_flags: flags,
      p_offset: offsets[index] ?? 0,
      p_vaddr: row.address,
      p_paddr: type === PT_LOAD ? row.address - virtBase : 0n,
      p_filesz: row.bytes.length,
      p_memsz: memsz,
      p_align: type === PT_LOAD ? ALIGN : 4,
    });
  };
  segment(0, 0, PT_LOAD, PF_R | PF_X, (parts[0] as Part).size);
  segment(1, 1, PT_LOAD, PF_R | PF_W, dataMemory);
  segment(2, 3, PT_NOTE, PF_R, 0);
  parts.forEach((row, i) => {
    out.set(row.bytes, offsets[i] ?? 0);
    shdr64.write(view, shoff + (i + 1) * shdr64.size, {
      sh_name: nameAt[i] ?? 0,
      sh_type: row.type,
      sh_flags: row.flags,
      sh_addr: row.address,
      sh_offset: offsets[i] ?? 0,
      sh_size: row.size,
      sh_link: row.link,
      sh_info: row.info,
      sh_addralign: row.type === SHT_NOTE ? 4 : ALIGN,
      sh_entsize: row.entsize,
    });
  });
  return out;
}

class StringTable {
  readonly #bytes: number[] = [0];
  add(text: string): number {
    const at = this.#bytes.length;
    this.#bytes.push(...new TextEncoder().encode(text), 0);
    return at;
  }
  bytes(): Uint8Array {
    return Uint8Array.from(this.#bytes);
  }
}

function symbolTable(program: Assembled, strings: StringTable): Uint8Array {
  const out = new Uint8Array((program.symbols.length + 1) * sym64.size);
  const view = new DataView(out.buffer);
  program.symbols.forEach((symbol, i) => {
    const section = program.sections.findIndex(
      (row) => symbol.address >= row.address && symbol.address < row.address + BigInt(row.size),
    );
    sym64.write(view, (i + 1) * sym64.size, {
      st_name: strings.add(symbol.name),
      st_info: STB_GLOBAL | (section === 0 ? 2 : 1), // STT_FUNC, STT_OBJECT
      st_shndx: section < 0 ? SHN_ABS : section + 1,
      st_value: symbol.address,
      st_size: 0,
    });
  });
  return out;
}

function noteBytes(program: Assembled): Uint8Array {
  const owner = new TextEncoder().encode(`${XEN_ELFNOTE_OWNER}\0`);
  const rows = program.notes.map(({ type, value }) => {
    const desc = typeof value === "string" ? new TextEncoder().encode(`${value}\0`) : new Uint8Array(8);
    if (typeof value === "bigint") new DataView(desc.buffer).setBigUint64(0, value, true);
    const row = new Uint8Array(nhdr.size + owner.length + Math.ceil(desc.length / 4) * 4);
    nhdr.write(new DataView(row.buffer), 0, {
      n_namesz: owner.length,
      n_descsz: desc.length,
      n_type: XEN_ELFNOTE[type as XenElfnote],
    });
    row.set(owner, nhdr.size);
    row.set(desc, nhdr.size + owner.length);
    return row;
  });
  const out = new Uint8Array(rows.reduce((sum, row) => sum + row.length, 0));
  let at = 0;
  for (const row of rows) {
    out.set(row, at);
    at += row.length;
  }
  return out;
}
