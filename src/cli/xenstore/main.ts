/**
 * bin/xenstore-*: Xen's own programs, on the host of the state directory. Options, output and exit status are those of
 * xenstore_client.c (4.17).
 */
import { XS } from "../../abi/io/xs-wire.ts";
import { bytesOf, type Octets } from "../../xenstore/octets.ts";
import { outBytes, warn } from "../output.ts";
import { chmod } from "./chmod.ts";
import { connectXenstore, type XsConnection } from "./connection.ts";
import { control } from "./control.ts";
import { ls } from "./ls.ts";
import { exists, list, read, rm, write } from "./nodes.ts";
import { readOptions } from "./options.ts";
import { octets, type Tool, type ToolCall, ToolError } from "./tool.ts";
import { watch } from "./watch.ts";

const TOOLS: readonly Tool[] = [chmod, exists, list, ls, read, rm, watch, write];
const FAILURE = 1;

/** Runs `xenstore-NAME` and answers its exit status; never throws. */
export async function main(name: string, argv: readonly string[]): Promise<number> {
  const program = `xenstore-${name}`;
  const complain = (line: Octets): void =>
    warn(Buffer.from(`${program}: ${line}`, "latin1").toString("utf8"));
  try {
    if (name === "control") return await control(argv);
    const tool = TOOLS.find((known) => known.name === name);
    if (tool === undefined) throw new ToolError(`unknown mode ${name}\n`);
    return await runTool(tool, program, argv, complain);
  } catch (error) {
    if (error instanceof ToolError) {
      complain(error.message);
      return FAILURE;
    }
    const { report } = await import("../report.ts");
    return report(error);
  }
}

async function runTool(
  tool: Tool,
  program: string,
  argv: readonly string[],
  complain: (line: Octets) => void,
): Promise<number> {
  const given = readOptions(argv);
  const usage = new ToolError(`Usage: ${program} ${tool.usage}`);
  given.complaints.forEach(complain);
  if (given.options.some(({ letter }) => letter !== "s" && !tool.letters.includes(letter))) throw usage;
  if (!tool.accepts(given.operands.length)) throw usage;

  const xs = await connectXenstore();
  let said: Octets = "";
  const number = given.options.filter(({ letter }) => letter === "n").at(-1)?.value;
  const call = (txId: number): ToolCall => ({
    xs,
    txId,
    operands: given.operands.map(octets),
    has: (wanted) => given.options.some(({ letter }) => letter === wanted),
    number: number === undefined ? undefined : Number.parseInt(number, 10) || 0,
    say: (text) => {
      said += text;
    },
    print: (text) => outBytes(bytesOf(text)),
    warn: complain,
  });
  try {
    if (!tool.transacts(given.operands.length)) {
      const status = await tool.run(call(0));
      outBytes(bytesOf(said));
      return status;
    }
    for (;;) {
      said = "";
      const status = await transact(xs, (txId) => tool.run(call(txId)));
      if (status === "again") continue;
      outBytes(bytesOf(said));
      return status;
    }
  } finally {
    xs.close();
  }
}

/** "again": others changed what was looked at. */
async function transact(
  xs: XsConnection,
  body: (txId: number) => Promise<number>,
): Promise<number | "again"> {
  const started = await xs.request(XS.TRANSACTION_START, "\0");
  if (!started.ok) throw new ToolError("couldn't start transaction");
  const txId = Number.parseInt(started.value, 10);
  const status = await body(txId);
  const ended = await xs.request(XS.TRANSACTION_END, status === 0 ? "T\0" : "F\0", txId);
  if (ended.ok) return status;
  if (status === 0 && ended.errno === "EAGAIN") return "again";
  throw new ToolError("couldn't end transaction");
}
