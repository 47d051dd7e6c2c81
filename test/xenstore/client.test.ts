import { expect, test } from "vitest";
import { connectLocal, XsError } from "../../src/xenstore/client/client.ts";
import { Xenstored } from "../../src/xenstore/xenstored.ts";
import { FakeMachine } from "../support/fake-gate.ts";

function connected(domid = 0) {
  const machine = new FakeMachine();
  const xenstored = new Xenstored(machine.gate);
  return { machine, xenstored, xs: connectLocal(xenstored, machine.clock, domid) };
}

test("text goes in and comes out, whatever its letters", () => {
  const { xs } = connected();
  xs.write("/name", "Gäst ☃");
  expect(xs.read("/name")).toBe("Gäst ☃");
  expect(xs.read("/none")).toBeUndefined();
  expect(xs.directory("/none")).toBeUndefined();
  expect(xs.remove("/none/at/all")).toBe(false);
});

test("a refusal is an error with its errno", () => {
  const { xs } = connected(3);
  expect(() => xs.write("/name", "x")).toThrow(XsError);
  expect(() => xs.read("/tool")).toThrow("EACCES");
});

test("events come at a scheduling point, in order, and not after cancel", () => {
  const { machine, xs } = connected();
  const told: string[] = [];
  const watch = xs.watch("/d", (path) => told.push(path));
  expect(told).toEqual([]);
  machine.settle();
  expect(told).toEqual(["/d"]);
  xs.write("/d/a", "1");
  xs.write("/d/b", "1");
  xs.write("/d/a", "2");
  machine.settle();
  expect(told).toEqual(["/d", "/d/a", "/d/b"]);
  xs.write("/d/c", "1");
  watch.cancel();
  machine.settle();
  expect(told.length).toBe(3);
});

test("a transaction commits when its body returns, is forgotten when it throws, and is run again after a conflict", () => {
  const { xs } = connected();
  expect(
    xs.transaction((tx) => {
      tx.write("/a", "1");
      return tx.read("/a");
    }),
  ).toBe("1");
  expect(() =>
    xs.transaction((tx) => {
      tx.write("/a", "2");
      throw new Error("no");
    }),
  ).toThrow("no");
  expect(xs.read("/a")).toBe("1");
  let runs = 0;
  xs.transaction((tx) => {
    tx.read("/a");
    if (++runs === 1) xs.write("/a", "meanwhile");
    tx.write("/b", "1");
  });
  expect(runs).toBe(2);
});

test("a directory of any length is listed whole", () => {
  const { xs } = connected();
  const names = Array.from({ length: 2000 }, (_, n) => `child-${n}`);
  for (const name of names) xs.write(`/many/${name}`, "");
  expect(xs.directory("/many")).toEqual(names);
});

test("xenstored's work is charged to dom0", () => {
  const { machine, xs } = connected();
  xs.write("/a", "x".repeat(100));
  expect(machine.charged.get("byte")).toBeGreaterThan(100);
  expect(machine.charged.get("entry")).toBeGreaterThan(0);
});
