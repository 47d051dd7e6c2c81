/**
 * The head of a Xen core file, as xc_domain_dumpcore writes it (docs/misc/dump-core-format.txt, format 0.1): an ELF file
 * with sections and no segments. Behind it come the pages, the p2m table and the section names:
 *
 *   ELF header · section headers · .note.Xen · .xen_prstatus · .xen_shared_info · padding to a page
 *   .xen_pages · .xen_p2m · .shstrtab
 */
import { vcpuGuestContext, writeVcpuGuestContext } from "../../abi/arch-x86/xen.ts";
import type { XenVersion } from "../../abi/hypercall.ts";
import { PAGE_SIZE } from "../../abi/types.ts";
import type { VcpuGuestContext } from "../../abi/vcpu-context.ts";
import {
  XENVER_CAPABILITIES_LEN,
  XENVER_CHANGESET_LEN,
  XENVER_COMPILE_INFO,
  XENVER_COMPILE_INFO_LEN,
  XENVER_EXTRAVERSION_LEN,
} from "../../abi/version.ts";

const EHDR_SIZE = 64;
const SHDR_SIZE = 64;
const PHDR_SIZE = 56;
const ET_CORE = 4;
const EM_X86_64 = 62;
const SHT_PROGBITS = 1;
const SHT_STRTAB = 3;
const SHT_NOTE = 7;
const STRTAB_INDEX = 1;

/** XEN_ELFNOTE_DUMPCORE_* and what they hold (public/elfnote.h, xc_core.h). */
const NOTE = { none: 0x200_0000, header: 0x200_0001, xenVersion: 0x200_0002, formatVersion: 0x200_0003 };
/** XC_CORE_MAGIC: a PV domain's. */
const MAGIC = 0xf00f_ebedn;
const FORMAT_VERSION = 1n; // 0.1

/** An entry of .xen_p2m: pfn and machine frame, 64 bits each. */
export const P2M_ENTRY = 16;

export interface CoreHead {
  readonly vcpus: readonly VcpuGuestContext[];
  readonly sharedInfo: Uint8Array;
  readonly pages: number;
  readonly version: XenVersion;
}

interface Section {
  readonly name: string;
  readonly type: number;
  readonly size: number;
  readonly align: number;
  readonly entry: number;
}

/** `head`: everything before the first page. `names`: .shstrtab, which ends the file. */
export function coreHead(core: CoreHead): { readonly head: Uint8Array; readonly names: Uint8Array } {
  const notes = noteSection(core);
  const prstatus = contexts(core.vcpus);
  const inHead: Section[] = [
    { name: ".note.Xen", type: SHT_NOTE, size: notes.length, align: 0, entry: 0 },
    {
      name: ".xen_prstatus",
      type: SHT_PROGBITS,
      size: prstatus.length,
      align: 8,
      entry: vcpuGuestContext.size,
    },
    { name: ".xen_shared_info", type: SHT_PROGBITS, size: PAGE_SIZE, align: 8, entry: PAGE_SIZE },
  ];
  const behind: Section[] = [
    {
      name: ".xen_pages",
      type: SHT_PROGBITS,
      size: core.pages * PAGE_SIZE,
      align: PAGE_SIZE,
      entry: PAGE_SIZE,
    },
    { name: ".xen_p2m", type: SHT_PROGBITS, size: core.pages * P2M_ENTRY, align: 8, entry: P2M_ENTRY },
  ];
  const sections = [...inHead, ...behind];
  const names = ["", ".shstrtab", ...sections.map(({ name }) => name)];
  const strings = new TextEncoder().encode(names.map((name) => `${name}\0`).join(""));

  const data = [notes, prstatus, core.sharedInfo.subarray(0, PAGE_SIZE)];
  const start = EHDR_SIZE + (sections.length + 2) * SHDR_SIZE;
  const used = data.reduce((sum, bytes) => sum + bytes.length, start);
  const head = new Uint8Array(Math.ceil(used / PAGE_SIZE) * PAGE_SIZE);
  const view = new DataView(head.buffer);
  elfHeader(view, sections.length + 2);

  let offset = start;
  let nameAt = 1 + ".shstrtab".length + 1;
  sections.forEach((section, i) => {
    if (i === inHead.length) offset = head.length;
    sectionHeader(view, EHDR_SIZE + (i + 2) * SHDR_SIZE, section, nameAt, offset);
    const bytes = data[i];
    if (bytes !== undefined) head.set(bytes, offset);
    offset += section.size;
    nameAt += section.name.length + 1;
  });
  const stringSection: Section = {
    name: ".shstrtab",
    type: SHT_STRTAB,
    size: strings.length,
    align: 0,
    entry: 0,
  };
  sectionHeader(view, EHDR_SIZE + STRTAB_INDEX * SHDR_SIZE, stringSection, 1, offset);
  return { head, names: strings };
}

function elfHeader(view: DataView, sections: number): void {
  // Magic; 64 bits, little endian, version 1, System V; "EV_CURRENT" stands where the ABI's version does, as libxc has it.
  for (const [i, byte] of [0x7f, 0x45, 0x4c, 0x46, 2, 1, 1, 0, 1].entries()) view.setUint8(i, byte);
  view.setUint16(16, ET_CORE, true);
  view.setUint16(18, EM_X86_64, true);
  view.setUint32(20, 1, true);
  view.setBigUint64(40, BigInt(EHDR_SIZE), true); // e_shoff
  view.setUint16(52, EHDR_SIZE, true);
  view.setUint16(54, PHDR_SIZE, true);
  view.setUint16(58, SHDR_SIZE, true);
  view.setUint16(60, sections, true);
  view.setUint16(62, STRTAB_INDEX, true);
}

function sectionHeader(view: DataView, at: number, section: Section, nameAt: number, offset: number): void {
  view.setUint32(at, nameAt, true);
  view.setUint32(at + 4, section.type, true);
  view.setBigUint64(at + 24, BigInt(offset), true);
  view.setBigUint64(at + 32, BigInt(section.size), true);
  view.setBigUint64(at + 48, BigInt(section.align), true);
  view.setBigUint64(at + 56, BigInt(section.entry), true);
}

function contexts(vcpus: readonly VcpuGuestContext[]): Uint8Array {
  const bytes = new Uint8Array(vcpus.length * vcpuGuestContext.size);
  vcpus.forEach((context, i) => {
    writeVcpuGuestContext(
      new DataView(bytes.buffer, i * vcpuGuestContext.size, vcpuGuestContext.size),
      context,
    );
  });
  return bytes;
}

function noteSection({ vcpus, pages, version }: CoreHead): Uint8Array {
  const header = words(MAGIC, BigInt(vcpus.length), BigInt(pages), BigInt(PAGE_SIZE));
  return joined([
    ...note(NOTE.none, new Uint8Array(0)),
    ...note(NOTE.header, header),
    ...note(NOTE.xenVersion, versionDescription(version)),
    ...note(NOTE.formatVersion, words(FORMAT_VERSION)),
  ]);
}

function note(type: number, description: Uint8Array): [Uint8Array, Uint8Array] {
  const head = new Uint8Array(16);
  const view = new DataView(head.buffer);
  view.setUint32(0, 4, true);
  view.setUint32(4, description.length, true);
  view.setUint32(8, type, true);
  head.set(new TextEncoder().encode("Xen"), 12);
  return [head, description];
}

function versionDescription(version: XenVersion): Uint8Array {
  const compile = new Uint8Array(XENVER_COMPILE_INFO_LEN);
  const texts = {
    compiler: version.compiler,
    compileBy: version.compileBy,
    compileDomain: version.compileDomain,
    compileDate: version.compileDate,
  };
  for (const [name, [at, length]] of Object.entries(XENVER_COMPILE_INFO)) {
    compile.set(text(texts[name as keyof typeof texts], length), at);
  }
  return joined([
    words(BigInt(version.major), BigInt(version.minor)),
    text(version.extra, XENVER_EXTRAVERSION_LEN),
    compile,
    text(version.capabilities, XENVER_CAPABILITIES_LEN),
    text(version.changeset, XENVER_CHANGESET_LEN),
    words(version.virtStart, BigInt(version.pagesize)),
  ]);
}

/** A C string in an array of `length` chars. */
function text(value: string, length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  bytes.set(new TextEncoder().encode(value).subarray(0, length - 1));
  return bytes;
}

function words(...values: readonly bigint[]): Uint8Array {
  const bytes = new Uint8Array(values.length * 8);
  const view = new DataView(bytes.buffer);
  for (const [i, value] of values.entries()) view.setBigUint64(i * 8, value, true);
  return bytes;
}

export function joined(parts: readonly Uint8Array[]): Uint8Array {
  const out = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}
