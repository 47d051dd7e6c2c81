/** PV-GRUB on a whole host: the menu of a disk, the hand-over, and what may go wrong. */
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { afterAll, describe, expect, it, vi } from "vitest";
import { type DiskFile, demoDisk, writeExt2 } from "../../../src/guests/pv-grub/demo-disk.ts";
import type { CreateRequest } from "../../../src/host/types.ts";
import { parseDomainConfig } from "../../../src/toolstack/config/parse.ts";
import { haveHello, printed, withHost } from "../../host/guest.ts";
import { Terminal } from "../../support/terminal.ts";

const scratch = mkdtempSync(join(tmpdir(), "xlab-pvgrub-"));
afterAll(() => rmSync(scratch, { recursive: true }));
const HELLO = new URL("../../../build/hello.elf", import.meta.url);
const hello = existsSync(HELLO) ? new Uint8Array(readFileSync(HELLO)) : new Uint8Array();

let made = 0;
function disk(bytes: Uint8Array): string {
  const path = join(scratch, `${++made}.img`);
  writeFileSync(path, bytes);
  return path;
}

const text = (content: string): Uint8Array => new TextEncoder().encode(content);
const file = (path: string, content: string | Uint8Array): DiskFile => ({
  path,
  content: typeof content === "string" ? text(content) : content,
});
const withMenu = (menu: string, ...more: DiskFile[]): string =>
  disk(writeExt2([file("/boot/grub/menu.lst", menu), ...more], 1024, "test"));

function request(disks: readonly string[], more = "", module?: string): CreateRequest {
  const source =
    `name="grub"\nkernel="pv-grub-x86_64.gz"\nmemory=32\non_reboot="destroy"\non_crash="destroy"\n` +
    `disk=[${disks.map((path, i) => `"${path},raw,xvd${"abc"[i]},w"`).join(",")}]\n${more}\n`;
  const uuid = new Uint8Array(16).fill(7);
  const { config } = parseDomainConfig({ text: source, source: "grub.cfg", overrides: [], uuid });
  return {
    config,
    files: {
      kernel: { path: "pv-grub-x86_64.gz", program: "pv-grub" },
      ...(module === undefined ? {} : { ramdisk: { path: "menu", bytes: text(module) } }),
    },
    paused: true,
  };
}

interface Seen {
  readonly text: string;
  readonly end: unknown;
}

/** Runs it to its end; each key is typed when the pattern before it has come. */
async function run(
  wanted: CreateRequest,
  dialogue: readonly (readonly [RegExp, string])[] = [],
): Promise<Seen> {
  return await withHost({ clock: "warp" }, async (host) => {
    const domid = await host.create(wanted);
    const console = printed(host, domid);
    await host.unpause(domid);
    const end = host.waitForEnd(domid);
    end.catch(() => {}); // an earlier failure is what matters
    let from = 0;
    for (const [pattern, typed] of dialogue) {
      await vi.waitFor(
        () => {
          const found = pattern.exec(console.text().slice(from));
          if (found === null) throw new Error(`${pattern} did not come:\n${console.text().slice(from)}`);
          from += found.index + found[0].length;
        },
        { timeout: 6_000, interval: 2 },
      );
      console.attachment?.write(text(typed));
    }
    const how = await end;
    await console.ended;
    return { text: console.text(), end: how };
  });
}

const POWEROFF = { how: "shutdown", reason: 0 };
const BOOT = "timeout 1\ntitle Hello\nroot (hd0)\nkernel /boot/hello.elf ticks=1 ms=10\n";
/** A command line that ends the domain by itself. */
const HALT: readonly [RegExp, string] = [/grubdom> $/, "halt\r"];

describe.skipIf(!haveHello)("PV-GRUB", () => {
  it("shows the menu of the guest's disk and becomes the kernel that it names", async () => {
    const seen = await run(request([disk(demoDisk(hello))]));
    expect(seen.text).toMatch(/^Xen Minimal OS \(pv\)!\r\n[\s\S]*\r\nvbd 51712 is hd0\r\n/);
    const terminal = new Terminal();
    const menu = seen.text.slice(0, seen.text.indexOf("Booting"));
    terminal.write(menu.slice(0, menu.lastIndexOf("\x1b[0m")));
    expect(terminal.text).toContain(" | Hello: counts five ticks and ends");
    expect(seen.text).toMatch(/go!\r\n[\s\S]*Hello! I am "grub"[\s\S]*tick 5/);
    expect(seen.end).toEqual(POWEROFF);
  });

  it("gives the kernel its whole memory, whichever pages it was read into", async () => {
    const seen = await run(request([withMenu(BOOT, file("/boot/hello.elf", hello))], "vcpus=4"));
    expect(seen.text).toContain("memory    8192 pages, 32 MiB");
    expect(seen.text).toContain("of 4");
  });

  it.each<[where: string, path: string]>([
    ["/boot/grub/menu.lst", "/boot/grub/menu.lst"],
    ["/grub/menu.lst", "/grub/menu.lst"],
    ["/boot/grub/grub.conf", "/boot/grub/grub.conf"],
  ])("finds %s on the second disk when the first has none", async (_, path) => {
    const empty = disk(writeExt2([], 64, "empty"));
    const menu = BOOT.replace("(hd0)", "(hd1)");
    const second = disk(writeExt2([file(path, menu), file("/boot/hello.elf", hello)], 256, "second"));
    const seen = await run(request([empty, second]));
    expect(seen.text).toContain("vbd 51728 is hd1");
    expect(seen.text).toContain("tick 1");
  });

  it.each(["/boot/grub/grub.cfg", "/grub2/grub.cfg"])("reads %s", async (path) => {
    const script = "set timeout=1\nmenuentry 'Hello' {\n linux /boot/hello.elf ticks=1 ms=10\n}\n";
    const seen = await run(
      request([disk(writeExt2([file(path, script), file("/boot/hello.elf", hello)], 256, "cfg"))]),
    );
    expect(seen.text).toContain("GNU GRUB  version 2.06");
    expect(seen.text).toContain("tick 1");
  });

  it("takes the menu from loader entries where there is no other", async () => {
    const entry = "title Hello\nlinux /boot/hello.elf\noptions ticks=1 ms=10\n";
    const image = writeExt2(
      [file("/boot/loader/entries/a.conf", entry), file("/boot/hello.elf", hello)],
      256,
      "bls",
    );
    const seen = await run(request([disk(image)]), [[/Hello/, "\r"]]);
    expect(seen.text).toContain("tick 1");
  });

  it("takes the menu that the command line names, or the module's text", async () => {
    const kernel = file("/boot/hello.elf", hello);
    const other = withMenu("title Wrong\nhalt\n", file("/other.lst", BOOT), kernel);
    const named = await run(request([other], 'extra="(hd0)/other.lst"'));
    expect(named.text).toContain("tick 1");
    const module = await run(request([other], 'ramdisk="menu"', BOOT));
    expect(module.text).toContain("tick 1");
  });

  it.each<[what: string, wanted: () => CreateRequest, said: RegExp]>([
    ["no disk", () => request([]), /no menu: the domain has no disk/],
    [
      "no menu",
      () => request([disk(writeExt2([], 64, "empty"))]),
      /no menu: none of the disks has a menu\.lst/,
    ],
    [
      "a menu that is not there",
      () => request([withMenu(BOOT)], 'extra="(hd0)/nope"'),
      /Error 15: File not found/,
    ],
    [
      "a menu by network",
      () => request([], 'extra="(nd)/menu.lst"'),
      /Error 21: Selected disk does not exist/,
    ],
    [
      "noise for a disk",
      () => request([disk(new Uint8Array(4096).fill(0xa5))]),
      /no menu: none of the disks/,
    ],
  ])("with %s it says so and gives the command line", async (_, wanted, said) => {
    const seen = await run(wanted(), [HALT]);
    expect(seen.text).toMatch(said);
    expect(seen.end).toEqual(POWEROFF);
  });

  it.each<[what: string, kernel: Uint8Array, memory: string, said: RegExp]>([
    [
      "no kernel at all",
      text("#!/bin/sh\n"),
      "",
      /Error 13: Invalid or unsupported executable format\r\n {2}.*neither a Linux bzImage nor an ELF/,
    ],
    ["an empty file", new Uint8Array(), "", /Error 13/],
    [
      "a 32-bit kernel",
      as32Bit(hello),
      "",
      /can only boot x86 64 kernels, not xen-3\.0-x86_32p?: a 32-bit kernel needs the loader pv-grub-x86_32\.gz/,
    ],
    [
      "a kernel that unpacks to more than the domain has",
      gzipSync(new Uint8Array(40 * 2 ** 20)),
      "",
      /Error 28: Selected item cannot fit into memory/,
    ],
    [
      "a damaged gzip",
      gzipSync(hello).fill(0x55, 40, 80),
      "",
      /Error 13.*\r\n.*damaged|Error 13[\s\S]*cannot be unpacked/,
    ],
  ])("refuses %s in GRUB's words and ours", async (_, kernel, memory, said) => {
    const menu = BOOT.replace("timeout 1", "timeout 0");
    const seen = await run(request([withMenu(menu, file("/boot/hello.elf", kernel))], memory), [
      [/Press any key/, " "],
      [/GNU GRUB/, "c"],
      HALT,
    ]);
    expect(seen.text).toMatch(said);
    expect(seen.end).toEqual(POWEROFF);
  });

  it("says what does not fit, and boots what fits afterwards", async () => {
    const image = disk(writeExt2([file("/boot/hello.elf", hello)], 8000, "x"));
    const seen = await run(request([image], "memory=4"), [
      [/grubdom> $/, "kernel (hd0)/boot/hello.elf ticks=1 ms=10\r"],
      [/grubdom> $/, "initrd (hd0)0+7800\r"],
      [/Error 28: Selected item cannot fit into memory\r\n.*memory=[\s\S]*grubdom> $/, "initrd (hd0)0+700\r"],
      [/grubdom> $/, "boot\r"],
    ]);
    expect(seen.text).toContain("tick 1");
  });

  it("reboots and halts by command", async () => {
    const seen = await run(request([]), [[/grubdom> $/, "reboot\r"]]);
    expect(seen.end).toEqual({ how: "shutdown", reason: 1 });
  });
});

/** The same file with a 32-bit ELF's class and machine: only its head is looked at before it is refused. */
function as32Bit(_elf: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(8192);
  const view = new DataView(bytes.buffer);
  bytes.set([0x7f, 0x45, 0x4c, 0x46, 1, 1, 1]);
  view.setUint16(16, 2, true);
  view.setUint16(18, 3, true);
  view.setUint32(20, 1, true);
  view.setUint32(24, 0xc010_0000, true);
  view.setUint32(28, 52, true);
  view.setUint16(40, 52, true);
  view.setUint16(42, 32, true);
  view.setUint16(44, 2, true);
  view.setUint16(46, 40, true);
  const notes: [number, string | number][] = [
    [6, "linux"],
    [5, "xen-3.0"],
    [8, "generic"],
    [9, "yes"],
    [3, 0xc000_0000],
    [1, 0xc010_0000],
  ];
  let at = 2048;
  for (const [type, value] of notes) {
    const content =
      typeof value === "string" ? text(`${value}\0`) : new Uint8Array(new Uint32Array([value]).buffer);
    view.setUint32(at, 4, true);
    view.setUint32(at + 4, content.length, true);
    view.setUint32(at + 8, type, true);
    bytes.set(text("Xen\0"), at + 12);
    bytes.set(content, at + 16);
    at += 16 + ((content.length + 3) & ~3);
  }
  const segments = [
    [1, 4096, 0xc010_0000, 0x10_0000, 4096, 4096, 5, 4096],
    [4, 2048, 0, 0, at - 2048, at - 2048, 4, 4],
  ];
  for (const [i, words] of segments.entries())
    for (const [j, word] of words.entries()) view.setUint32(52 + i * 32 + j * 4, word, true);
  return bytes;
}
