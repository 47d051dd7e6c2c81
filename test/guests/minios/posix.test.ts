/** The POSIX-like layer and the exported folder beneath it, from a program's side to the host's files. */
import { execFileSync, spawn } from "node:child_process";
import {
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { ERRNO } from "../../../src/abi/errno.ts";
import { REQ_FILE_OPEN, REQ_FILE_READ, REQ_FILE_WRITE } from "../../../src/abi/io/fsif.ts";
import { Domid, Gref } from "../../../src/abi/types.ts";
import type { FileServer } from "../../../src/devices/fs/files.ts";
import { FsBackend } from "../../../src/devices/fs/fsback.ts";
import { formatSlot, parseResponse } from "../../../src/devices/fs/wire.ts";
import {
  CLOCK_MONOTONIC,
  CLOCK_REALTIME,
  O_APPEND,
  O_CREAT,
  O_EXCL,
  O_RDONLY,
  O_RDWR,
  O_TRUNC,
  O_WRONLY,
  type Posix,
  runPosix,
  SEEK_CUR,
  SEEK_END,
  SEEK_SET,
} from "../../../src/guests/minios/posix.ts";
import { sleep, type Thread } from "../../../src/guests/minios/threads.ts";
import { ExportFiles, MAX_OPEN } from "../../../src/host/exports/export-files.ts";
import { Nanos } from "../../../src/lib/brand.ts";
import { makeStubWorld, SECOND, type Stub } from "./support.ts";

let outer = "";
let folder = "";
beforeEach(() => {
  outer = mkdtempSync(join(tmpdir(), "xlab-exports-"));
  folder = join(outer, "exports");
  mkdirSync(folder);
});
afterEach(() => rmSync(outer, { recursive: true, force: true }));

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

/** Runs a program with the folder exported to it, until it has ended. */
async function run(main: (posix: Posix) => Thread<number>, files = true): Promise<Stub> {
  const world = makeStubWorld();
  const { clock } = world.machine;
  const outside = {
    ask: <T>(work: () => Promise<T>, answer: (value: T) => void) => {
      void work().then((value) => clock.at(Nanos(clock.now()), () => answer(value)));
    },
  };
  const server: FileServer[] = [];
  const fsback = new FsBackend({
    gate: world.dom0,
    xs: world.xs,
    open: () => {
      const made = new ExportFiles(folder, outside);
      server.push(made);
      return made;
    },
    warn: () => {},
  });
  const stub = world.stub((os) => runPosix(os, main));
  if (files) fsback.offer(stub.domid, "exports");
  const last = performance.now() + 20_000;
  for (let round = 0; performance.now() < last && stub.end() === undefined; round++) {
    world.settle(Math.max(clock.now(), round * 1e6) + 1e6);
    await new Promise((resolve) => setImmediate(resolve));
  }
  stub.printed();
  for (const one of server) one.close();
  expect(stub.end(), stub.printed()).toBeDefined();
  return stub;
}

/** Collects what a program finds, and sees it end well. */
async function found<T>(main: (posix: Posix, say: (value: T) => void) => Thread<void>): Promise<T[]> {
  const values: T[] = [];
  const stub = await run(function* (posix) {
    yield* main(posix, (value) => values.push(value));
    return 0;
  });
  expect(stub.end(), stub.printed()).toBe(0);
  return values;
}

describe("files", () => {
  test("are made, written, sought in, appended to, listed, renamed and removed", async () => {
    const values = await found<unknown>(function* (posix, say) {
      say(yield* posix.mkdir("/sub"));
      const fd = yield* posix.open("/sub/a.txt", O_RDWR | O_CREAT | O_EXCL);
      say(fd);
      say(yield* posix.write(fd, bytes("hello, world")));
      say(yield* posix.lseek(fd, -5, SEEK_END));
      const into = new Uint8Array(100);
      say(yield* posix.read(fd, into));
      say(new TextDecoder().decode(into.subarray(0, 5)));
      say(yield* posix.read(fd, into));
      say(yield* posix.lseek(fd, 2, SEEK_SET));
      say(yield* posix.lseek(fd, 3, SEEK_CUR));
      say(yield* posix.fsync(fd));
      say(yield* posix.close(fd));
      const more = yield* posix.open("/sub/a.txt", O_WRONLY | O_APPEND);
      say(yield* posix.write(more, bytes("!")));
      yield* posix.close(more);
      const stat = yield* posix.stat("/sub/a.txt");
      say(typeof stat === "number" ? stat : [stat.mode & 0o170000, stat.size]);
      say(yield* posix.readdir("/sub"));
      say(yield* posix.rename("/sub/a.txt", "/b.txt"));
      say(yield* posix.readdir("/sub"));
      say(yield* posix.unlink("/sub"));
      say(yield* posix.readdir("/"));
    });
    expect(values).toEqual([
      0,
      3,
      12,
      7,
      5,
      "world",
      0,
      2,
      5,
      0,
      0,
      1,
      [0o100000, 13],
      ["a.txt"],
      0,
      [],
      0,
      ["b.txt"],
    ]);
    expect(readFileSync(join(folder, "b.txt"), "utf8")).toBe("hello, world!");
  });

  test("of any size go through the ring in pieces", async () => {
    const big = Uint8Array.from({ length: 200_000 }, (_, i) => (i * 31) & 255);
    writeFileSync(join(folder, "big"), big);
    const same = await found<boolean>(function* (posix, say) {
      const from = yield* posix.open("/big", O_RDONLY);
      const to = yield* posix.open("/copy", O_WRONLY | O_CREAT | O_TRUNC);
      const piece = new Uint8Array(50_000);
      for (;;) {
        const count = yield* posix.read(from, piece);
        if (count <= 0) break;
        yield* posix.write(to, piece.subarray(0, count));
      }
      say(true);
    });
    expect(same).toEqual([true]);
    expect(readFileSync(join(folder, "copy")).equals(Buffer.from(big))).toBe(true);
  });

  test("many names are listed page by page", async () => {
    for (let i = 0; i < 500; i++)
      writeFileSync(join(folder, `a name of some length ${String(i).padStart(4, "0")}`), "");
    const [names] = await found<readonly string[] | number>(function* (posix, say) {
      say(yield* posix.readdir("/"));
    });
    expect(names).toHaveLength(500);
  });

  const refusals: [string, string, (posix: Posix) => Thread<unknown>][] = [
    ["a name that is not there", "ENOENT", (posix) => posix.open("/none", O_RDONLY)],
    ["..", "EACCES", (posix) => posix.open("/../secret", O_RDONLY)],
    [".. in the middle", "EACCES", (posix) => posix.open("/sub/../../secret", O_RDONLY)],
    ["a NUL in a name", "EINVAL", (posix) => posix.open("/a\0b", O_RDONLY)],
    ["a name that is too long", "EINVAL", (posix) => posix.open(`/${"n".repeat(300)}`, O_RDWR | O_CREAT)],
    ["a path that is too long", "EINVAL", (posix) => posix.open("/d".repeat(2000), O_RDONLY)],
    ["a link to a file outside", "EACCES", (posix) => posix.open("/out", O_RDONLY)],
    ["writing through a link", "EACCES", (posix) => posix.open("/out", O_RDWR | O_CREAT | O_TRUNC)],
    ["a link to a folder outside", "ENOTDIR", (posix) => posix.open("/away/secret", O_RDONLY)],
    ["listing through a link", "ENOTDIR", (posix) => posix.readdir("/away")],
    ["making a folder through a link", "ENOTDIR", (posix) => posix.mkdir("/away/new")],
    ["removing through a link", "ENOTDIR", (posix) => posix.unlink("/away/secret")],
    ["renaming to outside by a link", "ENOTDIR", (posix) => posix.rename("/sub", "/away/sub")],
    ["renaming to outside by ..", "EACCES", (posix) => posix.rename("/sub", "/../sub")],
    ["a pipe", "EACCES", (posix) => posix.open("/pipe", O_RDONLY)],
    ["making what is there", "EEXIST", (posix) => posix.mkdir("/sub")],
    ["removing a folder that is not empty", "ENOTEMPTY", (posix) => posix.unlink("/sub")],
    ["writing to a folder", "EISDIR", (posix) => posix.open("/sub", O_RDWR)],
    ["removing the export itself", "EISDIR", (posix) => posix.unlink("/")],
    ["a descriptor that is not open", "EBADF", (posix) => posix.read(77, new Uint8Array(1))],
    ["no such device", "ENOENT", (posix) => posix.open("/dev/xvda", O_RDONLY)],
  ];
  test.each(refusals)("%s is refused: %s", async (_, errno, act) => {
    writeFileSync(join(outer, "secret"), "secret");
    mkdirSync(join(folder, "sub"));
    writeFileSync(join(folder, "sub", "file"), "");
    symlinkSync("../secret", join(folder, "out"));
    symlinkSync("..", join(folder, "away"));
    execFileSync("mkfifo", [join(folder, "pipe")]);
    const [heard] = await found<unknown>(function* (posix, say) {
      say(yield* act(posix));
    });
    expect(heard).toBe(-ERRNO[errno as keyof typeof ERRNO]);
    expect(readFileSync(join(outer, "secret"), "utf8")).toBe("secret");
    expect(existsSync(join(outer, "new"))).toBe(false);
    expect(lstatSync(join(folder, "sub")).isDirectory()).toBe(true);
  });

  test(`more than ${MAX_OPEN} open at a time are refused`, async () => {
    writeFileSync(join(folder, "f"), "");
    const [last] = await found<number>(function* (posix, say) {
      let fd = 0;
      for (let i = 0; i <= MAX_OPEN; i++) fd = yield* posix.open("/f", O_RDONLY);
      say(fd);
    });
    expect(last).toBe(-ERRNO.EMFILE);
  });

  test("a program without an exported folder has none", async () => {
    const values: number[] = [];
    await run(function* (posix) {
      values.push(yield* posix.open("/x", O_RDONLY));
      return 0;
    }, false);
    expect(values).toEqual([-ERRNO.ENOENT]);
  });
});

test("a folder that turns into a link while it is walked leads nowhere", { timeout: 60_000 }, async () => {
  writeFileSync(join(outer, "secret"), "secret");
  mkdirSync(join(folder, "real"));
  writeFileSync(join(folder, "real", "secret"), "public");
  const files = new ExportFiles(folder, { ask: () => {} });
  // Another process swaps the folder and a link to the outside as fast as it can.
  const swap = `cd "$0" && while :; do mv real kept; ln -s .. real; rm -f real; mv kept real; done`;
  const swapper = spawn("sh", ["-c", swap, folder], { stdio: "ignore" });
  const heard = new Map<string, number>();
  try {
    const last = performance.now() + 20_000;
    for (let i = 0; i < 1000 || (heard.size < 2 && performance.now() < last); i++) {
      const opened = await files.perform({ op: "open", path: ["real", "secret"], flags: 0 });
      let said = opened.ok ? "" : opened.errno;
      if (opened.ok) {
        const read = await files.perform({ op: "read", fd: opened.value, offset: 0, length: 100 });
        said = read.ok ? new TextDecoder().decode(read.bytes) : read.errno;
        await files.perform({ op: "close", fd: opened.value });
      }
      heard.set(said, (heard.get(said) ?? 0) + 1);
    }
  } finally {
    const gone = new Promise((resolve) => swapper.on("exit", resolve));
    swapper.kill("SIGKILL");
    await gone;
    files.close();
  }
  expect(heard.has("secret")).toBe(false);
  expect(heard.get("public")).toBeGreaterThan(0);
  expect(heard.size).toBeGreaterThan(1);
  expect(
    [...heard.keys()].filter((said) => !["public", "ENOENT", "ENOTDIR", "EACCES"].includes(said)),
  ).toEqual([]);
});

test("a front end that writes what it likes into its ring gets refusals, or is served no more", async () => {
  const world = makeStubWorld();
  const warnings: string[] = [];
  let closed = false;
  const fsback = new FsBackend({
    gate: world.dom0,
    xs: world.xs,
    open: () => ({
      submit: (_request, answer) => answer({ ok: true, value: 0 }),
      close: () => {
        closed = true;
      },
    }),
    warn: (line) => warnings.push(line),
  });
  const heard: number[] = [];
  const stub = world.stub(function* (os) {
    yield* sleep(os, SECOND);
    const ring = os.memory.allocPage();
    const gref = ring === undefined ? undefined : os.gnttab.grantAccess(Domid(0), ring.mfn, "write");
    const port = os.gate.evtchn.allocUnbound(os.gate.domid, Domid(0));
    if (ring === undefined || gref === undefined || !port.ok) return 1;
    yield* os.xenbus.write("device/vfs/0/ring-ref", String(gref));
    yield* os.xenbus.write("device/vfs/0/event-channel", String(port.value));
    yield* os.xenbus.write("device/vfs/0/state", "3");
    yield* sleep(os, SECOND);
    // An operation that is none; a path and data in pages that were not granted; a transfer that is too large.
    const slots = [
      { op: 200, length: 0 },
      { op: REQ_FILE_OPEN, length: 10 },
      { op: REQ_FILE_WRITE, length: 4096 },
      { op: REQ_FILE_READ, length: 0xffff_ffff },
    ];
    for (const [i, { op, length }] of slots.entries()) {
      const grefs = Array.from({ length: 8 }, () => Gref(0xffff_fff0));
      ring.frame.write(64 + i * 64, formatSlot({ op, id: i, fd: 0, offset: 0, length, flags: 0, grefs }));
    }
    ring.frame.setUint32(0, slots.length);
    os.gate.evtchn.send(port.value);
    yield* sleep(os, SECOND);
    for (let i = 0; i < slots.length; i++) heard.push(parseResponse(ring.frame.read(64 + i * 64, 64)).result);
    ring.frame.setUint32(0, 0x8000_0000);
    os.gate.evtchn.send(port.value);
    yield* sleep(os, SECOND);
    return 0;
  });
  fsback.offer(stub.domid, "exports");
  world.settle(30 * SECOND);
  expect(stub.end(), stub.printed()).toBe(0);
  expect(heard).toEqual([-ERRNO.ENOSYS, -ERRNO.EINVAL, -ERRNO.EINVAL, -ERRNO.EINVAL]);
  expect(warnings.join()).toMatch(
    /request index 2147483648 is more than a ring ahead of 4; the ring is served no more/,
  );
  expect(closed).toBe(true);
});

describe("time, console and the end", () => {
  test("clocks", async () => {
    const [mono, real, day, pid] = await found<number>(function* (posix, say) {
      say(posix.clockGettime(CLOCK_MONOTONIC));
      say(posix.clockGettime(CLOCK_REALTIME));
      say(posix.gettimeofday().seconds);
      say(posix.getpid());
      yield* posix.sleep(1);
    });
    expect(mono).toBeLessThan(SECOND);
    expect(real).toBeGreaterThanOrEqual(1_700_000_000 * 1e9);
    expect(day).toBe(1_700_000_000);
    expect(pid).toBe(1);
  });

  test("the console is 1, and select waits for what is typed", async () => {
    const world = makeStubWorld();
    const stub = world.stub((os) =>
      runPosix(os, function* (posix) {
        yield* posix.write(1, bytes("name? "));
        const none = yield* posix.select([0], SECOND);
        yield* posix.write(1, bytes(`${JSON.stringify(none)} `));
        const some = yield* posix.select([0]);
        const into = new Uint8Array(3);
        let name = "";
        while (name.length < 5) {
          const count = yield* posix.read(0, into);
          name += new TextDecoder().decode(into.subarray(0, count));
        }
        yield* posix.write(2, bytes(`${JSON.stringify(some)} ${name}\n`));
        return posix.exit(name === "xen33" ? 0 : 1);
      }),
    );
    world.settle(2 * SECOND);
    expect(stub.printed()).toBe("name? [] ");
    stub.type("xen33");
    world.settle(5 * SECOND);
    expect(stub.printed()).toBe("name? [] [0] xen33\r\nmain returned 0\r\n");
    expect(stub.end()).toBe(0);
  });
});
