import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { EditText } from "../../../../src/guests/pv-grub/screen/text.ts";
import { entry, MenuBench, menuOf } from "./bench.ts";

const ENTRIES = [entry("Linux", "root (hd0)", "kernel /vmlinuz quiet", "boot linux")];
const UP = "\x1b[A";
const DOWN = "\x1b[B";
const LEFT = "\x1b[D";

describe("editing an entry", () => {
  it("of GRUB 0.97 changes, adds and takes out lines, and boots what came of it", () => {
    const bench = new MenuBench().show(menuOf("legacy", ENTRIES)).type("e");
    expect(bench.screen).toContain("| kernel /vmlinuz quiet ");
    expect(bench.screen).toContain("Press 'b' to boot, 'e' to edit the selected command in the");
    bench.type(`${DOWN}e`);
    expect(bench.screen).toContain("grub edit> kernel /vmlinuz quiet");
    bench.type(" single\r");
    bench.type("o").type("e").type("initrd /initrd\r");
    bench.type("O").type("e").type("# before\r");
    bench.type(UP.repeat(9)).type("d");
    bench.type("b");
    expect(bench.ran).toEqual([["kernel /vmlinuz quiet single", "# before", "initrd /initrd", "boot linux"]]);
    expect(bench.booted).toEqual(["linux"]);
  });

  it("of GRUB 0.97 forgets a line's changes, and the entry's, at Escape", () => {
    const bench = new MenuBench().show(menuOf("legacy", ENTRIES)).type("e").type("e");
    bench.type("nonsense").type("\x1b");
    expect(bench.screen).toContain("| root (hd0)  ");
    bench.type("d").type("\x1b").type("\r");
    expect(bench.ran).toEqual([ENTRIES[0]?.source]);
  });

  it("of GRUB 2 is a text, booted by Control-x", () => {
    const bench = new MenuBench().show(menuOf("grub2", ENTRIES)).type("e");
    expect(bench.screen.split("\n").slice(3, 10)).toEqual([
      " +----------------------------------------------------------------------------+",
      ` | ${"setparams 'Linux'".padEnd(75)}|`,
      ` |${"".padEnd(76)}|`,
      ` | ${"root (hd0)".padEnd(75)}|`,
      ` | ${"kernel /vmlinuz quiet".padEnd(75)}|`,
      ` | ${"boot linux".padEnd(75)}|`,
      ` |${"".padEnd(76)}|`,
    ]);
    bench.type(DOWN.repeat(3)).type("\x05 single\rinitrd /initrd").type("\x18");
    expect(bench.ran).toEqual([
      ["setparams 'Linux'", "", "root (hd0)", "kernel /vmlinuz quiet single", "initrd /initrd", "boot linux"],
    ]);
    expect(bench.booted).toEqual(["linux"]);
  });

  it("of GRUB 2 carries long lines over, and follows the cursor", () => {
    const long = `linux /vmlinuz ${"x".repeat(200)}`;
    const bench = new MenuBench().show(menuOf("grub2", [entry("L", long, ...Array(20).fill("# more"))]));
    bench.type("e");
    const rows = bench.screen.split("\n");
    expect(rows[6]).toBe(` | ${long.slice(0, 73)}\\ |`);
    expect(rows[4]).toMatch(/\|$/);
    expect(rows[14]).toMatch(/\|v$/);
    bench.type(DOWN.repeat(30));
    expect(bench.screen.split("\n")[4]).toMatch(/\|\^$/);
    bench.type("\x1b");
    expect(bench.ran).toEqual([]);
  });

  it("goes to the command line by Control-c, and comes back", () => {
    const bench = new MenuBench().show(menuOf("grub2", ENTRIES)).type("e").type("\x03");
    expect(bench.screen).toMatch(/grub>$/);
    bench.type("\x1b");
    expect(bench.screen).toContain("Minimum Emacs-like screen editing");
  });

  it("joins and parts lines as any editor does", () => {
    const text = new EditText(["ab", "cd"]);
    const press = (...keys: string[]) => {
      for (const key of keys) text.press(key);
      return text.lines;
    };
    expect(press("end", "delete")).toEqual(["abcd"]);
    expect(press("\r", "X")).toEqual(["ab", "Xcd"]);
    expect(press("left", "\b")).toEqual(["abXcd"]);
    expect(press("\u000b", "\u0019", "\u0019")).toEqual(["abXcdXcd"]);
    expect(press("home", "down", "up", "left", "\b", "\u0015")).toEqual(["abXcdXcd"]);
  });

  it("never has a row wider than the box, nor the cursor outside, whatever is typed", () => {
    const key = fc.oneof(
      fc.constantFrom("up", "down", "left", "right", "home", "end", "\r", "\b", "delete", "\u000b", "\u0019"),
      fc.constantFrom("a", "é", "日", "\u0301", " "),
    );
    fc.assert(
      fc.property(fc.array(fc.string({ unit: "grapheme", maxLength: 90 })), fc.array(key), (lines, keys) => {
        const text = new EditText(lines);
        for (const one of keys) text.press(one);
        const rows = text.rows(20);
        const at = text.place(rows);
        expect(rows[at.row]).toBeDefined();
        expect(at.column).toBeLessThanOrEqual(20);
        const joined: string[] = [];
        for (const { line, text: row } of rows) joined[line] = `${joined[line] ?? ""}${row}`;
        expect(joined).toHaveLength(text.lines.length);
      }),
    );
  });
});

describe("the command line", () => {
  const open = () => new MenuBench().show(menuOf("legacy", ENTRIES)).type("c");

  it("runs what is typed, and says what is wrong", () => {
    const bench = open().type("hello\r").type("fail /x\r");
    expect(bench.screen).toMatch(
      /grubdom> hello\nhello\n\ngrubdom> fail \/x\n\nError 15: File not found\n {2}no \/x\n\ngrubdom>$/,
    );
    bench.type("boot it\r");
    expect(bench.booted).toEqual(["it"]);
  });

  it.each<[typed: string, ran: string]>([
    ["abc\b\bx\r", "ax"],
    [`bc\x01a\x05d\r`, "abcd"],
    [`ac${LEFT}b\r`, "abc"],
    ["one two\x17three\r", "one three"],
    ["abc\x15x\r", "x"],
    ["abc\x01\x0b\x19\x19\r", "abcabc"],
    ["日本x\b\b\r", "日"],
  ])("edits: %j becomes %j", (typed, ran) => {
    expect(open().type(typed).ran).toEqual([[ran]]);
  });

  it("recalls earlier lines, and what was being typed", () => {
    const bench = open().type("first\r").type("second\r").type(`thi${UP}${UP}`);
    expect(bench.screen).toMatch(/grubdom> first$/);
    bench.type(`${UP}${DOWN}${DOWN}rd\r`);
    expect(bench.ran.at(-1)).toEqual(["third"]);
  });

  it("completes: the common beginning first, then what there is", () => {
    const bench = open();
    bench.candidates = ["/boot/vmlinuz-1", "/boot/vmlinuz-2"];
    bench.type("kernel /b\t");
    expect(bench.screen).toMatch(/grubdom> kernel \/boot\/vmlinuz-$/);
    bench.type("\t");
    expect(bench.screen).toMatch(
      / Possible files are:\n\n vmlinuz-1 vmlinuz-2\n\ngrubdom> kernel \/boot\/vmlinuz-$/,
    );
    bench.candidates = ["/boot/vmlinuz-2"];
    bench.type("2\tx\r");
    expect(bench.ran).toEqual([["kernel /boot/vmlinuz-2 x"]]);
  });

  it("scrolls a line that is longer than the screen is wide", () => {
    const bench = open().type("y".repeat(300));
    expect(bench.terminal.row).toBe(5);
    expect(bench.screen.split("\n")[5]?.length).toBeLessThan(80);
    bench.type("\x01z\r");
    expect(bench.ran).toEqual([[`z${"y".repeat(300)}`]]);
  });

  it("is what there is without a menu", () => {
    const bench = new MenuBench().show(menuOf("legacy", []));
    expect(bench.screen).toMatch(/completions of a device\/filename\. \]\n\ngrubdom>$/);
    bench.type("\x1b").type("halt\r");
    expect(bench.result).toEqual({ left: "halt" });
  });

  it("shows controls in what is printed as text", () => {
    expect(open().type("a\r").sent).not.toContain("\x07");
    const bench = open().type("x\r");
    expect(bench.screen).toContain("grubdom> x\nx\n");
  });
});
