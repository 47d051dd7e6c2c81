/**
 * ELF notes: owner, type, descriptor. They lie in PT_NOTE segments (by *file* offset and size: GRUB's Xen images have a
 * memory size and address of 0 there) and, in files whose linker wrote no such segment, in SHT_NOTE sections.
 */
import { hex } from "../fault.ts";
import { dataView, type Elf, within } from "./elf.ts";
import { nhdr, PT_NOTE, SHT_NOBITS, SHT_NOTE } from "./layout.ts";

export interface Note {
  readonly owner: string;
  readonly type: number;
  readonly desc: Uint8Array;
}

export interface Notes {
  readonly notes: readonly Note[];
  /** Where reading stopped at a note that does not fit; undefined: all were whole. */
  readonly damage: string | undefined;
}

/** libelf's ELF_MAX_TOTAL_NOTE_COUNT. */
const MAX_NOTES = 65_536;

/** The notes of all PT_NOTE segments. */
export const segmentNotes = (elf: Elf): Notes =>
  gather(
    elf.bytes,
    elf.segments
      .filter((row) => row.type === PT_NOTE && row.offset !== 0)
      .map((row) => [row.offset, row.filesz]),
  );

/** The notes of all SHT_NOTE sections. */
export const sectionNotes = (elf: Elf): Notes =>
  gather(
    elf.bytes,
    elf.sections.filter((row) => row.type === SHT_NOTE).map((row) => [row.offset, row.size]),
  );

/** The bytes of the first section of that name; undefined when it has none or they lie outside the file. */
export function sectionBytes(elf: Elf, name: string): Uint8Array | undefined {
  const row = elf.sections.find((section) => section.name === name && section.type !== SHT_NOBITS);
  if (row === undefined || !within(row.offset, row.size, elf.bytes.length)) return undefined;
  return elf.bytes.subarray(row.offset, row.offset + row.size);
}

function gather(bytes: Uint8Array, ranges: readonly (readonly [number, number])[]): Notes {
  const view = dataView(bytes);
  const notes: Note[] = [];
  let damage: string | undefined;
  for (const [offset, size] of ranges) {
    if (!within(offset, size, bytes.length)) {
      damage ??= `the notes at ${hex(offset)} lie outside the file`;
      continue;
    }
    damage ??= readNotes(bytes, view, offset, offset + size, notes);
    if (notes.length >= MAX_NOTES) break;
  }
  return { notes, damage };
}

/** Notes from `start` to `end`, names and descriptors padded to 4 bytes; answers what was damaged. */
function readNotes(
  bytes: Uint8Array,
  view: DataView,
  start: number,
  end: number,
  out: Note[],
): string | undefined {
  let position = start;
  while (position + nhdr.size <= end) {
    if (out.length >= MAX_NOTES) return `there are more than ${MAX_NOTES} notes`;
    const { n_namesz, n_descsz, n_type } = nhdr.read(view, position);
    const name = position + nhdr.size;
    const desc = name + align4(n_namesz);
    const next = desc + align4(n_descsz);
    if (desc + n_descsz > end)
      return `the note at ${hex(position)} claims ${n_namesz} + ${n_descsz} bytes and runs over its table's end`;
    out.push({
      owner: ownerName(bytes, name, n_namesz),
      type: n_type,
      desc: bytes.subarray(desc, desc + n_descsz),
    });
    position = next;
  }
  return undefined;
}

const align4 = (n: number): number => Math.ceil(n / 4) * 4;

function ownerName(bytes: Uint8Array, start: number, size: number): string {
  let out = "";
  for (let i = 0; i < Math.min(size, 32); i++) {
    const c = bytes[start + i] ?? 0;
    if (c === 0) break;
    out += String.fromCharCode(c);
  }
  return out;
}
