import fc from "fast-check";
import { beforeAll, beforeEach, describe, expect, it } from "vitest";
import { readLegacy } from "../../../../src/guests/pv-grub/legacy/legacy.ts";
import { md5Crypt } from "../../../../src/guests/pv-grub/legacy/md5-crypt.ts";
import type { RunEnd, Session } from "../../../../src/guests/pv-grub/menu.ts";
import { lacking, MIB } from "../../../image/disks.ts";
import { drive, extImage, type Machine, machine, memoryGrubDisk } from "../machine.ts";

const MENU = `default saved
timeout 5
fallback 7 1
title Linux
root (hd1,0)
kernel /boot/vmlinuz root=/dev/xvda1 ro
initrd /boot/initrd.img
title Xen
root (hd1,0)
kernel /boot/xen.gz dom0_mem=1G
module /boot/vmlinuz root=/dev/xvda1
module /boot/initrd.img
title Locked
lock
kernel (hd1,0)/boot/vmlinuz
`;
const SECRET = "sesame";

const said = (end: RunEnd): string => (end.end === "error" ? `${end.error} | ${end.why}` : end.end);

const lacks = lacking("mke2fs", "sfdisk");
describe.skipIf(lacks !== "")(`menu.lst's shell${lacks}`, () => {
  let whole: Uint8Array;
  let parted: Uint8Array;
  beforeAll(() => {
    whole = extImage(
      {
        "boot/grub/menu.lst": MENU,
        "boot/grub/other.lst": "timeout 3\ntitle Other\nboot\n",
        "boot/grub/default": "1\n\n\n\n\n\n\n\n\n\n# more",
        motd: "welcome\n",
      },
      { uuid: "01234567-89ab-cdef-0123-456789abcdef" },
    );
    const kernels = { "boot/vmlinuz": "kernel", "boot/initrd.img": "initrd", "boot/xen.gz": "xen" };
    parted = extImage(kernels, { table: "label: dos\nstart=2048,size=8192,type=83\n" });
  });

  let given: Machine;
  const start = (text: string, typed: string[] = []): Session => {
    given = machine([memoryGrubDisk(0, whole.slice()), memoryGrubDisk(1, parted)], {
      typed,
      kernels: (path) => !path.endsWith("xen.gz"),
    });
    return drive(readLegacy(given, { text, path: "(hd0)/boot/grub/menu.lst" }));
  };
  let session: Session;
  beforeEach(() => {
    session = start(MENU);
  });
  const typed = (...lines: string[]) => said(drive(session.shell.run(lines)));
  const entry = (index: number) => {
    const one = session.menu.entries[index];
    if (one === undefined) throw new Error("no such entry");
    return said(drive(session.shell.run(one.source, one)));
  };

  it("makes the menu, with the saved default and the fallbacks that are there", () => {
    const { entries, defaultEntry, fallback, timeout, style, look } = session.menu;
    expect(entries.map(({ title }) => title)).toEqual(["Linux", "Xen", "Locked"]);
    expect({ defaultEntry, fallback, timeout, style, look }).toEqual({
      defaultEntry: 1,
      fallback: [1],
      timeout: 5,
      style: "menu",
      look: "legacy",
    });
  });

  it.each([
    ["default 9\nfallback 2 1\n", 2, [1]],
    ["default 9\n", 0, []],
    ["default 2\nfallback 0 9 1\n", 2, [0, 1]],
    ["default x\n", 0, []],
  ])("%j gives the default %i", (head, wanted, fallback) => {
    const { menu } = start(head + MENU.split("\n").slice(3).join("\n"));
    expect([menu.defaultEntry, menu.fallback]).toEqual([wanted, fallback]);
  });

  it("runs an entry from the device that the menu is on, showing its lines", () => {
    expect(entry(0)).toBe("done");
    expect(given.loads).toEqual([
      "kernel (hd1,1)/boot/vmlinuz root=/dev/xvda1 ro".replace("(hd1,1)", "(hd1,msdos1)"),
      "initrd (hd1,msdos1)/boot/initrd.img",
    ]);
    expect(given.out()).toBe(
      "root (hd1,0)\n Filesystem type is ext2fs, partition type 0x83\n" +
        "kernel /boot/vmlinuz root=/dev/xvda1 ro\ninitrd /boot/initrd.img\n",
    );
  });

  it("takes the first module for the kernel where the kernel is a hypervisor", () => {
    expect(entry(1)).toBe("done");
    expect(given.loads).toEqual([
      "kernel (hd1,msdos1)/boot/vmlinuz root=/dev/xvda1",
      "initrd (hd1,msdos1)/boot/initrd.img",
    ]);
  });

  it.each([
    ["boot", "Error 8: Kernel must be loaded before booting"],
    ["nonsense", "Error 27: Unrecognized command"],
    ["timeout 5", "Error 27: Unrecognized command"],
    ["savedefault", "Error 27: Unrecognized command"],
    ["kernel /nothing", "Error 15: File not found"],
    ["kernel nothing", "Error 1: Filename must be either an absolute pathname or blocklist"],
    ["kernel --type=x /x", "Error 30: Invalid argument"],
    ["kernel (hd1,0)/boot/xen.gz", "Error 13: Invalid or unsupported executable format"],
    ["initrd /x", "Error 19: Linux kernel must be loaded before initrd"],
    ["module /x", "Error 20: Multiboot kernel must be loaded before modules"],
    ["root (hd5,0)", "Error 21: Selected disk does not exist"],
    ["root (hd1,7)", "Error 22: No such partition"],
    ["root (oops", "Error 11: Unrecognized device string"],
    ["find /nothing", "Error 15: File not found"],
    ["find --set-root /motd", "Error 15: File not found"],
    ["uuid dead-beef", "Error 15: File not found"],
    ["chainloader +1", "Error 13: Invalid or unsupported executable format"],
    ["makeactive", "Error 12: Invalid device requested"],
    ["cat /boot", "Error 2: Bad file or directory type"],
    ["configfile /nothing", "Error 15: File not found"],
    ["color x", "Error 30: Invalid argument"],
  ])("%s says %s", (line, error) => {
    expect(typed(line)).toContain(error);
  });

  it.each([
    ["find /motd", " (hd0)\n"],
    ["find /boot/vmlinuz", " (hd1,0)\n"],
    ["cat /motd", "welcome\n"],
    ["cat=/motd", "welcome\n"],
    ["root", " (hd0): Filesystem type is ext2fs, using whole disk\n"],
    ["rootnoverify (hd1,0)", ""],
    ["uuid 01234567-89AB-cdef-0123-456789abcdef", "(hd0) Filesystem type is ext2fs, using whole disk\n"],
    ["uuid", " (hd0) 01234567-89ab-cdef-0123-456789abcdef\n (hd1,0) 00000000-0000-0000-0000-000000000000\n"],
    ["  # a comment", ""],
    ["root (hd1)", " Filesystem type unknown, using whole disk\n"],
  ])("%s prints %j", (line, out) => {
    expect(typed(line)).toBe("done");
    expect(given.out()).toBe(out);
  });

  it.each([
    ["halt", "halt"],
    ["reboot", "reboot"],
    ["quit", "done"],
  ])("%s ends in %s", (line, end) => {
    expect(typed(line)).toBe(end);
  });

  it("a kernel that is loaded can be booted; options before its name do not count", () => {
    expect(typed("kernel --no-mem-option --type=linux (hd1,0)/boot/vmlinuz a=b", "boot")).toBe("boot");
    expect(given.loads).toEqual(["kernel (hd1,1)/boot/vmlinuz a=b"]);
  });

  it("configfile brings another menu", () => {
    const end = drive(session.shell.run(["configfile /boot/grub/other.lst"]));
    expect(end.end === "menu" && [end.menu.entries[0]?.title, end.menu.timeout]).toEqual(["Other", 3]);
  });

  it("savedefault is there after the next start", () => {
    session = start(MENU.replace("title Xen\n", "title Xen\nsavedefault\n"));
    expect(entry(1)).toBe("done");
    const content = drive(given.files.read("(hd0)/boot/grub/default", MIB));
    expect(new TextDecoder().decode(content)).toBe("1\0\n\n\n\n\n\n\n\n\n# more");
    expect(typed("configfile (hd0)/boot/grub/menu.lst")).toBe("menu");
  });

  it("savedefault takes a number, or the next fallback", () => {
    const file = () =>
      new TextDecoder().decode(drive(given.files.read("(hd0)/boot/grub/default", MIB))).slice(0, 2);
    session = start("fallback 2 0\ntitle A\nsavedefault 2\ntitle B\nboot\ntitle C\nsavedefault fallback\n");
    expect(entry(0)).toBe("done");
    expect(file()).toBe("2\0");
    expect(entry(2)).toBe("done");
    expect(file()).toBe("0\0");
  });

  it("a lock holds until the password was typed", () => {
    session = start(`password ${SECRET}\n${MENU}`);
    expect(session.menu.entries.map(({ locked }) => locked)).toEqual([false, false, true]);
    expect(entry(2)).toContain("Error 32: Must be authenticated");
    expect(session.menu.password?.("wrong")).toBe(false);
    expect(session.menu.password?.(SECRET)).toBe(true);
    expect(entry(2)).toBe("done");
    session = start(MENU);
    expect(session.menu.password).toBeUndefined();
    expect(entry(2)).toBe("done");
  });

  it("an entry may ask for a password of its own", () => {
    const text = `title A\npassword --md5 ${md5Crypt(SECRET, "$1$salt")}\npause\n`;
    session = start(text, [SECRET, "\r"]);
    expect(entry(0)).toBe("done");
    session = start(text, ["wrong"]);
    expect(entry(0)).toContain("Error 32");
    expect(given.out()).toBe("Password: *****\nFailed!\n");
  });

  it.each([
    ["", ["boot", "cat"], 30],
    ["ker", ["kernel"], 1],
    ["nonsense", [], 0],
    ["root (", ["(hd0)", "(hd1)", "(hd1,0)"], 3],
    ["root (hd1,", ["(hd1,0)"], 1],
    ["cat /m", ["/motd"], 1],
    ["cat /b", ["/boot/"], 1],
    ["kernel (hd1,0)/boot/", ["(hd1,0)/boot/initrd.img", "(hd1,0)/boot/vmlinuz", "(hd1,0)/boot/xen.gz"], 3],
    ["cat=/boot/grub/m", ["/boot/grub/menu.lst"], 1],
    ["cat /nothing/", [], 0],
  ])("%j is completed", (line, wanted, atLeast) => {
    const found = drive(session.shell.complete(line));
    expect(found.length).toBeGreaterThanOrEqual(atLeast);
    expect(found).toEqual(atLeast > 5 ? expect.arrayContaining(wanted as string[]) : wanted);
  });

  it("no line is too strange", () => {
    const piece = fc.constantFrom(
      ...[
        "kernel",
        "root",
        "find",
        "cat",
        "initrd",
        "module",
        "uuid",
        "geometry",
        "help",
        "configfile",
        "savedefault",
      ],
      ...[
        " ",
        "=",
        "--type=",
        "(hd0,0)",
        "(hd1,0)",
        "(hd",
        ")",
        "/boot",
        "/boot/vmlinuz",
        "+1",
        "0+9999999",
        ",",
        "\\ ",
      ],
    );
    session = start(MENU);
    fc.assert(
      fc.property(
        fc.array(
          fc.array(piece).map((all) => all.join("")),
          { maxLength: 4 },
        ),
        (lines) => {
          expect(["done", "boot", "menu", "error"]).toContain(drive(session.shell.run(lines)).end);
          expect(drive(session.shell.complete(lines[0] ?? "")).length).toBeLessThan(100);
        },
      ),
    );
  });
});
