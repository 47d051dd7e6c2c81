/** xenstore as people use it: our own programs beside Debian's, unmodified, on the socket of a host with a live guest. */
import { spawn, spawnSync } from "node:child_process";
import { statSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { join, resolve } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { machine } from "../support/cli.ts";

const debian = spawnSync("xenstore-ls", ["-h"], { encoding: "utf8" }).stderr?.includes("Usage") === true;
const noDebian = "no xenstore-utils here: apt-get install xenstore-utils";

const m = machine();
const socket = join(m.state, "xenstored", "socket");

beforeAll(async () => {
  const config = join(m.state, "hello.cfg");
  writeFileSync(
    config,
    `name = "hello"\ntype = "pv"\nkernel = "${resolve("build/hello.elf")}"\nmemory = 16\nextra = "stay"\n`,
  );
  expect(await m.run("xl", "create", "-q", config)).toMatchObject({ status: 0 });
});
afterAll(() => m.close());

interface Said {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

type Run = (program: string, ...args: string[]) => Promise<Said>;

const ours: Run = async (program, ...args) => {
  const { status, stdout, stderr } = await m.runWith({}, program, ...args);
  return { status, stdout, stderr };
};

const theirs: Run = (program, ...args) =>
  new Promise((settle, fail) => {
    const child = spawn(program, args, {
      env: { ...process.env, XENSTORED_PATH: socket },
      stdio: ["ignore", "pipe", "pipe"],
    });
    let stdout = "";
    let stderr = "";
    child.stdout.setEncoding("latin1").on("data", (text: string) => {
      stdout += text;
    });
    child.stderr.setEncoding("latin1").on("data", (text: string) => {
      stderr += text;
    });
    child.on("error", fail);
    child.on("close", (status) => settle({ status, stdout, stderr }));
  });

const pairs = Array.from({ length: 2500 }, (_, n) => [
  `/t/many/a-child-with-a-long-name-${n}`,
  String(n),
]).flat();
const long = "v".repeat(200);

const ROWS: readonly (readonly [program: string, ...args: string[]])[] = [
  ["xenstore-write", "/t/a", "1", "/t/b/c", "two words"],
  ["xenstore-write", "/t/odd", "\\x01\\t\\n\\r\\\\\\377\\x7f\\101\\q end", "/t/empty", "", "/t/last", "x\\"],
  ["xenstore-write", "-R", "/t/raw", "a\\n"],
  ["xenstore-write", "/t/long", long],
  ["xenstore-write", "/t/alone"],
  ["xenstore-write"],
  ["xenstore-write", "/t/bad path", "1"],
  ["xenstore-read", "/t/a", "/t/b/c", "/t/odd", "/t/raw", "/t/empty", "/t/last"],
  ["xenstore-read", "-p", "/t/a"],
  ["xenstore-read", "-pR", "/t/a", "/t/raw"],
  ["xenstore-read", "/t/a", "/t/nothing", "/t/b"],
  ["xenstore-read", "/t/nothing"],
  ["xenstore-read", "domid", "name"],
  ["xenstore-read"],
  ["xenstore-list", "/t", "/t/b"],
  ["xenstore-list", "-p", "/t"],
  ["xenstore-list", "/t/nothing"],
  ["xenstore-exists", "/t/a", "/t/b"],
  ["xenstore-exists", "/t/a", "/t/nothing"],
  ["xenstore-chmod", "/t/b/c", "n0", "r1"],
  ["xenstore-chmod", "-u", "/t/b/c", "r0", "b1"],
  ["xenstore-chmod", "-r", "/t/b", "w0"],
  ["xenstore-chmod", "/t/b", "x0"],
  ["xenstore-chmod", "/t/b", "n999"],
  ["xenstore-chmod", "/t/nothing", "n0"],
  ["xenstore-chmod", "/t/b"],
  ["xenstore-ls", "/t"],
  ["xenstore-ls", "-p", "/t"],
  ["xenstore-ls", "-f", "/t", "/t/b"],
  ["xenstore-ls", "-fps", "/t"],
  ["xenstore-ls", "--flat", "--pre", "/t"],
  ["xenstore-ls", "/t/nothing"],
  ["xenstore-ls", "-z", "--nonsense", "--r", "--flat=1", "/t/b"],
  ["xenstore-ls", "-t"],
  ["xenstore-ls", "-h"],
  ["xenstore-ls", "-fp"],
  ["xenstore-rm", "/t/a", "/t/nothing"],
  ["xenstore-rm", "/t/nothing/at/all"],
  ["xenstore-rm", "-t", "/t/b/c"],
  ["xenstore-rm"],
  ["xenstore-write", ...pairs],
  ["xenstore-list", "/t/many"],
  ["xenstore-ls", "-fp", "/t"],
  ["xenstore-rm", "-t", "/t/many"],
  ["xenstore-watch", "-n", "2", "/t/a", "domid"],
  ["xenstore-watch", "-n"],
  ["xenstore-watch", "-n", "1", "bad path"],
  ["xenstore-watch"],
  ["xenstore-rm", "/t"],
];

async function play(run: Run): Promise<readonly (readonly [string, Said])[]> {
  const said: (readonly [string, Said])[] = [];
  for (const row of ROWS) {
    const [program, ...args] = row;
    said.push([row.join(" ").slice(0, 100), await run(program, ...args)]);
  }
  return said;
}

describe.skipIf(!debian)(`Debian's xenstore programs on our socket (${noDebian})`, () => {
  it("say, byte for byte, what ours say", { timeout: 180_000 }, async () => {
    const wanted = await play(theirs);
    expect(await play(ours)).toEqual(wanted);
    const listing = wanted.find(([row]) => row === "xenstore-ls -fp")?.[1];
    expect(listing?.stdout).toMatch(/^\/local\/domain\/\d+\/name = "hello" {3}\(n0,r\d+\)$/m);
    const many = wanted.find(([row]) => row === "xenstore-list /t/many")?.[1];
    expect(many?.stdout.length).toBeGreaterThan(65_536);
    expect(many?.stdout.split("\n").length).toBe(2501);
  });

  it("xenstore-watch hears what others do, as it happens", { timeout: 60_000 }, async () => {
    const hears = theirs("xenstore-watch", "-n", "4", "/w");
    const alsoHears = ours("xenstore-watch", "-n", "4", "/w");
    let heard = false;
    void Promise.all([hears, alsoHears]).then(() => {
      heard = true;
    });
    // Neither watches from the first write on: so writes go on until both have heard enough.
    for (let n = 0; !heard && n < 5000; n++) await theirs("xenstore-write", `/w/${n % 3}`, String(n));
    for (const said of [await hears, await alsoHears]) {
      expect(said).toMatchObject({ status: 0, stderr: "" });
      expect(said.stdout).toMatch(/^\/w\n(\/w\/[012]\n){3}$/);
    }
    await ours("xenstore-rm", "/w");
  });

  it("twenty at once are all served", { timeout: 60_000 }, async () => {
    const all = await Promise.all(
      Array.from({ length: 20 }, (_, n) => theirs("xenstore-write", `/many/${n}/x`, String(n))),
    );
    expect(all.map(({ status }) => status)).toEqual(Array.from({ length: 20 }, () => 0));
    expect((await theirs("xenstore-list", "/many")).stdout.split("\n").length).toBe(21);
    await ours("xenstore-rm", "/many");
  });
});

describe("xenstore's socket", () => {
  it("is the owner's alone, and `xlab host status` says where it is", async () => {
    expect(statSync(socket).mode & 0o777).toBe(0o600);
    expect((await m.run("xlab", "host", "status")).stdout).toContain(`xenstore socket : ${socket}\n`);
  });

  it("cuts off who talks nonsense, and nobody else", async () => {
    const ended = await new Promise<boolean>((settle) => {
      const bad = connect(socket, () => bad.write(Buffer.alloc(64, 0xff)));
      bad.on("error", () => {});
      bad.on("close", () => settle(true));
    });
    expect(ended).toBe(true);
    expect(await ours("xenstore-read", "/local/domain/0/name")).toMatchObject({
      status: 0,
      stdout: "Domain-0\n",
    });
  });

  it("xenstore-control asks xenstored itself", async () => {
    const quotas = await ours("xenstore-control", "quota");
    expect(quotas.stdout).toMatch(/^Quota settings:\nnodes {12}: {5}1000 Nodes per domain\n/);
    expect(await ours("xenstore-control", "nonsense")).toMatchObject({
      status: 3,
      stdout: "",
      stderr: expect.stringMatching(/^Command not supported\. Valid commands are:\ncheck\t\n/),
    });
    expect(await ours("xenstore-control")).toMatchObject({ status: 2 });
  });
});
