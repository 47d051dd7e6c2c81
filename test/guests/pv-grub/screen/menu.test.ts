import { describe, expect, it } from "vitest";
import type { Menu } from "../../../../src/guests/pv-grub/menu.ts";
import { entry, MenuBench, menuOf } from "./bench.ts";

const THREE = [
  entry("One", "boot one"),
  entry("Two", "kernel /two", "boot two"),
  entry("Three", "fail /three"),
];
const KEY = {
  up: "\x1b[A",
  down: "\x1b[B",
  ss3Down: "\x1bOB",
  home: "\x1b[H",
  end: "\x1b[4~",
  pageDown: "\x1b[6~",
};

const LEGACY = `
    GNU GRUB  version 0.97  (640K lower / 261120K upper memory)

 +-------------------------------------------------------------------------+
 | One                                                                     |
 | Two                                                                     |
 | Three                                                                   |
 |                                                                         |
 |                                                                         |
 |                                                                         |
 |                                                                         |
 |                                                                         |
 |                                                                         |
 |                                                                         |
 |                                                                         |
 |                                                                         |
 +-------------------------------------------------------------------------+
      Use the ^ and v keys to select which entry is highlighted.
      Press enter to boot the selected OS, 'e' to edit the
      commands before booting, or 'c' for a command-line.`;

const GRUB2 = `
                             GNU GRUB  version 2.06

 +----------------------------------------------------------------------------+
 |*One                                                                        |
 | Two                                                                        |
 | Three                                                                      |
 |                                                                            |
 |                                                                            |
 |                                                                            |
 |                                                                            |
 |                                                                            |
 |                                                                            |
 |                                                                            |
 |                                                                            |
 +----------------------------------------------------------------------------+

      Use the ^ and v keys to select which entry is highlighted.
      Press enter to boot the selected OS, \`e' to edit the commands
      before booting or \`c' for a command-line.`;

describe("the menu", () => {
  it("stands on the screen as GRUB 0.97 draws it", () => {
    const bench = new MenuBench().show(menuOf("legacy", THREE));
    expect(bench.screen).toBe(LEGACY);
    expect(bench.terminal.inStyle("30;47")).toEqual([" One"]);
  });

  it("stands on the screen as GRUB 2 draws it", () => {
    expect(new MenuBench().show(menuOf("grub2", THREE)).screen).toBe(GRUB2);
  });

  it.each<[keys: readonly string[], chosen: string]>([
    [[KEY.down], " Two"],
    [[KEY.ss3Down, KEY.ss3Down], " Three"],
    [[KEY.down, KEY.down, KEY.down], " Three"],
    [[KEY.down, KEY.up, KEY.up], " One"],
    [["\x0e", "\x0e", "\x10"], " Two"],
    [["v", "v", "^"], " Two"],
    [[KEY.end], " Three"],
    [[KEY.end, KEY.home], " One"],
    [["\x05", "\x01"], " One"],
    [[KEY.pageDown], " Three"],
    [["\x1b", "[", "B"], " Two"],
    [["\x1b[1;5B"], " Two"],
    [["\x1b[24;80R", "\x1b[?1;2c"], " One"],
    [["x", "\x00", "é"], " One"],
  ])("after the keys %j the entry%s is highlighted", (keys, chosen) => {
    const bench = new MenuBench().show(menuOf("legacy", THREE));
    // One by one, and a sequence's bytes in pieces: never a lone Escape's time between them.
    for (const key of keys) bench.type(new TextEncoder().encode(key));
    expect(bench.terminal.inStyle("30;47")).toEqual([chosen]);
  });

  it("scrolls, and marks that there is more above and below", () => {
    const many = Array.from({ length: 30 }, (_, i) => entry(`Entry ${i}`));
    const bench = new MenuBench().show(menuOf("legacy", many));
    expect(bench.screen.split("\n")[15]).toMatch(/Entry 11 .*\| v$/);
    bench.type(KEY.down.repeat(15));
    expect(bench.screen.split("\n")[4]).toMatch(/Entry 4 .*\| \^$/);
    expect(bench.terminal.inStyle("30;47")).toEqual([" Entry 15"]);
    bench.type(KEY.end);
    expect(bench.screen.split("\n")[15]).toMatch(/Entry 29 .*\|$/);
  });

  it("sends only what changes: a step of the highlight writes two lines of it", () => {
    const bench = new MenuBench().show(menuOf("legacy", THREE));
    const before = bench.terminal.written;
    bench.type(KEY.down);
    expect(bench.terminal.written - before).toBe(2 * 75);
    expect(bench.sent.split("\x1b[2J")).toHaveLength(2);
  });

  it.each<[look: Menu["look"], line: string]>([
    ["legacy", "   The highlighted entry will be booted automatically in 3 seconds."],
    ["grub2", "   The highlighted entry will be executed automatically in 3s."],
  ])("counts down (%s) and boots the default", (look, line) => {
    const bench = new MenuBench().show(menuOf(look, THREE, { timeout: 5, defaultEntry: 1 }));
    bench.pass(2);
    expect(bench.screen).toContain(line);
    const before = bench.terminal.written;
    bench.pass(1);
    expect(bench.terminal.written - before).toBe(1);
    expect(bench.booted).toEqual([]);
    bench.pass(2);
    expect(bench.booted).toEqual(["two"]);
    expect(bench.result).toEqual({ left: "halt" });
  });

  it("stops counting at any key", () => {
    const bench = new MenuBench().show(menuOf("legacy", THREE, { timeout: 5 }));
    bench.pass(1).type("x").pass(100);
    expect(bench.screen).toBe(LEGACY);
    expect(bench.booted).toEqual([]);
  });

  it("loses nothing that was typed before it was there", () => {
    const bench = new MenuBench();
    bench.type(`${KEY.down}\r`);
    bench.show(menuOf("legacy", THREE, { timeout: 5 }));
    expect(bench.booted).toEqual(["two"]);
  });

  it("does not count down when there is no default", () => {
    const bench = new MenuBench().show(menuOf("legacy", THREE, { timeout: 5, defaultEntry: -1 }));
    bench.pass(100);
    expect(bench.booted).toEqual([]);
  });

  it.each<[style: Menu["style"], look: Menu["look"], shown: string]>([
    ["countdown", "legacy", "Press `ESC' to enter the menu... 2"],
    ["hidden", "grub2", ""],
    ["countdown", "grub2", "2"],
  ])("with the style %s (%s) shows %j, the menu after Escape, and boots without", (style, look, shown) => {
    const menu = menuOf(look, THREE, { style, timeout: 3 });
    const bench = new MenuBench().show(menu).pass(1);
    expect(bench.screen).toBe(shown);
    bench.type("x").pass(0.1).type("\x1b");
    expect(bench.screen).toBe(look === "legacy" ? LEGACY : GRUB2);
    expect(bench.pass(100).booted).toEqual([]);
    expect(new MenuBench().show(menu).pass(5).booted).toEqual(["one"]);
  });

  it("boots at once when there is no time, unless Escape has been typed already", () => {
    const menu = menuOf("legacy", THREE, { timeout: 0 });
    expect(new MenuBench().show(menu).pass(0).booted).toEqual(["one"]);
    const bench = new MenuBench().type("\x1b");
    expect(bench.show(menu).pass(1).screen).toBe(LEGACY);
  });

  it("tries the fallbacks in turn, and then waits for a person", () => {
    const entries = [...THREE, entry("Four", "fail /four")];
    const good = new MenuBench().show(
      menuOf("legacy", entries, { timeout: 1, defaultEntry: 2, fallback: [3, 1] }),
    );
    good.pass(1);
    expect(good.booted).toEqual(["two"]);
    expect(good.screen).toContain("Error 15: File not found\n  no /three\n\n  Falling back to `Four'");

    const bad = new MenuBench().show(
      menuOf("legacy", entries, { timeout: 1, defaultEntry: 2, fallback: [3, 99] }),
    );
    bad.pass(1);
    expect(bad.screen).toMatch(/no \/four\n\nPress any key to continue\.\.\.$/);
    bad.pass(10);
    expect(bad.terminal.inStyle("30;47")).toEqual([" Four"]);
    expect(bad.booted).toEqual([]);
  });

  it("shows an error until a key is pressed, and then the menu again", () => {
    const bench = new MenuBench().show(menuOf("legacy", THREE)).type(`${KEY.end}\r`);
    expect(bench.screen).toBe(
      "  Booting 'Three'\n\n\nError 15: File not found\n  no /three\n\nPress any key to continue...",
    );
    bench.pass(1000).type(" ");
    expect(bench.screen).toBe(LEGACY);
    expect(bench.terminal.inStyle("30;47")).toEqual([" Three"]);
  });

  it("says so when an entry loads nothing", () => {
    const bench = new MenuBench().show(menuOf("legacy", [entry("Empty", "root (hd0)")])).type("\r");
    expect(bench.screen).toContain("Error 8: Kernel must be loaded before booting");
  });

  it("enters a submenu and comes back from it by Escape", () => {
    const sub = menuOf("grub2", [entry("Inner", "boot inner")]);
    const outer = {
      ...entry("More"),
      // biome-ignore lint/correctness/useYield: it waits for nothing
      submenu: function* () {
        return sub;
      },
    };
    const bench = new MenuBench().show(menuOf("grub2", [entry("One", "boot one"), outer]));
    bench.type(`${KEY.down}\r`);
    expect(bench.screen).toContain("|*Inner ");
    expect(bench.screen).toContain("command-line. ESC to return\n      previous menu.");
    bench.type("\x1b");
    expect(bench.screen).toContain("|*More ");
    bench.type("\r").type("\r");
    expect(bench.booted).toEqual(["inner"]);
  });

  it("keeps editing, the command line and locked entries behind the password", () => {
    const entries = [{ ...entry("Locked", "boot locked"), locked: true }];
    const menu = menuOf("legacy", entries, { password: (typed) => typed === "secret" });
    const bench = new MenuBench().show(menu);
    expect(bench.screen).toContain("or 'p' to enter a\n      password to unlock");
    bench.type("e").type("c");
    expect(bench.screen).toContain("GNU GRUB");
    bench.type("\r").type("wrong\r");
    expect(bench.screen).toContain(" Password: *****\nFailed!");
    bench.type(" ").type("p").type("secret\r");
    expect(bench.screen).toContain("'e' to edit");
    bench.type("\r");
    expect(bench.booted).toEqual(["locked"]);
    expect(new MenuBench().show({ ...menu, timeout: 1 }).pass(60).booted).toEqual([]);
  });

  it("shows titles of any script, and lets none command the terminal", () => {
    const entries = [
      entry("Žluťoučký kůň"),
      entry("日本語のカアネル"),
      entry("\x1b[2Jx\x07\u009b1m"),
      entry("x".repeat(200)),
    ];
    const lines = new MenuBench().show(menuOf("grub2", entries)).screen.split("\n");
    expect(lines[4]).toBe(` |*${"Žluťoučký kůň".padEnd(75)}|`);
    expect(lines[5]).toBe(` | 日本語のカアネル${" ".repeat(75 - 16)}|`);
    expect(lines[6]).toBe(` | ${"?[2Jx??1m".padEnd(75)}|`);
    expect(lines[7]).toBe(` | ${"x".repeat(75)}|`);
  });

  it("does no harm on a terminal that is smaller", () => {
    const bench = new MenuBench(10, 40).show(menuOf("legacy", THREE, { timeout: 1 }));
    bench.pass(2);
    expect(bench.booted).toEqual(["one"]);
  });

  it("uses the menu's colours", () => {
    const colours = { normal: [7, 1], highlight: [14, 4] } as const;
    const bench = new MenuBench().show(menuOf("legacy", THREE, { colours }));
    expect(bench.terminal.inStyle("93;41")).toEqual([" One"]);
    expect(bench.terminal.inStyle("37;44")).toHaveLength(14);
  });
});
