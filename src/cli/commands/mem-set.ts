/** xl mem-set: how much memory a guest shall have; it balloons there by itself. */
import { memoryCommand } from "../memory-size.ts";

export const memSet = memoryCommand({
  name: "mem-set",
  summary: "Set the current memory usage for a domain",
  method: "memSet",
  limit: "dynamic",
});
