import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { parseLegacy } from "../../../../src/guests/pv-grub/legacy/config.ts";
import {
  argumentOf,
  commandOf,
  linesOf,
  numberIn,
  takeWord,
} from "../../../../src/guests/pv-grub/legacy/lines.ts";
import { md5 } from "../../../../src/guests/pv-grub/legacy/md5.ts";
import { md5Crypt } from "../../../../src/guests/pv-grub/legacy/md5-crypt.ts";
import { lacking, run } from "../../../image/disks.ts";

describe("lines of a menu.lst", () => {
  it.each([
    ["a comment begins a line", "# x\n  # y\nkernel /k # z\n", ["kernel /k # z"]],
    ["blanks, tabs, carriage returns", "\t title  A\r\n\n   \nroot\t(hd0)\n", ["title  A", "root (hd0)"]],
    ["a backslash joins lines", "kernel /k a \\\n  b\n", ["kernel /k a    b"]],
    ["a doubled backslash does not", "kernel /k \\\\\nboot\n", ["kernel /k \\\\", "boot"]],
    ["a joined comment stays one", "# x \\\nboot\nhalt", ["halt"]],
    ["no end of the last line", "boot", ["boot"]],
  ])("%s", (_, text, lines) => {
    expect(linesOf(text)).toEqual(lines);
  });

  it("a line is cut at 1500 characters", () => {
    expect(linesOf(`kernel ${"x".repeat(5000)}\nboot`).map(({ length }) => length)).toEqual([1500, 4]);
  });

  it.each([
    ["kernel /x root=/dev/xvda", "kernel", "/x root=/dev/xvda"],
    ["kernel=/x y=z", "kernel", "/x y=z"],
    ["title = A = B", "title", "A = B"],
    ["timeout=5", "timeout", "5"],
    ["boot", "boot", ""],
  ])("%s is a command and its argument", (line, command, argument) => {
    expect([commandOf(line), argumentOf(line)]).toEqual([command, argument]);
  });

  it.each([
    ["/a\\ b c", "/a b", "c"],
    ["/a", "/a", ""],
    ["", "", ""],
    ["/a\\", "/a\\", ""],
  ])("the first word of %j is %j", (text, word, rest) => {
    expect(takeWord(text)).toEqual([word, rest]);
  });

  it.each([
    ["10", 10],
    ["0x1F", 31],
    ["5s", 5],
    ["-1", undefined],
    ["x", undefined],
    ["99999999999", undefined],
  ])("%s is the number %s", (text, value) => {
    expect(numberIn(text)).toBe(value);
  });
});

describe("passwords", () => {
  it("MD5 of RFC 1321's suite", () => {
    const hex = (text: string) => Buffer.from(md5(new TextEncoder().encode(text))).toString("hex");
    expect(hex("")).toBe("d41d8cd98f00b204e9800998ecf8427e");
    expect(hex("message digest")).toBe("f96b697d7cb7938d525a2f31aaf161d0");
    expect(hex("1234567890".repeat(8))).toBe("57edf4a22be3c955ac49da2e2107b67a");
  });

  const lacks = lacking("openssl");
  it.skipIf(lacks !== "")(`$1$ as openssl makes it${lacks}`, () => {
    for (const [typed, salt] of [
      ["", "x"],
      ["secret", "gLhU0/"],
      ["a longer one than sixteen", "abcdefgh"],
      ["ünï", "12345678"],
    ] as const) {
      const theirs = run("openssl", ["passwd", "-1", "-salt", salt, typed]).trim();
      expect(md5Crypt(typed, `$1$${salt}$whatever`)).toBe(theirs);
    }
    expect(md5Crypt("x", "$5$salt$")).toBeUndefined();
  });
});

describe("settings of a menu.lst", () => {
  it("all of them", () => {
    const config = parseLegacy(
      "default saved\ntimeout=7\nfallback 1 2\nhiddenmenu\ncolor light-gray/blue black/light-gray\n" +
        "password --md5 $1$a$b /other.lst\nroot (hd0,0)\nnonsense\ntitle A\nboot\n",
    );
    expect(config).toEqual({
      entries: [{ title: "A", lines: ["boot"] }],
      default: "saved",
      timeout: 7,
      fallback: [1, 2],
      isHidden: true,
      colours: { normal: [7, 1], highlight: [0, 7] },
      password: { text: "$1$a$b", isMd5: true, file: "/other.lst" },
    });
  });

  it.each([
    ["a title without commands is dropped", "title A\ntitle B\nboot\ntitle C\n", ["B"]],
    ["so is one with unknown commands only", "title A\npxe detect\ntitle B\nboot\n", ["B"]],
    ["titles may be equal", "title A\nboot\ntitle A\nboot\n", ["A", "A"]],
    ["a number before title is unknown", "(3) Windows\ntitle A\nboot", ["A"]],
  ])("%s", (_, text, titles) => {
    expect(parseLegacy(text).entries.map(({ title }) => title)).toEqual(titles);
  });

  it.each([
    ["color green/black", { normal: [2, 0], highlight: [0, 2] }],
    ["color 0x17 0x71", { normal: [7, 1], highlight: [1, 7] }],
    ["color blink-yellow/black white/red", { normal: [14, 8], highlight: [15, 4] }],
    ["color white/yellow", undefined],
    ["color nonsense", undefined],
    ["timeout x", undefined],
  ])("%s", (line, colours) => {
    expect(parseLegacy(`${line}\n`).colours).toEqual(colours);
  });

  it("no text is too strange", () => {
    const piece = fc.constantFrom(
      "title ",
      "default ",
      "\n",
      "\\\n",
      "=",
      "saved",
      "9",
      "color",
      " ",
      "#",
      "kernel /x",
    );
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.array(piece).map((all) => all.join("")),
        ),
        (text) => {
          const { entries } = parseLegacy(text);
          expect(entries.every(({ lines }) => lines.length > 0)).toBe(true);
        },
      ),
    );
  });
});

const CORPUS = "/work/shared/corpus/grub";
const rows = [
  ["001", 0, 10, 4, "Linux-Linode %VER%", "kernel /boot/vmlinuz-linux-linode root=/dev/sda"],
  ["005", 0, 30, 25, "Chainload Grub2", "kernel /boot/grub/i386-pc/core.img"],
  ["007", 0, 5, 4, "Arch Linux", "kernel  /vmlinuz26 root=/dev/sda3 ro"],
  ["009", 0, 5, 2, "GoboLinux - AdminScripts/sandbox", "kernel (hd0,0)/boot/kernel vt.default_utf8=0"],
  ["011", 0, 10, 3, "funtoo Linux", "kernel /boot/kernel-2.6.30-r4-1"],
  ["013", 0, 0, 1, "CoreOS GRUB2", "kernel  /xen/pvboot-x86_64.elf"],
  ["015", 0, 5, 4, "Arch Linux with X11", "kernel /boot/vmlinuz26 root=/dev/disk/by-uuid/3612c792"],
  ["017", 0, undefined, 4, "LP49: CD BOOT (Hvm + Pc + Init -> Qsh/Rc)", "kernel=/l4/kickstart-0804.gz"],
  ["025", 0, 5, 4, "kernel.default-x86_64", "kernel  /boot/kernel.default-x86_64 rootdelay=10"],
  [
    "029",
    0,
    0,
    2,
    "Ubuntu 16.04.3 LTS, kernel 4.4.0-97-generic",
    "kernel  /boot/vmlinuz-4.4.0-97-generic root=LABEL",
  ],
  [
    "031",
    0,
    0,
    2,
    "Ubuntu 18.04.4 LTS, kernel 4.15.0-106-generic",
    "kernel  /boot/vmlinuz-4.15.0-106-generic",
  ],
  ["035", 0, 5, 4, "Arch Linux - my kernel", "kernel /vmlinuz26zen root=/dev/sda6 ro quiet vga=773"],
  ["039", 1, undefined, 2, "Microsoft Windows", "kernel /vmlinuz root=/dev/sda7 rootfstype=ext4"],
  ["051", 0, 0, 1, "chainload pv-grub", "kernel /pv-grub.gz (hd0,1,a)/boot/grub/menu.lst"],
] as const;

describe.skipIf(!existsSync(CORPUS))("menus of the wild", () => {
  const names = existsSync(CORPUS) ? readdirSync(CORPUS).filter((name) => name.includes("menu.lst")) : [];
  it("all are in the table", () => {
    expect(names.map((name) => name.slice(0, 3)).sort()).toEqual(rows.map(([number]) => number));
  });
  it.each(rows)(
    "%s: default %s, timeout %s, %s entries",
    (number, byDefault, timeout, count, title, kernel) => {
      const name = names.find((one) => one.startsWith(number)) ?? "";
      const config = parseLegacy(readFileSync(join(CORPUS, name), "utf8"));
      const kernels = config.entries.flatMap(({ lines }) =>
        lines.filter((line) => line.startsWith("kernel")),
      );
      expect([config.default, config.timeout, config.entries.length, config.entries[0]?.title]).toEqual([
        byDefault,
        timeout,
        count,
        title,
      ]);
      const squeezed = kernel.replace(/ +/g, " ");
      expect(kernels[0]?.replace(/ +/g, " ").slice(0, squeezed.length)).toBe(squeezed);
    },
  );
});
