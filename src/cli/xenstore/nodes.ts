/** xenstore-read, -write, -list, -exists, -rm. */
import { XS } from "../../abi/io/xs-wire.ts";
import type { Octets } from "../../xenstore/octets.ts";
import type { Tool, ToolCall } from "./tool.ts";
import { sanitise, unsanitise } from "./values.ts";

const someOperands = (count: number): boolean => count > 0;

export const read: Tool = {
  name: "read",
  usage: "[-h] [-p] [-s] [-R] key [...]",
  letters: "pR",
  accepts: someOperands,
  transacts: (operands) => operands > 1,
  async run(call) {
    for (const path of call.operands) {
      const value = await call.xs.request(XS.READ, `${path}\0`, call.txId);
      if (!value.ok) {
        call.warn(`couldn't read path ${path}`);
        return 1;
      }
      if (call.has("p")) call.say(`${path}: `);
      call.say(call.has("R") ? value.value : `${sanitise(value.value)}\n`);
    }
    return 0;
  },
};

export const write: Tool = {
  name: "write",
  usage: "[-h] [-s] [-R] key value [...]",
  letters: "R",
  accepts: (operands) => operands > 0 && operands % 2 === 0,
  transacts: (operands) => operands > 2,
  async run(call) {
    for (let at = 0; at < call.operands.length; at += 2) {
      const path = call.operands[at] ?? "";
      const typed = call.operands[at + 1] ?? "";
      const value = call.has("R") ? typed : unsanitise(typed);
      const written = await call.xs.request(XS.WRITE, `${path}\0${value}`, call.txId);
      if (!written.ok) {
        call.warn(`could not write path ${path}`);
        return 1;
      }
    }
    return 0;
  },
};

export const list: Tool = {
  name: "list",
  usage: "[-h] [-p] [-s] key [...]",
  letters: "p",
  accepts: someOperands,
  transacts: () => true,
  async run(call) {
    for (const path of call.operands) {
      const names = await call.xs.directory(path, call.txId);
      if (!names.ok) {
        call.warn(`could not list path ${path}`);
        return 1;
      }
      for (const name of names.value) call.say(call.has("p") ? `${path}/${name}\n` : `${name}\n`);
    }
    return 0;
  },
};

export const exists: Tool = {
  name: "exists",
  usage: "[-h] [-p] [-s] key [...]",
  letters: "",
  accepts: someOperands,
  transacts: () => true,
  async run({ xs, operands, txId }) {
    for (const path of operands) if (!(await xs.request(XS.READ, `${path}\0`, txId)).ok) return 1;
    return 0;
  },
};

export const rm: Tool = {
  name: "rm",
  usage: "[-h] [-s] [-t] key [...]",
  letters: "t",
  accepts: someOperands,
  transacts: () => true,
  async run(call) {
    for (const path of call.operands) {
      if (!(await remove(call, path))) return 1;
      if (call.has("t") && !(await tidy(call, path))) return 1;
    }
    return 0;
  },
};

async function remove(call: ToolCall, path: Octets): Promise<boolean> {
  const removed = await call.xs.request(XS.RM, `${path}\0`, call.txId);
  if (!removed.ok) call.warn(`could not remove path ${path}`);
  return removed.ok;
}

/** The directories above, as long as they hold neither value nor child. */
async function tidy(call: ToolCall, path: Octets): Promise<boolean> {
  for (let at = path; at.includes("/"); ) {
    at = at.slice(0, at.lastIndexOf("/"));
    const value = await call.xs.request(XS.READ, `${at}\0`, call.txId);
    if (!value.ok || value.value !== "") return true;
    const names = await call.xs.directory(at, call.txId);
    if (!names.ok || names.value.length > 0) return true;
    if (!(await remove(call, at))) return false;
  }
  return true;
}
