/** xenstore-chmod: the permissions of a node, of those above it (-u), of those below (-r). */
import { XS } from "../../abi/io/xs-wire.ts";
import type { Octets } from "../../xenstore/octets.ts";
import { failed, type Tool, type ToolCall, ToolError } from "./tool.ts";

export const chmod: Tool = {
  name: "chmod",
  usage: "[-h] [-u] [-r] [-s] key <mode [modes...]>",
  letters: "ur",
  accepts: (operands) => operands > 0,
  transacts: () => true,
  async run(call) {
    const [path = "", ...modes] = call.operands;
    const perms = modes.map((mode) => {
      if (!/^[nrwb]/.test(mode)) throw new ToolError(`Invalid permission specification: '${mode.charAt(0)}'`);
      return `${mode.charAt(0)}${Number.parseInt(mode.slice(1), 10) || 0}\0`;
    });
    await change(call, path, perms.join(""), call.has("u"), call.has("r"));
    return 0;
  },
};

async function change(
  call: ToolCall,
  path: Octets,
  perms: Octets,
  up: boolean,
  down: boolean,
): Promise<void> {
  if (path === "") return;
  const changed = await call.xs.request(XS.SET_PERMS, `${path}\0${perms}`, call.txId);
  if (!changed.ok) throw failed(`Error occurred setting permissions on '${path}'`, changed.errno);
  if (up) {
    const slash = path.lastIndexOf("/");
    if (slash < 0) throw new ToolError(`Unable to locate path separator '/' in '${path}'`);
    await change(call, path.slice(0, slash), perms, true, false);
  }
  if (!down) return;
  const names = await call.xs.directory(path, call.txId);
  if (names.ok) for (const name of names.value) await change(call, `${path}/${name}`, perms, false, true);
}
