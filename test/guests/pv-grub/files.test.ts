import { beforeAll, describe, expect, it } from "vitest";
import { fromLegacy, GrubFiles } from "../../../src/guests/pv-grub/files.ts";
import { lacking, MIB } from "../../image/disks.ts";
import { drive, extImage, failure, type MemoryDisk, memoryGrubDisk } from "./machine.ts";

const UUID = "01234567-89ab-cdef-0123-456789abcdef";
const TEXT = "hello\n".repeat(1000);

const lacks = lacking("mke2fs", "sfdisk");
describe.skipIf(lacks !== "")(`PV-GRUB's files${lacks}`, () => {
  let disks: MemoryDisk[];
  let files: GrubFiles;
  beforeAll(() => {
    const tree = { "boot/hello": TEXT, "boot/grub/grubenv": "#".repeat(1024) };
    disks = [
      memoryGrubDisk(0, extImage(tree, { label: "whole", uuid: UUID })),
      memoryGrubDisk(
        1,
        extImage(tree, { table: "label: dos\nstart=2048,size=8192,type=83\ntype=5\ntype=83\n" }),
      ),
      memoryGrubDisk(
        2,
        extImage({ x: "1" }, { table: "label: gpt\nstart=2048,size=8192,type=linux,name=first\n" }),
      ),
      memoryGrubDisk(3, new Uint8Array(MIB)),
      memoryGrubDisk(4, new Uint8Array(MIB), { badFrom: 0, devid: 768 }),
    ];
    files = new GrubFiles(disks);
  });

  it("names every disk and partition", () => {
    expect(drive(files.devices()).map(({ name }) => name)).toEqual([
      "(hd0)",
      "(hd1)",
      "(hd1,msdos1)",
      "(hd1,msdos5)",
      "(hd2)",
      "(hd2,gpt1)",
      "(hd3)",
      "(hd4)",
    ]);
  });

  it.each([
    ["(hd0)", "(hd0)"],
    ["hd0", "(hd0)"],
    ["(hd1,1)", "(hd1,msdos1)"],
    ["(hd1,msdos5)", "(hd1,msdos5)"],
    ["(hd2,gpt1)", "(hd2,gpt1)"],
    ["(hd2,1)", "(hd2,gpt1)"],
    ["(xen/xvda)", "(hd0)"],
    ["(xen/xvdb,msdos1)", "(hd1,msdos1)"],
    ["(/dev/xvdb,msdos1)", "(hd1,msdos1)"],
    ["xen/hda", "(hd4)"],
    [fromLegacy("(hd1,0)"), "(hd1,msdos1)"],
    [fromLegacy("(hd1,4)"), "(hd1,msdos5)"],
  ])("%s is %s", (text, name) => {
    expect(drive(files.device(text)).name).toBe(name);
  });

  it.each([
    ["(hd9)/x", 21, "there is no hd9: this domain has hd0, hd1, hd2, hd3, hd4"],
    ["(hd1,2)/x", 22, "the partitions of hd1 are (hd1,msdos1) (hd1,msdos5)"],
    ["(hd0,1)/x", 22, "hd0 has no partition table: its file system, if any, is on (hd0)"],
    ["(hd2,msdos1)/x", 22, "the partitions of hd2 are (hd2,gpt1)"],
    ["(lvmid/a/b)/x", 21, /there is no lvmid/],
    ["(hd0,msdos1,bsd1)/x", 11, /is not a device's name/],
    ["/x", 11, /does not begin with a device/],
    ["(hd0)x", 1, /goes on with/],
    ["(hd0)", 1, /goes on with/],
    ["(hd0)/nothing", 15, /no \/nothing/],
    ["(hd0)/boot/hello/x", 15, /not a directory/],
    ["(hd0)/boot", 2, /is a directory/],
    ["(hd3)/x", 17, "no file system that is known was found on (hd3)"],
    ["(hd4)/x", 25, /^vbd 768: read of sector \d+ failed \(-1\)$/],
    ["(hd0)8190+4", 24, /beyond the end/],
  ])("opening %s is Error %d", (path, number, why) => {
    const said = failure(files.open(path));
    expect(said.number).toBe(number);
    if (typeof why === "string") expect(said.why).toBe(why);
    else expect(said.why).toMatch(why);
  });

  it("reads files, stretches of them and block lists", () => {
    const read = (path: string) => new TextDecoder().decode(drive(files.read(path, MIB)));
    expect(read("(hd1,msdos1)/boot/hello")).toBe(TEXT);
    expect(drive(drive(files.open("(hd0)/boot/hello")).read(4, 3))).toEqual(new TextEncoder().encode("o\nh"));
    const list = drive(files.read("(hd2,gpt1)+1,4+2", MIB));
    expect(list).toEqual(
      Uint8Array.from([
        ...(disks[2]?.content.subarray(MIB, MIB + 512) ?? []),
        ...(disks[2]?.content.subarray(MIB + 2048, MIB + 3072) ?? []),
      ]),
    );
    expect(failure(files.read("(hd0)/boot/hello", 100)).number).toBe(28);
  });

  it("searches by label, UUID and file", () => {
    const names = (key: "label" | "fs-uuid" | "file", value: string) =>
      drive(files.search(key, value)).map(({ name }) => name);
    expect(names("label", "whole")).toEqual(["(hd0)"]);
    expect(names("fs-uuid", UUID.toUpperCase())).toEqual(["(hd0)"]);
    expect(names("fs-uuid", "")).toEqual([]);
    expect(names("file", "/boot/hello")).toEqual(["(hd0)", "(hd1,msdos1)"]);
    expect(names("file", "/nothing")).toEqual([]);
  });

  it("writes a file in its place, and nothing else of the disk", () => {
    const disk = disks[1] as MemoryDisk;
    const before = disk.content.slice();
    const text = `# GRUB\n${"=".repeat(1017)}`;
    drive(files.write("(hd1,msdos1)/boot/grub/grubenv", new TextEncoder().encode(text)));
    expect(disk.flushes).toBe(1);
    expect(new TextDecoder().decode(drive(files.read("(hd1,1)/boot/grub/grubenv", MIB)))).toBe(text);
    const changed = [...before.keys()].filter((i) => before[i] !== disk.content[i]);
    expect(changed.length).toBeGreaterThan(900);
    expect((changed.at(-1) ?? 0) - (changed[0] ?? 0)).toBeLessThan(1024);
    expect(failure(files.write("(hd1,1)/boot/grub/grubenv", new Uint8Array(5))).number).toBe(29);
  });

  it("does not write where bytes are not stored as they are", () => {
    const inline = new GrubFiles([
      memoryGrubDisk(0, extImage({ note: "short\n" }, { mkfs: "-t ext4 -O inline_data -I 256" })),
    ]);
    const said = failure(inline.write("(hd0)/note", new TextEncoder().encode("other\n")));
    expect(said).toMatchObject({ number: 29, why: expect.stringContaining("blocks of its own") });
  });

  it("stops reading when a command has used up what it may", () => {
    const greedy = new GrubFiles([disks[0] as MemoryDisk]);
    const read = () => drive(greedy.read("(hd0)/boot/hello", MIB));
    read();
    let count = 0;
    expect(() => {
      for (; count < 1e6; count++) read();
    }).toThrow("Error 16");
    greedy.begin();
    expect(read().length).toBe(TEXT.length);
  });
});
