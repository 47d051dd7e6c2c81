/** `xl save` and the sending half of `xl migrate`, as xl and libxl do them around libxc's {@link saveImage}. */
import type { Domid } from "../../abi/types.ts";
import type { Dom0 } from "../dom0.ts";
import { XlError } from "../error.ts";
import { libxlError } from "../lines.ts";
import { destroyDomain } from "../plan/destroy.ts";
import type { RecentDomids } from "../recent-domids.ts";
import type { Plan } from "../wait.ts";
import { LIBXL_REC, libxlHeader, libxlRecord } from "./libxl-stream.ts";
import { ProgressLines } from "./progress.ts";
import { saveImage } from "./save-image.ts";
import { type ByteSink, StreamBroken } from "./stream.ts";
import { resumeGuest, type Suspended, suspendGuest } from "./suspend.ts";
import { XcFault, xcError } from "./xc-fault.ts";
import { xlHead } from "./xl-file.ts";

export interface SaveWish {
  readonly domid: Domid;
  /** The domain's config as JSON, which the stream takes along. */
  readonly config: string;
  /** What the stream is called in messages. */
  readonly name: string;
  readonly sink: ByteSink;
  /** Lines on stderr as they come. */
  readonly say: (line: string) => void;
}

/** What becomes of the domain once it is saved. */
export type AfterSave = "destroy" | "resume" | "pause";

/** Throws XlError with status 1 where it fails; the domain then goes on, if it can. */
export function* saveDomain(dom0: Dom0, recent: RecentDomids, wish: SaveWish, after: AfterSave): Plan<void> {
  const { domid, say } = wish;
  const sent = yield* sendDomain(dom0, wish);
  if (sent !== 0) {
    say("Failed to save domain, resuming domain");
    for (const line of resumeGuest(dom0, domid)) say(line);
    throw new XlError(1, []);
  }
  if (after === "destroy") {
    yield* destroyDomain(dom0, recent, domid);
    return;
  }
  if (after === "pause") dom0.gate.domctl.pause(domid);
  for (const line of resumeGuest(dom0, domid)) say(line);
}

const GUEST_TIMEDOUT = -8;
const FAIL = -3;

/**
 * The whole stream, xl's head first: 0, or libxl's error number with everything said. The domain is left suspended, or
 * (-8) running: it has not answered.
 */
export function* sendDomain(dom0: Dom0, wish: SaveWish): Plan<number> {
  const { domid, sink, say } = wish;
  const progress = new ProgressLines();
  let suspended: Suspended | undefined;
  const failed = (xc: readonly string[], errno: string, hint: string | undefined): number => {
    const responded = suspended !== undefined && (suspended.ok || suspended.responded);
    const text = `saving domain: domain ${responded ? "responded" : "did not respond"} to suspend request: ${errno}`;
    for (const line of xc) say(line);
    say(libxlError("libxl_stream_write.c:347:libxl__xc_domain_save_done", domid, text));
    const why = hint ?? (suspended?.ok === false ? suspended.hint : undefined);
    if (why !== undefined) say(`xlab: ${why}`);
    return responded ? FAIL : GUEST_TIMEDOUT;
  };
  try {
    const head = xlHead(wish.config, wish.name);
    yield* sink.put(head.bytes);
    say(head.said);
    yield* sink.put(libxlHeader());
    yield* sink.put(libxlRecord(LIBXL_REC.LIBXC_CONTEXT));
    yield* saveImage({
      gate: dom0.gate,
      domid,
      sink,
      say,
      progress(what, done, total) {
        const line = progress.line(what, done, total);
        if (line !== undefined) say(line);
      },
      *suspend() {
        suspended = yield* suspendGuest(dom0, domid);
        if (!suspended.ok) for (const line of suspended.lines) say(line);
        return suspended.ok;
      },
    });
    yield* sink.put(libxlRecord(LIBXL_REC.END));
    return 0;
  } catch (error) {
    if (error instanceof XcFault) return failed(error.lines, "Success", error.hint);
    if (!(error instanceof StreamBroken)) throw error;
    const lines = [
      xcError(`Failed to write page data to stream (${error.why})`),
      xcError(`Save failed (${error.why})`),
    ];
    return failed(lines, error.why.replace(/^\d+ = /, ""), undefined);
  }
}
