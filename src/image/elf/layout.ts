/** ELF as it lies in the file (System V ABI, elf(5)), of 64 bits and of 32; little endian. */
import { at, n64, struct, u8, u16, u32, u64 } from "../../lib/struct.ts";

export const ELF_MAGIC = 0x464c457f; // 7f 'E' 'L' 'F'
export const EI_CLASS = 4;
export const EI_DATA = 5;
export const ELFCLASS32 = 1;
export const ELFCLASS64 = 2;
export const ELFDATA2LSB = 1;
export const ET_REL = 1;
export const ET_EXEC = 2;
export const EM_386 = 3;
export const EM_X86_64 = 62;
export const PT_LOAD = 1;
export const PT_NOTE = 4;
export const PF_R = 4;
export const PF_W = 2;
export const PF_X = 1;
export const SHT_SYMTAB = 2;
export const SHT_STRTAB = 3;
export const SHT_NOTE = 7;
export const SHT_NOBITS = 8;

export const ehdr64 = struct("Elf64_Ehdr", 64, {
  e_type: at(16, u16),
  e_machine: at(18, u16),
  e_version: at(20, u32),
  e_entry: at(24, u64),
  e_phoff: at(32, n64),
  e_shoff: at(40, n64),
  e_flags: at(48, u32),
  e_ehsize: at(52, u16),
  e_phentsize: at(54, u16),
  e_phnum: at(56, u16),
  e_shentsize: at(58, u16),
  e_shnum: at(60, u16),
  e_shstrndx: at(62, u16),
});

export const phdr64 = struct("Elf64_Phdr", 56, {
  p_type: at(0, u32),
  p_flags: at(4, u32),
  p_offset: at(8, n64),
  p_vaddr: at(16, u64),
  p_paddr: at(24, u64),
  p_filesz: at(32, n64),
  p_memsz: at(40, n64),
  p_align: at(48, n64),
});

export const shdr64 = struct("Elf64_Shdr", 64, {
  sh_name: at(0, u32),
  sh_type: at(4, u32),
  sh_flags: at(8, n64),
  sh_addr: at(16, u64),
  sh_offset: at(24, n64),
  sh_size: at(32, n64),
  sh_link: at(40, u32),
  sh_info: at(44, u32),
  sh_addralign: at(48, n64),
  sh_entsize: at(56, n64),
});

export const ehdr32 = struct("Elf32_Ehdr", 52, {
  e_type: at(16, u16),
  e_machine: at(18, u16),
  e_entry: at(24, u32),
  e_phoff: at(28, u32),
  e_shoff: at(32, u32),
  e_phentsize: at(42, u16),
  e_phnum: at(44, u16),
  e_shentsize: at(46, u16),
  e_shnum: at(48, u16),
  e_shstrndx: at(50, u16),
});

export const phdr32 = struct("Elf32_Phdr", 32, {
  p_type: at(0, u32),
  p_offset: at(4, u32),
  p_vaddr: at(8, u32),
  p_paddr: at(12, u32),
  p_filesz: at(16, u32),
  p_memsz: at(20, u32),
  p_flags: at(24, u32),
});

export const shdr32 = struct("Elf32_Shdr", 40, {
  sh_name: at(0, u32),
  sh_type: at(4, u32),
  sh_addr: at(12, u32),
  sh_offset: at(16, u32),
  sh_size: at(20, u32),
  sh_link: at(24, u32),
  sh_entsize: at(36, u32),
});

export const sym64 = struct("Elf64_Sym", 24, {
  st_name: at(0, u32),
  st_info: at(4, u8),
  st_shndx: at(6, u16),
  st_value: at(8, u64),
  st_size: at(16, n64),
});

export const nhdr = struct("Elf64_Nhdr", 12, {
  n_namesz: at(0, u32),
  n_descsz: at(4, u32),
  n_type: at(8, u32),
});
