/** What `xlab inspect` finds in a disk image, and that a hostile one cannot hold it up. */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import fc from "fast-check";
import { afterAll, describe, expect, it } from "vitest";
import { inspectImage, suggestImageConfig } from "../../../src/cli/inspect/image.ts";
import { imageFormat } from "../../../src/cli/inspect/image-format.ts";
import { readSync } from "../../../src/image/disk-reading.ts";
import { blank, lacking, MIB, run, scratch } from "../../image/disks.ts";

const inspect = (disk: Uint8Array) => {
  const out = readSync(inspectImage(disk.length), ({ offset, length }) =>
    disk.slice(offset, offset + length),
  );
  if (!out.ok) throw new Error(out.why);
  return out.value;
};

const why = lacking("mkfs.ext4");

describe.skipIf(why !== "")(`an ext4 disk${why}`, () => {
  const place = scratch();
  afterAll(place.remove);
  const root = join(place.path, "root");
  mkdirSync(join(root, "boot", "grub"), { recursive: true });
  writeFileSync(join(root, "boot", "vmlinuz-1"), readFileSync(resolve("build/hello.elf")));
  writeFileSync(
    join(root, "boot", "grub", "grub.cfg"),
    "set timeout=3\nmenuentry 'One' --class x {\n linux /boot/vmlinuz-1 a=b\n}\n",
  );
  const path = blank(join(place.path, "disk.img"), 8 * MIB);
  run("mkfs.ext4", ["-q", "-L", "data", "-d", root, path]);
  const disk = new Uint8Array(readFileSync(path));

  it("file system, menu, kernel, loaders, config", () => {
    const report = inspect(disk);
    expect(report).toMatchObject({
      table: { kind: "none" },
      volumes: [{ device: "(hd0)", fileSystem: { kind: "ext4", label: "data" } }],
      menus: [
        {
          device: "(hd0)",
          path: "/boot/grub/grub.cfg",
          entries: [{ title: "One", kernel: "/boot/vmlinuz-1" }],
        },
      ],
      kernels: [{ path: "/boot/vmlinuz-1", report: { bits: 64, pv: { boots: true } } }],
      guests: [{ loader: "pv-grub" }, { loader: "pygrub" }, { loader: "kernel=" }],
    });
    expect(report?.volumes[0]?.fileSystem?.features).toContain("extent");
    expect(report && suggestImageConfig("/x/my disk.img", "raw", report)).toEqual([
      'name    = "my-disk"',
      'type    = "pv"',
      'kernel  = "pv-grub-x86_64.gz"',
      'extra   = "(hd0)/boot/grub/grub.cfg"',
      "memory  = 256",
      'disk    = [ "/x/my disk.img,raw,xvda,w" ]',
    ]);
  });

  it("bytes changed anywhere: a report or none, never an error of ours", { timeout: 60_000 }, () => {
    const change = fc.tuple(fc.nat(64 * 1024), fc.nat(255));
    fc.assert(
      fc.property(fc.array(change, { minLength: 1, maxLength: 30 }), (changes) => {
        const broken = disk.slice();
        for (const [at, value] of changes) broken[at] = value;
        inspect(broken);
      }),
      { numRuns: 60 },
    );
  });
});

it("zeros and noise are no image", () => {
  expect(inspect(new Uint8Array(MIB))).toBeUndefined();
  expect(inspect(new Uint8Array(MIB).fill(0xa5))).toBeUndefined();
});

describe("the format", () => {
  const qcow2 = (fill: (view: DataView) => void): Uint8Array => {
    const head = new Uint8Array(512);
    head.set([0x51, 0x46, 0x49, 0xfb]);
    fill(new DataView(head.buffer));
    return head;
  };
  it("qcow2 with a backing file", () => {
    const head = qcow2((view) => {
      view.setUint32(4, 3);
      view.setBigUint64(8, 200n);
      view.setUint32(16, 8);
      view.setUint32(20, 16);
      view.setBigUint64(24, 1_048_576n);
    });
    head.set(new TextEncoder().encode("base.img"), 200);
    expect(imageFormat(head, head, 512)).toEqual({
      name: "qcow2",
      virtualBytes: 1_048_576,
      facts: ["version 3", "clusters of 65536 bytes", "rests on base.img"],
    });
  });
  it("a vhd by its footer", () => {
    const tail = new Uint8Array(512);
    tail.set(new TextEncoder().encode("conectix"));
    tail.set(new TextEncoder().encode("qemu"), 28);
    const view = new DataView(tail.buffer);
    view.setBigUint64(48, 2_097_152n);
    view.setUint32(60, 3);
    expect(imageFormat(tail, tail, 512)).toEqual({
      name: "vhd",
      virtualBytes: 2_097_152,
      facts: ["dynamic", "made by qemu"],
    });
  });
  it("anything else is raw, whole sectors", () => {
    expect(imageFormat(new Uint8Array(10), new Uint8Array(10), 1030)).toEqual({
      name: "raw",
      virtualBytes: 1024,
      facts: [],
    });
  });
});
