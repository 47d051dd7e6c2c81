/** PyGRUB's menu: byte for byte what the real one drew, and keys. */
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { parseGrub2 } from "../../../src/toolstack/bootloader/grub-conf.ts";
import { runMenu } from "../../../src/toolstack/bootloader/menu.ts";

const GOLDEN = new URL("../../../../shared/golden/boot/pygrub-create-c-pty.txt", import.meta.url);
const MENU = parseGrub2(`
set timeout=5
menuentry "Golden Linux" {
  linux /boot/vmlinuz root=/dev/xvda1 ro console=hvc0
}
menuentry "Golden Linux (single)" {
  linux /boot/vmlinuz root=/dev/xvda1 ro console=hvc0 single
}
`);

/** `typed`: what comes each time the menu waits for keys; then nothing. */
function run(timeout: number, typed: readonly string[], menu = MENU) {
  let shown = "";
  const steps = runMenu(menu, timeout, (text) => {
    shown += text;
  });
  const waits: (number | undefined)[] = [];
  const left = [...typed];
  let step = steps.next();
  while (step.done !== true) {
    if (step.value.need !== "keys") throw new Error("the menu reads no disk");
    waits.push(step.value.seconds);
    if (step.value.seconds === undefined && left.length === 0) throw new Error("it waits for ever");
    step = steps.next(new TextEncoder().encode(left.shift() ?? ""));
  }
  return { shown, waits, chosen: step.value, selected: step.value.images[step.value.selected] };
}

describe("PyGRUB's menu", () => {
  it("counts down and goes, as the real one drew it", () => {
    const text = readFileSync(GOLDEN, "latin1");
    const from = text.indexOf("\x1b(B");
    const golden = text.slice(from, text.indexOf("[    0.000000]", from));
    const { shown, waits, chosen } = run(5, []);
    expect(shown).toBe(golden);
    expect(waits).toEqual([1, 1, 1, 1, 1]);
    expect(chosen.selected).toBe(0);
  });

  const rows: [string, string[], string | undefined][] = [
    ["Enter takes what is highlighted", ["\r"], "root=/dev/xvda1 ro console=hvc0"],
    ["down and Enter", ["\x1b[B", "\r"], "root=/dev/xvda1 ro console=hvc0 single"],
    ["keys typed ahead, in one piece", ["\x1bOB\x1bOA\r"], "root=/dev/xvda1 ro console=hvc0"],
    [
      "no further than the ends",
      ["\x1b[A\x1b[A\x1b[B\x1b[B\x1b[B\r"],
      "root=/dev/xvda1 ro console=hvc0 single",
    ],
    ["`a` adds to the arguments", ["a", " more", "\r"], "root=/dev/xvda1 ro console=hvc0 more"],
    ["`a` and Escape change nothing", ["a", " more", "\x1b", "\r"], "root=/dev/xvda1 ro console=hvc0"],
    ["`e`, a line changed, `b`", ["e", "e", " 3", "\r", "b"], "root=/dev/xvda1 ro console=hvc0 3"],
    ["`e` and Escape", ["e", "d", "\x1b", "\r"], "root=/dev/xvda1 ro console=hvc0"],
    ["`c`, a kernel entered, boot", ["c", "linux /k x=1\r", "boot\r"], "x=1"],
    ["`c` left by Escape", ["c", "linux /k x=1\r", "\x1b", "\r"], "root=/dev/xvda1 ro console=hvc0"],
  ];
  it.each(rows)("%s", (_, typed, args) => {
    expect(run(5, typed).selected?.args).toBe(args);
  });

  it("a key stops the clock", () => {
    expect(run(5, ["", "\x1b[B", "\r"]).waits).toEqual([1, 1, undefined]);
  });

  it("a title cannot steer the terminal", () => {
    const hostile = parseGrub2(`menuentry "a\x1b[2Jb\x07" { \nlinux /k\n}\n`);
    const { shown } = run(-1, ["\r"], hostile);
    expect(shown).toContain("a?[2Jb?");
    expect(shown).not.toContain("\x1b[2J");
  });
});
