/**
 * The symbol table that a kernel with BSD_SYMTAB finds behind itself (NetBSD's debugger reads it), as libelf lays it out
 * (elf_parse_bsdsyms, elf_load_bsdsyms): a size in 4 bytes, then an ELF file of a header, three section headers, and what
 * they tell of:
 *
 *   size | Elf64_Ehdr | (none) | SYMTAB | STRTAB | padding | symbols | padding | strings | padding
 */
import { dataView, type Elf, within } from "../image/elf/elf.ts";
import { ehdr64, SHT_STRTAB, SHT_SYMTAB, shdr64 } from "../image/elf/layout.ts";
import { fault, type Parsed, parsed } from "../image/fault.ts";

export interface BsdSymbols {
  /** Where in the domain's pseudo-physical memory they go. */
  readonly paddr: number;
  readonly bytes: Uint8Array;
}

const SIZE_WORD = 4;
const SECTIONS = 3;
const SYMTAB_INDEX = 1;
const STRTAB_INDEX = 2;
const EV_CURRENT = 1;
const HEADERS = SIZE_WORD + ehdr64.size + SECTIONS * shdr64.size;

const align8 = (n: number): number => Math.ceil(n / 8) * 8;

/** For a kernel that ends at `end`. Undefined: it asks for them but has no table, which libelf forgives. */
export function bsdSymbols(elf: Elf, end: number): Parsed<BsdSymbols | undefined> {
  const at = elf.sections.findIndex((section) => section.type === SHT_SYMTAB);
  const table = elf.sections[at];
  const strings = table && elf.sections[table.link];
  if (table === undefined || strings === undefined || strings.type !== SHT_STRTAB) return parsed(undefined);
  for (const section of [table, strings])
    if (!within(section.offset, section.size, elf.bytes.length))
      return fault("the kernel's symbol table (note BSD_SYMTAB) lies outside the file: it is truncated");

  const symbolsAt = align8(HEADERS);
  const stringsAt = align8(symbolsAt + table.size);
  const bytes = new Uint8Array(align8(stringsAt + strings.size));
  const view = dataView(bytes);
  const file = dataView(elf.bytes);
  const header = ehdr64.read(file, 0);
  view.setUint32(0, stringsAt + strings.size - SIZE_WORD, true);
  bytes.set(elf.bytes.subarray(0, ehdr64.size), SIZE_WORD); // e_ident and what is not changed below
  ehdr64.write(view, SIZE_WORD, {
    ...header,
    e_version: EV_CURRENT,
    e_phoff: 0,
    e_shoff: ehdr64.size,
    e_ehsize: ehdr64.size,
    e_phentsize: 0,
    e_phnum: 0,
    e_shentsize: shdr64.size,
    e_shnum: SECTIONS,
    e_shstrndx: 0,
  });
  const sectionHeader = (index: number, from: number, placedAt: number, link: number | undefined): void => {
    const row = shdr64.read(file, header.e_shoff + from * header.e_shentsize);
    shdr64.write(view, SIZE_WORD + ehdr64.size + index * shdr64.size, {
      ...row,
      sh_offset: placedAt - SIZE_WORD, // from the ELF header, not from the size
      sh_link: link ?? row.sh_link,
    });
  };
  sectionHeader(SYMTAB_INDEX, at, symbolsAt, STRTAB_INDEX);
  sectionHeader(STRTAB_INDEX, table.link, stringsAt, undefined);
  bytes.set(elf.bytes.subarray(table.offset, table.offset + table.size), symbolsAt);
  bytes.set(elf.bytes.subarray(strings.offset, strings.offset + strings.size), stringsAt);
  return parsed({ paddr: align8(end), bytes });
}
