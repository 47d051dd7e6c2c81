/**
 * The head of a file that `xl save` makes (struct save_file_header, xl.h), and of what `xl migrate` sends: 48 bytes, then
 * as many of optional data: the domain's config. Numbers are little endian.
 */
import { at, struct, u32 } from "../../lib/struct.ts";
import { XlError } from "../error.ts";
import type { Plan } from "../wait.ts";
import type { ByteSource } from "./stream.ts";

const MAGIC = new TextEncoder().encode("Xen saved domain, xl format\n \0 \r");
const header = struct("save_file_header", 48, {
  byteorder: at(32, u32),
  mandatoryFlags: at(36, u32),
  optionalFlags: at(40, u32),
  optionalDataLen: at(44, u32),
});
const BYTEORDER = 0x0102_0304;
const FLAG_JSON = 1;
const FLAG_STREAM_V2 = 2;
const ALL_FLAGS = FLAG_JSON | FLAG_STREAM_V2;
/** A config is text of some kilobytes; more than this is no config of ours. */
const MOST_DATA = 4 << 20;

/** `config` as JSON; and what xl says of it. */
export function xlHead(config: string, name: string): { readonly bytes: Uint8Array; readonly said: string } {
  const text = new TextEncoder().encode(`${config}\0`);
  const bytes = new Uint8Array(header.size + 4 + text.length);
  const view = new DataView(bytes.buffer);
  const mandatoryFlags = ALL_FLAGS;
  const optionalDataLen = 4 + text.length;
  bytes.set(MAGIC);
  header.write(view, 0, { byteorder: BYTEORDER, mandatoryFlags, optionalFlags: 0, optionalDataLen });
  view.setUint32(header.size, text.length, true);
  bytes.set(text, header.size + 4);
  return {
    bytes,
    said: `Saving to ${name} new xl format (info 0x${mandatoryFlags.toString(16)}/0x0/${optionalDataLen})`,
  };
}

export interface XlHead {
  /** The config that came with it; undefined: none. */
  readonly config: { readonly text: string; readonly json: boolean } | undefined;
}

/** Reads the head of what `name` is the name of, saying what xl says. Refusals end with status 1. */
export function* readXlHead(source: ByteSource, name: string, say: (line: string) => void): Plan<XlHead> {
  const head = yield* exactly(source, header.size, "header", name);
  const view = new DataView(head.buffer, head.byteOffset, head.length);
  if (!MAGIC.every((byte, i) => head[i] === byte)) {
    throw refused(
      ["File has wrong magic number - corrupt or for a different tool?"],
      `${name} is not what xl save makes`,
    );
  }
  const { byteorder, mandatoryFlags, optionalFlags, optionalDataLen } = header.read(view, 0);
  if (byteorder !== BYTEORDER) throw refused(["File has wrong byte order"]);
  const hex = (n: number): string => `0x${n.toString(16)}`;
  say(
    `Loading new save file ${name} (new xl fmt info ${hex(mandatoryFlags)}/${hex(optionalFlags)}/${optionalDataLen})`,
  );
  const unknown = (mandatoryFlags & ~ALL_FLAGS) >>> 0;
  if (unknown !== 0) {
    throw refused([`Savefile has mandatory flag(s) ${hex(unknown)} which are not supported; need newer xl`]);
  }
  if ((mandatoryFlags & FLAG_STREAM_V2) === 0) {
    throw refused([], `${name} is of Xen 4.5 or older: its stream cannot be read here`);
  }
  if (optionalDataLen === 0) return { config: undefined };
  if (optionalDataLen > MOST_DATA) {
    throw refused([], `${name} says that its config has ${optionalDataLen} bytes: it is damaged`);
  }
  const data = yield* exactly(source, optionalDataLen, "optdata", name);
  const json = (mandatoryFlags & FLAG_JSON) !== 0;
  say(` Savefile contains xl domain config${json ? " in JSON format" : ""}`);
  if (data.length < 4) throw refused(["Savefile truncated."]);
  const length = new DataView(data.buffer, data.byteOffset).getUint32(0, true);
  if (length > data.length - 4) throw refused(["Savefile truncated."]);
  const text = new TextDecoder().decode(data.subarray(4, 4 + length)).replace(/\0.*$/s, "");
  return { config: { text, json } };
}

const READS = {
  header: {
    line: 713,
    call: 'libxl_read_exactly( ctx, restore_fd, &hdr, sizeof(hdr), restore_source, "header")',
  },
  optdata: {
    line: 740,
    call: 'libxl_read_exactly( ctx, restore_fd, optdata_begin, hdr.optional_data_len, restore_source, "optdata")',
  },
} as const;

function* exactly(
  source: ByteSource,
  count: number,
  what: keyof typeof READS,
  name: string,
): Plan<Uint8Array> {
  const bytes = yield* source.take(count);
  if (bytes.length === count) return bytes;
  const place = "libxl_utils.c:505:libxl_read_exactly";
  const { line, call } = READS[what];
  throw refused([
    `libxl: error: ${place}: file/stream truncated reading ${what} from ${name}`,
    `xl: fatal error: xl_vmcontrol.c:${line}: Protocol error: ${call}`,
  ]);
}

const refused = (lines: readonly string[], hint?: string): XlError => new XlError(1, lines, hint);
