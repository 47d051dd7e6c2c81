/** configs/redteam.cfg as a user starts it, with a neighbour beside it. */
import { afterAll, expect, test } from "vitest";
import { machine } from "../support/cli.ts";

const m = machine();
afterAll(() => m.close());

test("every attempt is refused, and the neighbour goes on", { timeout: 120_000 }, async () => {
  expect((await m.run("xl", "create", "configs/hello.cfg", 'extra="stay"')).status).toBe(0);
  const ran = await m.run("xl", "create", "-c", "configs/redteam.cfg");
  expect(ran.status).toBe(0);
  const lines = ran.stdout.trimEnd().split(/\r?\n/);
  expect(lines.filter((line) => line.includes("(!)"))).toEqual([]);
  expect(lines.at(-1)).toBe("Test result: SUCCESS");
  expect(lines.filter((line) => line.includes("the neighbour's frame")).length).toBeGreaterThan(10);
  expect((await m.run("xl", "list", "hello")).status).toBe(0);
});
