/** xenstore-ls: the tree below a path; on a terminal cut to its width. */
import { XS } from "../../abi/io/xs-wire.ts";
import type { Octets } from "../../xenstore/octets.ts";
import { stringsOf } from "../../xenstore/wire.ts";
import { failed, type Tool, type ToolCall } from "./tool.ts";
import { sanitise } from "./values.ts";

/** Room that ` = "..."` takes. */
const TAG = ' = "..."'.length;
const PLAIN_WIDTH = 80;
/** Permissions stand in this column where the value leaves room. */
const PERMS_COLUMN = 60;

interface Layout {
  readonly flat: boolean;
  readonly perms: boolean;
  /** Negative: the terminal does not say how wide it is. */
  readonly width: number;
}

export const ls: Tool = {
  name: "ls",
  usage: "[-h] [-f] [-p] [-s] [path]",
  letters: "fp",
  accepts: () => true,
  transacts: () => false,
  async run(call) {
    const { isTTY, columns } = process.stdout;
    const layout: Layout = {
      flat: call.has("f"),
      perms: call.has("p"),
      width: isTTY ? columns - 2 : PLAIN_WIDTH,
    };
    const paths = call.operands.length === 0 ? ["/"] : call.operands;
    for (const path of paths) {
      const names = await call.xs.directory(path);
      if (!names.ok) throw failed(`xs_directory (${path})`, names.errno);
      await list(call, layout, path, names.value, 0);
    }
    return 0;
  },
};

async function list(
  call: ToolCall,
  layout: Layout,
  path: Octets,
  names: readonly Octets[],
  depth: number,
): Promise<void> {
  const { xs } = call;
  for (const name of names) {
    const child = path.endsWith("/") ? path + name : `${path}/${name}`;
    const [value, perms, below] = await Promise.all([
      xs.request(XS.READ, `${child}\0`),
      layout.perms ? xs.request(XS.GET_PERMS, `${child}\0`) : undefined,
      xs.directory(child),
    ]);
    const shown = line(layout, layout.flat ? child : name, value.ok ? value.value : undefined, depth);
    if (perms === undefined) call.print(`${shown}\n`);
    else if (perms.ok) call.print(`${shown}  (${stringsOf(perms.value).join(",")})\n`);
    else {
      call.print(`${shown}\n`);
      call.warn(failed(`\ncould not access permissions for ${name}`, perms.errno).message);
    }
    if (below.ok) await list(call, layout, child, below.value, depth + 1);
    // One that has gone meanwhile is passed over.
    else if (below.errno !== "ENOENT") throw failed(`xs_directory (${child})`, below.errno);
  }
}

function line(layout: Layout, name: Octets, value: Octets | undefined, depth: number): string {
  const { flat, width } = layout;
  const head = flat ? name : " ".repeat(depth) + cut(name, width - TAG - depth);
  if (value === undefined) return `${head}:\n`;
  const used = flat ? 0 : head.length;
  const shown = sanitise(value);
  if (!flat && width >= 0 && width < used + value.length + TAG) {
    return `${head} = "${cut(shown, width - TAG - used)}\\..."`;
  }
  const whole = `${head} = "${shown}"`;
  return layout.perms ? pad(whole, flat ? 0 : Math.min(PERMS_COLUMN, width), flat) : whole;
}

/** printf's precision: a negative one is none. */
const cut = (text: string, most: number): string => (most < 0 ? text : text.slice(0, most));

/** A space, then dots at the odd columns, so that the eye finds the permissions. */
function pad(text: string, column: number, flat: boolean): string {
  let padded = `${text} `;
  if (flat) return padded;
  while (padded.length < column) padded += padded.length % 2 === 1 ? "." : " ";
  return padded;
}
