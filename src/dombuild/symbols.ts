/**
 * A kernel's own names of its addresses, for crash dumps (`Gate.domctl.setSymbols`). From `.symtab`, or from Linux's
 * kallsyms tables. Pure; takes some 100 ms for a distribution's kernel, so a worker thread is the place.
 */
import { readElf } from "../image/elf/elf.ts";
import { type ImageSymbol, symtabSymbols } from "../image/elf/symbols.ts";
import { kallsymsSymbols } from "../image/kallsyms.ts";

/** Ascending by address; empty when the image names nothing. `image`: ParsedKernel.image. */
export function kernelSymbols(image: Uint8Array): ImageSymbol[] {
  const elf = readElf(image);
  if (!elf.ok) return [];
  const symbols = symtabSymbols(elf.value);
  return symbols.length > 0 ? symbols : kallsymsSymbols(image);
}
