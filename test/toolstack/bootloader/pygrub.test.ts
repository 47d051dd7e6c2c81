/** PyGRUB over disks that somebody has spoiled: an answer or a refusal, never an error of ours. */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, describe, expect, it } from "vitest";
import { parsePygrubArguments } from "../../../src/toolstack/bootloader/arguments.ts";
import { pygrub } from "../../../src/toolstack/bootloader/pygrub.ts";
import { blank, lacking, MIB, run, scratch } from "../../image/disks.ts";

const why = lacking("mkfs.ext4");

function boot(disk: Uint8Array, ...argv: string[]) {
  const parsed = parsePygrubArguments([...argv, "x.img"]);
  if (!parsed.ok) throw new Error(parsed.err);
  let err = "";
  const say = (text: string): void => {
    err += text;
  };
  const io = { size: disk.length, out: () => {}, err: say };
  const steps = pygrub(parsed.options, io);
  let step = steps.next();
  while (step.done !== true) {
    const { value } = step;
    step = steps.next(
      value.need === "disk"
        ? disk.slice(value.read.offset, value.read.offset + value.read.length)
        : new Uint8Array(0),
    );
  }
  return { ...step.value, err };
}

describe.skipIf(why !== "")(`PyGRUB on a disk${why}`, () => {
  const place = scratch();
  afterAll(place.remove);
  const root = join(place.path, "root");
  mkdirSync(join(root, "boot", "grub"), { recursive: true });
  writeFileSync(join(root, "boot", "k"), "a kernel");
  writeFileSync(join(root, "boot", "grub", "menu.lst"), "timeout 1\ntitle One\nkernel /boot/k a=b\n");
  const path = blank(join(place.path, "disk"), 2 * MIB);
  run("mkfs.ext4", ["-q", "-d", root, path]);
  const disk = new Uint8Array(readFileSync(path));

  it("finds kernel and arguments; `args` come behind the menu's", () => {
    const { status, boot: found } = boot(disk, "--args=c=d");
    expect(status).toBe(0);
    expect(found).toEqual({
      kernel: { path: "/boot/k", bytes: new TextEncoder().encode("a kernel") },
      ramdisk: undefined,
      args: "a=b c=d",
    });
  });

  it("--kernel needs no menu; one that is not there is named", () => {
    expect(boot(disk, "-q", "--kernel=/boot/k").boot?.args).toBe("");
    const { status, err } = boot(disk, "-q", "--kernel=/boot/none");
    expect(status).toBe(1);
    expect(err).toMatch(/Error opening \/boot\/none in guest\n$/);
  });

  it("nothing there, or half a disk, is refused as the real one does", () => {
    for (const bad of [new Uint8Array(0), new Uint8Array(4096), disk.subarray(0, 40_000)])
      expect(boot(bad, "-q")).toMatchObject({ status: 1, boot: undefined });
  });

  it("bytes changed anywhere", { timeout: 60_000 }, () => {
    const change = fc.tuple(fc.nat(256 * 1024), fc.nat(255));
    fc.assert(
      fc.property(fc.array(change, { minLength: 1, maxLength: 40 }), (changes) => {
        const broken = disk.slice();
        for (const [at, value] of changes) broken[at] = value;
        expect([0, 1]).toContain(boot(broken).status);
      }),
    );
  });
});
