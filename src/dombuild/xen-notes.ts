/**
 * What a kernel's Xen notes say, or its older `__xen_guest` section: one record, whichever way they came. Types, defaults
 * and fallbacks follow libelf (libelf-dominfo.c); a sentence names the note when it is missing, odd or said twice.
 */
import { XEN_ELFNOTE, XEN_ELFNOTE_FEATURES, XEN_ELFNOTE_OWNER, type XenElfnote } from "../abi/elfnote.ts";
import type { Elf } from "../image/elf/elf.ts";
import { type Note, type Notes, sectionBytes, sectionNotes, segmentNotes } from "../image/elf/notes.ts";
import { fault, hex, type Parsed, parsed } from "../image/fault.ts";

export interface XenNotes {
  /** Where they were found. */
  readonly from: "PT_NOTE" | "SHT_NOTE" | "__xen_guest";
  readonly guestOs: string;
  readonly guestVersion: string;
  readonly loader: string;
  readonly xenVersion: string;
  readonly paeMode: string;
  readonly entry: bigint | undefined;
  readonly hypercallPage: bigint | undefined;
  readonly virtBase: bigint | undefined;
  readonly paddrOffset: bigint | undefined;
  readonly initP2m: bigint | undefined;
  readonly hvStartLow: bigint | undefined;
  readonly modStartPfn: boolean;
  readonly suspendCancel: boolean;
  readonly bsdSymtab: boolean;
  readonly phys32Entry: bigint | undefined;
  /** XENFEAT_* bits that the kernel can live with, and those it cannot live without. */
  readonly supportedFeatures: number;
  readonly requiredFeatures: number;
  /** Features written with `!` that this table does not know. */
  readonly unknownRequired: readonly string[];
  /** In order of appearance, as `xl -vvv create` shows them. */
  readonly shown: readonly string[];
  readonly damage: string | undefined;
}

type Draft = { -readonly [K in keyof XenNotes]: XenNotes[K] };

const draft = (from: XenNotes["from"], damage: string | undefined): Draft => ({
  from,
  guestOs: "",
  guestVersion: "",
  loader: "",
  xenVersion: "",
  paeMode: "",
  entry: undefined,
  hypercallPage: undefined,
  virtBase: undefined,
  paddrOffset: undefined,
  initP2m: undefined,
  hvStartLow: undefined,
  modStartPfn: false,
  suspendCancel: false,
  bsdSymtab: false,
  phys32Entry: undefined,
  supportedFeatures: 0,
  requiredFeatures: 0,
  unknownRequired: [],
  shown: [],
  damage,
});

/** How each note's descriptor is read, and where its value goes. Others are shown as unknown and skipped. */
const NUMBERS: Partial<Record<XenElfnote, (d: Draft, value: bigint) => void>> = {
  ENTRY: (d, v) => {
    d.entry = v;
  },
  HYPERCALL_PAGE: (d, v) => {
    d.hypercallPage = v;
  },
  VIRT_BASE: (d, v) => {
    d.virtBase = v;
  },
  INIT_P2M: (d, v) => {
    d.initP2m = v;
  },
  PADDR_OFFSET: (d, v) => {
    d.paddrOffset = v;
  },
  HV_START_LOW: (d, v) => {
    d.hvStartLow = v;
  },
  SUPPORTED_FEATURES: (d, v) => {
    d.supportedFeatures |= Number(BigInt.asIntN(32, v));
  },
  SUSPEND_CANCEL: (d, v) => {
    d.suspendCancel = v !== 0n;
  },
  MOD_START_PFN: (d, v) => {
    d.modStartPfn = v !== 0n;
  },
  PHYS32_ENTRY: (d, v) => {
    d.phys32Entry = v;
  },
};
const STRINGS: Partial<Record<XenElfnote, (d: Draft, value: string) => void>> = {
  XEN_VERSION: (d, v) => {
    d.xenVersion = v;
  },
  GUEST_OS: (d, v) => {
    d.guestOs = v;
  },
  GUEST_VERSION: (d, v) => {
    d.guestVersion = v;
  },
  LOADER: (d, v) => {
    d.loader = v;
  },
  PAE_MODE: (d, v) => {
    d.paeMode = v;
  },
  BSD_SYMTAB: (d, v) => {
    d.bsdSymtab = v === "yes";
  },
  FEATURES: parseFeatures,
};

/** There are 20 kinds; far more is no kernel. */
const MAX_XEN_NOTES = 256;

const NAME_OF = new Map<number, XenElfnote>(
  Object.entries(XEN_ELFNOTE).map(([name, type]) => [type, name as XenElfnote]),
);

export function readXenNotes(elf: Elf): Parsed<XenNotes> {
  const inSegments = segmentNotes(elf);
  const fromSegments = ofXen(inSegments);
  if (fromSegments.length > 0) return fromNotes("PT_NOTE", fromSegments, inSegments.damage);
  const inSections = sectionNotes(elf);
  const fromSections = ofXen(inSections);
  if (fromSections.length > 0) return fromNotes("SHT_NOTE", fromSections, inSections.damage);
  const guest = sectionBytes(elf, "__xen_guest");
  if (guest !== undefined) return fromGuestSection(guest);
  const damage = inSegments.damage ?? inSections.damage;
  return fault(
    damage === undefined
      ? "the kernel has no Xen notes (and no __xen_guest section), so it was not built to run on Xen: Linux needs CONFIG_XEN_PV"
      : `the kernel's Xen notes cannot be read: ${damage}`,
  );
}

/** Owners that merely look right are not Xen's: gnumach's section says "name". */
const ofXen = (notes: Notes): Note[] => notes.notes.filter((note) => note.owner === XEN_ELFNOTE_OWNER);

function fromNotes(
  from: XenNotes["from"],
  notes: readonly Note[],
  damage: string | undefined,
): Parsed<XenNotes> {
  if (notes.length > MAX_XEN_NOTES)
    return fault(`the kernel has ${notes.length} Xen notes; at most ${MAX_XEN_NOTES} are read`);
  const d = draft(from, damage);
  const shown: string[] = [];
  const seen = new Map<XenElfnote, bigint | string>();
  for (const note of notes) {
    const name = NAME_OF.get(note.type);
    const number = name && NUMBERS[name];
    const string = name && STRINGS[name];
    if (name === undefined || (number === undefined && string === undefined)) {
      if (name !== "L1_MFN_VALID") shown.push(`unknown (${hex(note.type)})`);
      continue;
    }
    const value = number === undefined ? text(note.desc) : numeric(note.desc);
    if (value === undefined)
      return fault(
        `the kernel's Xen note ${name} has a value of ${note.desc.length} bytes; a number there has 4 or 8`,
      );
    const before = seen.get(name);
    if (before !== undefined && before !== value)
      return fault(`the kernel's Xen note ${name} appears twice, saying ${show(before)} and ${show(value)}`);
    seen.set(name, value);
    shown.push(`${name} = ${show(value)}`);
    if (typeof value === "string") string?.(d, value);
    else number?.(d, value);
  }
  d.shown = shown;
  return parsed(d);
}

const show = (value: bigint | string): string =>
  typeof value === "string" ? JSON.stringify(value) : value === 0n ? "0" : hex(value);

/** 1, 2, 4 or 8 bytes, as libelf has it. */
function numeric(desc: Uint8Array): bigint | undefined {
  if (![1, 2, 4, 8].includes(desc.length)) return undefined;
  let out = 0n;
  for (let i = desc.length - 1; i >= 0; i--) out = (out << 8n) | BigInt(desc[i] ?? 0);
  return out;
}

/** Up to the NUL, or all of it: GRUB's i386 image pads "yes" to 12 bytes. Bounded; unprintable bytes are shown as dots. */
function text(desc: Uint8Array): string {
  let out = "";
  for (let i = 0; i < Math.min(desc.length, 1024); i++) {
    const c = desc[i] ?? 0;
    if (c === 0) break;
    out += c >= 0x20 && c < 0x7f ? String.fromCharCode(c) : ".";
  }
  return out;
}

/** `a|!b`: names the kernel supports; with `!` it requires them. Unknown ones without `!` are ignored. */
function parseFeatures(d: Draft, value: string): void {
  for (const word of value.split("|")) {
    const required = word.startsWith("!");
    const name = required ? word.slice(1) : word;
    const bit = Object.hasOwn(XEN_ELFNOTE_FEATURES, name) ? XEN_ELFNOTE_FEATURES[name] : undefined;
    if (bit !== undefined) d.supportedFeatures |= 1 << bit;
    if (!required) continue;
    if (bit === undefined) d.unknownRequired = [...d.unknownRequired, name];
    else d.requiredFeatures |= 1 << bit;
  }
}

/** `KEY=VALUE,KEY=VALUE`: the section that came before notes. HYPERCALL_PAGE is a page number from VIRT_BASE on. */
function fromGuestSection(bytes: Uint8Array): Parsed<XenNotes> {
  const d = draft("__xen_guest", undefined);
  const shown: string[] = [];
  let page: bigint | undefined;
  for (const setting of text(bytes).split(",")) {
    const [key = "", value = ""] = splitOnce(setting, "=");
    if (key === "") continue;
    shown.push(`${key}=${JSON.stringify(value)}`);
    const number = (): bigint | undefined =>
      /^(0x[0-9a-f]{1,16}|[0-9]{1,19})$/i.test(value) ? BigInt.asUintN(64, BigInt(value)) : undefined;
    switch (key) {
      case "LOADER":
        d.loader = value;
        break;
      case "GUEST_OS":
        d.guestOs = value;
        break;
      case "GUEST_VER":
      case "GUEST_VERSION":
        d.guestVersion = value;
        break;
      case "XEN_VER":
        d.xenVersion = value;
        break;
      case "PAE":
        d.paeMode = value;
        break;
      case "BSD_SYMTAB":
        d.bsdSymtab = true;
        break;
      case "FEATURES":
        parseFeatures(d, value);
        break;
      case "VIRT_BASE":
      case "VIRT_ENTRY":
      case "ELF_PADDR_OFFSET":
      case "HYPERCALL_PAGE": {
        const n = number();
        if (n === undefined)
          return fault(`the kernel's __xen_guest section has ${key}=${value}, which is no number`);
        if (key === "VIRT_BASE") d.virtBase = n;
        else if (key === "VIRT_ENTRY") d.entry = n;
        else if (key === "ELF_PADDR_OFFSET") d.paddrOffset = n;
        else page = n;
        break;
      }
    }
  }
  if (page !== undefined) d.hypercallPage = BigInt.asUintN(64, (d.virtBase ?? 0n) + page * 4096n);
  // The section's default for PADDR_OFFSET is VIRT_BASE: such kernels are linked with p_paddr = virtual address.
  d.paddrOffset ??= d.virtBase ?? 0n;
  d.shown = shown;
  return parsed(d);
}

function splitOnce(setting: string, by: string): [string, string] {
  const i = setting.indexOf(by);
  return i < 0 ? [setting, ""] : [setting.slice(0, i), setting.slice(i + 1)];
}
