/** xl mem-max: how much memory a guest may have. */
import { memoryCommand } from "../memory-size.ts";

export const memMax = memoryCommand({
  name: "mem-max",
  summary: "Set the maximum amount reservation for a domain",
  method: "memMax",
  limit: "static",
});
