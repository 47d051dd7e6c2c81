/** The act of a create that restores: libxl's stream, and in it libxc's ({@link restoreImage}). */
import type { Gate } from "../../abi/hypercall.ts";
import type { Domid, Port } from "../../abi/types.ts";
import { XlError } from "../error.ts";
import { libxlError } from "../lines.ts";
import type { Plan } from "../wait.ts";
import { readLibxlHeader, readLibxlRecord } from "./libxl-stream.ts";
import { type Restored, restoreImage } from "./restore-image.ts";
import type { ByteSource } from "./stream.ts";
import { XcFault } from "./xc-fault.ts";

/** What a domain is restored from, instead of being built from a kernel. */
export interface SavedDomain {
  /** xl's head has been taken off it. */
  readonly source: ByteSource;
  readonly say: (line: string) => void;
}

/** Throws XlError with libxc's and libxl's lines. */
export function* restoreDomain(
  gate: Gate,
  domid: Domid,
  saved: SavedDomain,
  ports: { readonly storePort: Port; readonly consolePort: Port },
): Plan<Restored> {
  const { source, say } = saved;
  const info = gate.domctl.getInfo(domid);
  const maxPages = info.ok ? info.value.maxPages : 0;
  let restored: Restored | undefined;
  try {
    yield* readLibxlHeader(source);
    while ((yield* readLibxlRecord(source)) === "libxc-context") {
      if (restored !== undefined) throw new XcFault([], "the stream has a second domain in it");
      restored = yield* restoreImage({ gate, domid, source, maxPages, say, ...ports });
    }
    return restored ?? noDomain();
  } catch (error) {
    if (error instanceof XlError) throw cannotBuild(domid, error.lines, error.hint);
    if (!(error instanceof XcFault)) throw error;
    const done = "libxl_stream_read.c:850:libxl__xc_domain_restore_done";
    throw cannotBuild(
      domid,
      [...error.lines, libxlError(done, undefined, "restoring domain: Success")],
      error.hint,
    );
  }
}

function noDomain(): never {
  throw new XcFault([], "the stream ends before the domain begins");
}

function cannotBuild(domid: Domid, lines: readonly string[], hint: string | undefined): XlError {
  const last = libxlError(
    "libxl_create.c:1640:domcreate_rebuild_done",
    domid,
    "cannot (re-)build domain: -3",
  );
  return new XlError(3, [...lines, last], hint);
}
