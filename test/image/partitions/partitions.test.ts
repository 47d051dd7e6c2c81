import { readFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, describe, expect, it } from "vitest";
import { DiskBytes } from "../../../src/image/disk-bytes.ts";
import { readSync, Work } from "../../../src/image/disk-reading.ts";
import { deviceName, findPartition, parseDeviceName } from "../../../src/image/partitions/device-name.ts";
import { readPartitions } from "../../../src/image/partitions/partitions.ts";
import { crc32 } from "../../../src/image/payload/crc32.ts";
import { blank, lacking, MIB, memoryDisk, run, scratch } from "../disks.ts";

const KIB = 1024;
const folder = scratch();
afterAll(folder.remove);

let made = 0;
/** A disk of `size` bytes with the table that sfdisk makes of `script`. */
function sfdisk(script: string, size = 64 * MIB, args: string[] = []): Uint8Array {
  const path = blank(join(folder.path, `disk${made++}`), size);
  run("sfdisk", ["-q", ...args, path], script);
  return new Uint8Array(readFileSync(path));
}
const table = (disk: Uint8Array, sectorSize?: 512 | 4096) => {
  const one = memoryDisk(disk);
  return one.do(readPartitions(one.bytes, sectorSize));
};
const rows = (disk: Uint8Array) =>
  table(disk).partitions.map((p) => [deviceName("hd0", p, "grub2"), p.start / KIB, p.size / KIB, p.type]);

const lacksSfdisk = lacking("sfdisk", "truncate");
describe.skipIf(lacksSfdisk !== "")(`tables of sfdisk${lacksSfdisk}`, () => {
  it("an MBR's primary and logical partitions, numbered as Linux and GRUB do", () => {
    const disk = sfdisk(
      "label: dos\nlabel-id: 0xcafe1234\nstart=2048,size=8192,type=83,bootable\nstart=10240,size=90000,type=5\n" +
        "start=102400,type=82\n\nstart=12288,size=4096,type=83\nstart=18432,size=4096,type=8e\nstart=24576,size=4096,type=c\n",
    );
    expect(rows(disk)).toEqual([
      ["(hd0,msdos1)", 1024, 4096, "0x83"],
      ["(hd0,msdos3)", 51200, 64 * KIB - 51200, "0x82"],
      ["(hd0,msdos5)", 6144, 2048, "0x83"],
      ["(hd0,msdos6)", 9216, 2048, "0x8e"],
      ["(hd0,msdos7)", 12288, 2048, "0x0c"],
    ]);
    const { kind, uuid, partitions, notes } = table(disk);
    expect([kind, uuid, notes]).toEqual(["msdos", "cafe1234", []]);
    expect(partitions.map((p) => [p.uuid, p.isActive])).toEqual([
      ["cafe1234-01", true],
      ["cafe1234-03", false],
      ["cafe1234-05", false],
      ["cafe1234-06", false],
      ["cafe1234-07", false],
    ]);
  });

  it("an empty row leaves a gap in the numbers", () => {
    const disk = sfdisk("label: dos\n2: start=2048,size=2048,type=83\n4: start=8192,size=2048,type=b\n");
    expect(table(disk).partitions.map((p) => p.number)).toEqual([2, 4]);
  });

  const GPT =
    "label: gpt\nlabel-id: 11111111-2222-3333-4444-555555555555\n" +
    'start=2048,size=8192,type=21686148-6449-6E6F-744E-656564454649,name="bios"\n' +
    'start=10240,size=20480,type=0FC63DAF-8483-4772-8E79-3D69D8477DE4,uuid=AAAAAAAA-BBBB-CCCC-DDDD-EEEEEEEEEEEE,name="Wurzel-Ω",attrs=LegacyBIOSBootable\n';

  it("a GPT", () => {
    const { kind, uuid, sectorSize, partitions, notes } = table(sfdisk(GPT));
    expect([kind, uuid, sectorSize, notes]).toEqual(["gpt", "11111111-2222-3333-4444-555555555555", 512, []]);
    expect(partitions.map((p) => [p.number, p.start, p.size, p.label, p.isActive])).toEqual([
      [1, MIB, 4 * MIB, "bios", false],
      [2, 5 * MIB, 10 * MIB, "Wurzel-Ω", true],
    ]);
    expect(partitions[1]).toMatchObject({
      scheme: "gpt",
      type: "0fc63daf-8483-4772-8e79-3d69d8477de4",
      uuid: "aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee",
    });
  });

  it("the copy of a GPT is used when header or table are damaged, and that is said", () => {
    for (const [at, why] of [
      [512 + 60, "its header's CRC is wrong"],
      [512 + 3, "it is missing"],
      [1024 + 128 + 5, "its table's CRC is wrong"],
    ] as const) {
      const disk = sfdisk(GPT);
      disk[at] = (disk[at] ?? 0) ^ 0x40;
      const { partitions, notes } = table(disk);
      expect(partitions.map((p) => p.label)).toEqual(["bios", "Wurzel-Ω"]);
      expect(notes).toEqual([`the GPT in sector 1 is bad (${why}); its copy at the disk's end was used`]);
      disk[disk.length - 512 + 60] = (disk[disk.length - 512 + 60] ?? 0) ^ 1;
      expect(table(disk)).toMatchObject({
        partitions: [],
        notes: ["the MBR points to a GPT, but neither of its headers is good"],
      });
    }
  });

  it("a partition beyond the end of a disk that is cut off is named", () => {
    const disk = sfdisk("label: dos\nstart=2048,size=8192,type=83\n").subarray(0, 3 * MIB);
    const { partitions, notes } = table(disk);
    expect(partitions).toHaveLength(1);
    expect(notes).toEqual([
      "partition 1 reaches beyond the disk's end: the disk is cut off or the table wrong",
    ]);
  });

  it("an MBR made over a GPT has the last word", () => {
    const disk = sfdisk(GPT);
    disk[450] = 0x83;
    expect(table(disk)).toMatchObject({ kind: "msdos", partitions: [{ number: 1, type: "0x83" }] });
  });

  it("hostile changes of a table end in an answer within the work allowed", () => {
    const tables = [
      sfdisk(
        "label: dos\nstart=2048,size=8192,type=83\nstart=10240,size=90000,type=5\nstart=12288,size=4096,type=83\nstart=18432,size=4096,type=8e\n",
      ),
      sfdisk(GPT),
    ];
    const spots = [440, 446, 512, 1024, 10240 * 512 + 446, 16384 * 512 + 446];
    fc.assert(
      fc.property(
        fc.constantFrom(...tables),
        fc.array(fc.tuple(fc.constantFrom(...spots), fc.nat(127), fc.nat(255)), {
          minLength: 1,
          maxLength: 8,
        }),
        (whole, changes) => {
          const old = changes.map(([spot, i]) => whole[spot + i] ?? 0);
          for (const [spot, i, value] of changes) whole[spot + i] = value;
          const one = memoryDisk(whole, { steps: 2000, bytes: 4 * MIB });
          const out = one.try(readPartitions(one.bytes));
          [...changes].reverse().forEach(([spot, i], n) => {
            whole[spot + i] = old[changes.length - 1 - n] ?? 0;
          });
          if (out.ok) expect(out.value.partitions.length).toBeLessThan(300);
        },
      ),
      { numRuns: 2000 },
    );
  });
});

const lacksSgdisk = lacking("sgdisk", "truncate");
describe.skipIf(lacksSgdisk !== "")(`tables of sgdisk${lacksSgdisk}`, () => {
  it("a hybrid disk shows both its tables", () => {
    const path = blank(join(folder.path, "hybrid"), 64 * MIB);
    run("sgdisk", ["-n", "1:2048:+4M", "-c", "1:one", "-n", "2:0:+8M", "-c", "2:two", path]);
    run("sgdisk", ["-h", "2", path]);
    const found = table(new Uint8Array(readFileSync(path)));
    expect(found.kind).toBe("hybrid");
    expect(found.partitions.map((p) => [deviceName("hd0", p, "grub2"), p.start / MIB])).toEqual([
      ["(hd0,gpt1)", 1],
      ["(hd0,gpt2)", 5],
      ["(hd0,msdos2)", 5],
    ]);
  });

  it("entries larger than usual and a table of more than 128", () => {
    const path = blank(join(folder.path, "many"), 64 * MIB);
    run("sgdisk", ["-S", "256", "-n", "200:4096:+1M", path]);
    const found = table(new Uint8Array(readFileSync(path)));
    expect(found.partitions.map((p) => [p.number, p.start])).toEqual([[200, 4096 * 512]]);
  });
});

describe("tables written by hand", () => {
  const sector = (fill: (view: DataView) => void): Uint8Array => {
    const bytes = new Uint8Array(512);
    const view = new DataView(bytes.buffer);
    fill(view);
    view.setUint16(510, 0xaa55, true);
    return bytes;
  };
  const row = (view: DataView, i: number, type: number, first: number, count: number) => {
    view.setUint8(446 + 16 * i + 4, type);
    view.setUint32(446 + 16 * i + 8, first, true);
    view.setUint32(446 + 16 * i + 12, count, true);
  };

  it("no table, a disk of no sector, and flags that no MBR has: none", () => {
    for (const disk of [new Uint8Array(0), new Uint8Array(511), new Uint8Array(MIB)])
      expect(table(disk).kind).toBe("none");
    const disk = new Uint8Array(MIB);
    disk.set(
      sector((view) => {
        row(view, 0, 0x83, 64, 64);
        view.setUint8(446, 0x12);
      }),
    );
    expect(table(disk).kind).toBe("none");
  });

  it("a chain of logical partitions that leads back into itself ends", () => {
    const disk = new Uint8Array(MIB);
    disk.set(sector((view) => row(view, 0, 5, 64, 1024)));
    const link = (to: number) =>
      sector((view) => {
        row(view, 0, 0x83, 1, 8);
        row(view, 1, 5, to, 16);
      });
    disk.set(link(100), 64 * 512);
    disk.set(link(0), 164 * 512);
    const { partitions, notes } = table(disk);
    expect(partitions.map((p) => [p.number, p.start / 512])).toEqual([
      [5, 65],
      [6, 165],
    ]);
    expect(notes).toEqual(["the chain of logical partitions leads back into itself or is endless"]);
  });

  it("a chain that leads off the disk keeps what came before", () => {
    const disk = new Uint8Array(MIB);
    disk.set(sector((view) => row(view, 0, 0xf, 64, 1024)));
    disk.set(
      sector((view) => {
        row(view, 0, 0x83, 1, 8);
        row(view, 1, 5, 0xffff0000, 16);
      }),
      64 * 512,
    );
    const { partitions, notes } = table(disk);
    expect(partitions).toHaveLength(1);
    expect(notes).toEqual([`the chain of logical partitions is broken at sector ${64 + 0xffff0000}`]);
  });

  it("an MBR counts in the disk's own sectors of 4096 bytes when they are known", () => {
    const disk = new Uint8Array(MIB);
    disk.set(sector((view) => row(view, 0, 0x83, 16, 16)));
    expect(table(disk, 4096).partitions).toMatchObject([{ start: 65536, size: 65536 }]);
    expect(table(disk).partitions).toMatchObject([{ start: 8192, size: 8192 }]);
  });

  it("a reader without work left says so", () => {
    const disk = sector((view) => row(view, 0, 0x83, 0, 1));
    const out = readSync(
      readPartitions(new DiskBytes({ size: 512 }, new Work({ steps: 9, bytes: 511 }))),
      () => disk,
    );
    expect(out).toMatchObject({ ok: false, kind: "exhausted" });
  });
});

describe("a GPT in sectors of 4096 bytes", () => {
  it("is found by its mark, and its copy too", () => {
    const disk = gpt4096();
    expect(table(disk)).toMatchObject({
      kind: "gpt",
      sectorSize: 4096,
      partitions: [{ start: MIB, size: 2 * MIB }],
    });
    disk[4096 + 70] = 1;
    const { partitions, notes } = table(disk);
    expect(partitions).toMatchObject([{ start: MIB, size: 2 * MIB }]);
    expect(notes).toHaveLength(1);
  });
});

/** 4 MiB with one partition [1 MiB, 3 MiB). */
function gpt4096(): Uint8Array {
  const disk = new Uint8Array(4 * MIB);
  const view = new DataView(disk.buffer);
  view.setUint8(450, 0xee);
  view.setUint32(454, 1, true);
  view.setUint32(458, 1023, true);
  view.setUint16(510, 0xaa55, true);
  const header = (sector: number, other: number, entries: number) => {
    const at = sector * 4096;
    disk.set(new TextEncoder().encode("EFI PART"), at);
    view.setUint32(at + 8, 0x10000, true);
    view.setUint32(at + 12, 92, true);
    view.setUint32(at + 24, sector, true);
    view.setUint32(at + 32, other, true);
    view.setUint32(at + 72, entries, true);
    view.setUint32(at + 80, 128, true);
    view.setUint32(at + 84, 128, true);
    const entry = entries * 4096;
    disk.fill(7, entry, entry + 32);
    view.setUint32(entry + 32, 256, true);
    view.setUint32(entry + 40, 767, true);
    view.setUint32(at + 88, crc32(disk.subarray(entry, entry + 128 * 128)), true);
    view.setUint32(at + 16, crc32(disk.subarray(at, at + 92)), true);
  };
  header(1, 1023, 2);
  header(1023, 1, 1000);
  return disk;
}

describe("names of devices", () => {
  it.each([
    ["(hd0)", "legacy", "hd0", undefined, undefined],
    ["(hd0,0)", "legacy", "hd0", undefined, 1],
    ["(hd1,4)", "legacy", "hd1", undefined, 5],
    ["(hd0,1)", "grub2", "hd0", undefined, 1],
    ["(hd0,msdos1)", "grub2", "hd0", "msdos", 1],
    ["(hd0,msdos5)", "legacy", "hd0", "msdos", 5],
    ["hd0,gpt2", "grub2", "hd0", "gpt", 2],
    ["(xen/xvda,gpt128)", "grub2", "xen/xvda", "gpt", 128],
    ["(cd)", "legacy", "cd", undefined, undefined],
  ] as const)("%s in %s", (text, style, disk, scheme, number) => {
    const partition = number === undefined ? undefined : { scheme, number };
    expect(parseDeviceName(text, style)).toEqual({ disk, partition });
  });

  it.each([
    ["(hd0,0)", "grub2"],
    ["(hd0,msdos0)", "legacy"],
    ["(hd0", "grub2"],
    ["(hd0,apple1)", "grub2"],
    ["(hd0,a)", "legacy"],
    ["()", "legacy"],
    ["(hd0,-1)", "legacy"],
    ["(hd0,99999)", "grub2"],
  ] as const)("%s in %s is none", (text, style) => {
    expect(parseDeviceName(text, style)).toBeUndefined();
  });

  it("what is written can be read back and found", () => {
    const partition = (scheme: "msdos" | "gpt", number: number) =>
      ({ scheme, number, start: 0, size: 1, type: "", label: "", uuid: "", isActive: false }) as const;
    const all = [partition("gpt", 1), partition("gpt", 2), partition("msdos", 2), partition("msdos", 3)];
    const both = { kind: "hybrid", sectorSize: 512, uuid: "", partitions: all, notes: [] } as const;
    for (const one of all) {
      const name = parseDeviceName(deviceName("hd0", one, "grub2"), "grub2")?.partition;
      expect(name && findPartition(both, name)).toBe(one);
    }
    expect(findPartition(both, { scheme: undefined, number: 2 })).toBe(all[1]);
    expect(findPartition(both, { scheme: undefined, number: 9 })).toBeUndefined();
    expect(deviceName("hd1", all[0], "legacy")).toBe("(hd1,0)");
    expect(deviceName("hd1", undefined, "grub2")).toBe("(hd1)");
  });
});
