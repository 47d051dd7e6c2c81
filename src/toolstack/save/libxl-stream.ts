/**
 * libxl's part of the stream, version 2 (docs/specs/libxl-migration-stream): a header, then records {u32 type, u32 length,
 * body padded to 8 bytes}. The record LIBXC_CONTEXT has no length: libxc's stream follows it as it is.
 */
import { at, struct, u32 } from "../../lib/struct.ts";
import { XlError } from "../error.ts";
import { libxlError } from "../lines.ts";
import type { Plan } from "../wait.ts";
import type { ByteSource } from "./stream.ts";

const IDENT = 0x4c69_6278_6c46_6d74n; // "LibxlFmt"
const VERSION = 2;
const BIG_ENDIAN = 1;
const HEADER_SIZE = 16;
const record = struct("libxl__sr_rec_hdr", 8, { type: at(0, u32), length: at(4, u32) });

export const LIBXL_REC = {
  END: 0,
  LIBXC_CONTEXT: 1,
  EMULATOR_XENSTORE_DATA: 2,
  EMULATOR_CONTEXT: 3,
  CHECKPOINT_END: 4,
  CHECKPOINT_STATE: 5,
} as const;

/** The header: its numbers are big endian whatever the rest is. */
export function libxlHeader(): Uint8Array {
  const bytes = new Uint8Array(HEADER_SIZE);
  const view = new DataView(bytes.buffer);
  view.setBigUint64(0, IDENT);
  view.setUint32(8, VERSION);
  return bytes;
}

/** A record without a body. */
export function libxlRecord(type: number): Uint8Array {
  const bytes = new Uint8Array(record.size);
  record.write(new DataView(bytes.buffer), 0, { type, length: 0 });
  return bytes;
}

const STREAM = "libxl_stream_read.c";
const COPIER = "libxl_aoutils.c:260:datacopier_readable";
const failed = (place: string, text: string): XlError => new XlError(3, [libxlError(place, undefined, text)]);

export function* readLibxlHeader(source: ByteSource): Plan<void> {
  const bytes = yield* exactly(source, HEADER_SIZE, "stream header");
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const hex = (n: bigint): string => `0x${n.toString(16).padStart(16, "0")}`;
  if (view.getBigUint64(0) !== IDENT) {
    const text = `Invalid ident: expected ${hex(IDENT)}, got ${hex(view.getBigUint64(0))}`;
    throw failed(`${STREAM}:340:stream_header_done`, text);
  }
  if (view.getUint32(8) !== VERSION) {
    const text = `Unexpected Version: expected ${VERSION}, got ${view.getUint32(8)}`;
    throw failed(`${STREAM}:347:stream_header_done`, text);
  }
  if ((view.getUint32(12) & BIG_ENDIAN) !== 0) {
    throw failed(`${STREAM}:353:stream_header_done`, "Unable to handle big endian streams");
  }
}

/** The next record of a PV domain's stream; a record that it cannot have is refused. */
export function* readLibxlRecord(source: ByteSource): Plan<"libxc-context" | "end"> {
  const bytes = yield* exactly(source, record.size, "record header");
  const { type } = record.read(new DataView(bytes.buffer, bytes.byteOffset, bytes.length), 0);
  const place = (line: number): string => `${STREAM}:${line}:process_record`;
  switch (type) {
    case LIBXL_REC.END:
      return "end";
    case LIBXL_REC.LIBXC_CONTEXT:
      return "libxc-context";
    case LIBXL_REC.EMULATOR_XENSTORE_DATA:
      throw failed(place(589), "Received a xenstore emulator record when none was expected");
    case LIBXL_REC.EMULATOR_CONTEXT:
      throw failed(place(617), "Received an emulator context record when none was expected");
    case LIBXL_REC.CHECKPOINT_END:
      throw failed(place(627), "Unexpected CHECKPOINT_END record in stream");
    case LIBXL_REC.CHECKPOINT_STATE:
      throw failed(place(636), "Unexpected CHECKPOINT_STATE record in stream");
    default:
      throw failed(place(646), `Unrecognised record 0x${type.toString(16).padStart(8, "0")}`);
  }
}

function* exactly(source: ByteSource, count: number, what: string): Plan<Uint8Array> {
  const bytes = yield* source.take(count);
  if (bytes.length === count) return bytes;
  throw failed(COPIER, `unexpected eof on restore stream during copy of ${what}`);
}
