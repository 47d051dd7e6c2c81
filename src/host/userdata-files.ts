/**
 * The toolstack's userdata as files of the state directory, under libxl's names: userdata-d.DOMID.UUID.libxl-json. They are
 * for people and scripts; the host itself never reads them.
 */
import { rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Domid } from "../abi/types.ts";
import { domainConfigJson } from "../toolstack/config/parse.ts";
import type { Kept, UserdataListener } from "../toolstack/userdata.ts";

export interface UserdataFiles {
  readonly changed: UserdataListener;
  /** Everything heard of so far is in the files. */
  flush(): Promise<void>;
}

/** Files are written one after the other; `complain` hears why one could not be, once. */
export function userdataFiles(directory: string, complain: (line: string) => void): UserdataFiles {
  let queue = Promise.resolve();
  let broken = false;
  const then = (work: () => Promise<void>): void => {
    queue = queue.then(work).catch((error: unknown) => {
      if (!broken)
        complain(`cannot keep userdata: ${error instanceof Error ? error.message : String(error)}`);
      broken = true;
    });
  };
  const pathOf = (domid: Domid, uuid: string, kind: string): string =>
    join(directory, `userdata-d.${domid}.${uuid}.${kind}`);
  const remove = (path: string): void => then(() => rm(path, { force: true }));
  const write = (path: string, text: string): void => then(() => writeFile(path, text, { mode: 0o600 }));

  const changed = (domid: Domid, kept: Kept | undefined, before: Kept | undefined): void => {
    if (before !== undefined && kept === undefined) {
      remove(pathOf(domid, before.uuid, "libxl-json"));
      if (before.updated !== undefined) remove(pathOf(domid, before.uuid, "xl"));
    }
    if (kept === undefined) return;
    if (kept.libxl !== before?.libxl)
      write(pathOf(domid, kept.uuid, "libxl-json"), `${domainConfigJson(kept.libxl)}\n`);
    if (kept.updated !== undefined && kept.updated !== before?.updated)
      write(pathOf(domid, kept.uuid, "xl"), kept.updated);
  };
  return { changed, flush: () => queue };
}
