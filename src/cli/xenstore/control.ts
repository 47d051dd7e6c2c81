/** xenstore-control: a command for xenstored itself, and what it answers. */
import { XS } from "../../abi/io/xs-wire.ts";
import { bytesOf, type Octets } from "../../xenstore/octets.ts";
import { outBytes, warn } from "../output.ts";
import { connectXenstore, type XsConnection } from "./connection.ts";
import { ERRNO } from "./errno.ts";
import { octets } from "./tool.ts";

const USAGE = 2;
const REFUSED = 3;

export async function control(argv: readonly string[]): Promise<number> {
  if (argv.length === 0) {
    warn("Usage:\nxenstore-control <command> [<arg>...]");
    return USAGE;
  }
  const xs = await connectXenstore();
  try {
    return await ask(xs, argv.map(octets));
  } finally {
    xs.close();
  }
}

async function ask(xs: XsConnection, words: readonly Octets[]): Promise<number> {
  const answer = await xs.request(XS.CONTROL, words.map((word) => `${word}\0`).join(""));
  if (answer.ok) {
    const text = upToNul(answer.value);
    if (text !== "") outBytes(bytesOf(`${text}\n`));
    return 0;
  }
  if (answer.errno !== "EINVAL") {
    warn(`Error ${ERRNO[answer.errno].number} when trying to execute command.`);
    return REFUSED;
  }
  const help = await xs.request(XS.CONTROL, "help\0");
  warn(
    help.ok
      ? `Command not supported. Valid commands are:\n${upToNul(help.value)}`
      : "Error when executing command.",
  );
  return REFUSED;
}

const upToNul = (text: Octets): Octets => text.split("\0", 1)[0] ?? "";
