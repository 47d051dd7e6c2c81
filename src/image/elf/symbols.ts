/** Names of addresses from an ELF image's symbol table (`.symtab`), where it has one. */
import { dataView, type Elf, stringAt, within } from "./elf.ts";
import { SHT_SYMTAB, sym64 } from "./layout.ts";

export interface ImageSymbol {
  readonly address: bigint;
  readonly name: string;
}

const MAX_SYMBOLS = 1_000_000;
const NAME_LIMIT = 128;
const STT_OBJECT = 1;
const STT_FUNC = 2;
const SHN_LORESERVE = 0xff00;

/** Functions, objects and untyped labels with an address, ascending; empty when there is no table or it is damaged. */
export function symtabSymbols(elf: Elf): ImageSymbol[] {
  const table = elf.bits === 64 ? elf.sections.find((section) => section.type === SHT_SYMTAB) : undefined;
  const strings = table && elf.sections[table.link];
  if (table === undefined || strings === undefined || !within(table.offset, table.size, elf.bytes.length))
    return [];
  const view = dataView(elf.bytes);
  const count = Math.min(Math.floor(table.size / sym64.size), MAX_SYMBOLS);
  const out: ImageSymbol[] = [];
  const { st_info, st_shndx, st_value, st_name } = sym64.field;
  for (let i = 1; i < count; i++) {
    const at = table.offset + i * sym64.size;
    const type = st_info.get(view, at) & 15;
    const section = st_shndx.get(view, at);
    if (section === 0 || section >= SHN_LORESERVE || (type !== 0 && type !== STT_OBJECT && type !== STT_FUNC))
      continue;
    const name = stringAt(elf.bytes, strings.offset, strings.size, st_name.get(view, at), NAME_LIMIT);
    if (name !== "") out.push({ address: st_value.get(view, at), name });
  }
  return out.sort((a, b) => (a.address < b.address ? -1 : a.address > b.address ? 1 : 0));
}
