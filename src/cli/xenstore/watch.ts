/** xenstore-watch: a line for every event, the first for the watch itself; -n ends after so many. */
import { XS } from "../../abi/io/xs-wire.ts";
import { type Tool, ToolError } from "./tool.ts";

export const watch: Tool = {
  name: "watch",
  usage: "[-h] [-n NR] key",
  letters: "n",
  accepts: (operands) => operands > 0,
  transacts: () => false,
  async run({ xs, operands, number = -1, print }) {
    let left = number;
    let enough = (): void => {};
    const done = new Promise<void>((resolve) => {
      enough = resolve;
    });
    if (left === 0) enough();
    xs.heard = (path) => {
      if (left === 0) return;
      print(`${path}\n`);
      if (left > 0 && --left === 0) enough();
    };
    for (const path of operands) {
      const set = await xs.request(XS.WATCH, `${path}\0${path}\0`);
      if (!set.ok) throw new ToolError(`Unable to add watch on ${path}\n`);
    }
    await Promise.race([done, xs.gone]);
    return 0;
  },
};
