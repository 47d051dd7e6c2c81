/** Giving a domain another name (libxl__domain_rename): `xl rename`, and what rename-restart leaves behind. */
import type { Domid } from "../../abi/types.ts";
import type { Dom0 } from "../dom0.ts";
import { XlError } from "../error.ts";
import { libxlError } from "../lines.ts";
import { domidOf } from "../names.ts";
import { uuidText } from "../uuid.ts";
import { readableFor } from "./nodes.ts";

const PLACE = "libxl_domain.c:81:libxl__domain_rename";
const RACING = "libxl_domain.c:99:libxl__domain_rename";

/** libxl's line when `name` is somebody else's; undefined: it is free, empty, or the domain's own. */
export function nameTakenLine(dom0: Dom0, domid: Domid, name: string): string | undefined {
  if (name === "") return undefined;
  const other = domidOf(dom0, name);
  if (other === undefined || other === domid) return undefined;
  return libxlError(PLACE, domid, `Domain with name "${name}" already exists.`);
}

/** `said`: what the user called the domain; `oldName`: undefined when that was its id. */
export function renameDomain(
  dom0: Dom0,
  domid: Domid,
  said: string,
  oldName: string | undefined,
  newName: string,
): void {
  const last = `Can't rename domain '${said}'.`;
  const taken = nameTakenLine(dom0, domid, newName);
  if (taken !== undefined) throw new XlError(1, [taken, last]);
  const info = dom0.gate.domctl.getInfo(domid);
  if (!info.ok) throw new XlError(1, [last], `there is no domain ${domid}`);
  dom0.xs.transaction((tx) => {
    const path = `/local/domain/${domid}/name`;
    const now = tx.read(path);
    if (oldName !== undefined && now !== oldName) {
      const text = `Allegedly named \`${oldName}' is actually named \`${now ?? ""}' - racing ?`;
      throw new XlError(1, [libxlError(RACING, domid, text), last]);
    }
    tx.write(path, newName);
    tx.write(`/vm/${uuidText(info.value.handle)}/name`, newName);
  });
}

/**
 * rename-restart (libxl_domain_preserve): the dead domain gets `name`, which is free, and a /vm entry of its own. Its handle
 * stays what it was, and the old /vm entry waits for the successor, who has the same uuid.
 */
export function preserveAs(dom0: Dom0, domid: Domid, name: string, uuid: string): void {
  const info = dom0.gate.domctl.getInfo(domid);
  const vm = `/vm/${uuid}`;
  dom0.xs.transaction((tx) => {
    tx.remove(vm);
    tx.mkdir(vm);
    tx.setPerms(vm, readableFor(0, domid));
    tx.write(`/local/domain/${domid}/vm`, vm);
    tx.write(`/local/domain/${domid}/name`, name);
    if (info.ok) tx.write(`/vm/${uuidText(info.value.handle)}/name`, name);
    tx.write(`${vm}/uuid`, uuid);
  });
}
