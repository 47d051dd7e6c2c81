/** The nodes of the primary PV console, served by xenconsoled (libxl__device_console_add, libxl__device_generic_add). */
import { XenbusState } from "../../abi/io/xenbus.ts";
import type { XsAccess } from "../../xenstore/client/client.ts";
import { cleanPath, type NodeWrite, readableFor } from "./nodes.ts";

/** xenconsoled keeps this many bytes that nobody has read. */
const LIMIT = 1_048_576;

export interface ConsoleDevice {
  readonly domid: number;
  readonly port: number;
  readonly mfn: number;
}

const paths = (domid: number) => ({
  frontend: `/local/domain/${domid}/console`,
  backend: `/local/domain/0/backend/console/${domid}/0`,
  libxl: `/libxl/${domid}/device/console/0`,
});

export function consoleNodes({ domid, port, mfn }: ConsoleDevice): NodeWrite[] {
  const { frontend, backend, libxl } = paths(domid);
  const frontendRow = (node: string, value: string | number): NodeWrite => ({
    path: `${frontend}/${node}`,
    value: String(value),
    perms: readableFor(0, domid),
  });
  const backendRows = (base: string): NodeWrite[] =>
    Object.entries({
      "frontend-id": domid,
      online: 1,
      state: XenbusState.Initialising,
      protocol: "vt100",
    }).map(([node, value]) => ({ path: `${base}/${node}`, value: String(value), perms: undefined }));
  return [
    { path: `${libxl}/frontend`, value: frontend, perms: undefined },
    { path: `${libxl}/backend`, value: backend, perms: undefined },
    { path: frontend, value: undefined, perms: readableFor(0, domid), fresh: true },
    { path: `${frontend}/backend`, value: backend, perms: undefined },
    { path: `${frontend}/backend-id`, value: "0", perms: readableFor(domid, 0) },
    frontendRow("limit", LIMIT),
    frontendRow("type", "xenconsoled"),
    frontendRow("output", "pty"),
    frontendRow("tty", ""),
    frontendRow("port", port),
    frontendRow("ring-ref", mfn),
    { path: backend, value: undefined, perms: readableFor(0, domid), fresh: true },
    { path: `${backend}/frontend`, value: frontend, perms: undefined },
    ...backendRows(backend),
    ...backendRows(libxl),
  ];
}

/** For the transaction that adds the device: what an earlier one left goes first. */
export const forgetConsole = (to: XsAccess, domid: number): void => {
  to.remove(paths(domid).libxl);
};

/** In a transaction: everything of the console, when the domain goes. */
export function removeConsole(from: XsAccess, domid: number): void {
  const { frontend, backend, libxl } = paths(domid);
  cleanPath(from, frontend);
  cleanPath(from, libxl);
  cleanPath(from, backend);
}
