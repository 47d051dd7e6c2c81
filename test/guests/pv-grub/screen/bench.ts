/** A menu on a terminal, over a shell that remembers what it was given to run. */
import type { Loader, Menu, MenuEntry, RunEnd, Shell } from "../../../../src/guests/pv-grub/menu.ts";
import { runMenu } from "../../../../src/guests/pv-grub/screen/menu.ts";
import { Screen } from "../../../../src/guests/pv-grub/screen/screen.ts";
import { ThreadBench } from "../../../support/minios-threads.ts";

export const entry = (title: string, ...source: string[]): MenuEntry => ({
  title,
  id: undefined,
  source,
  submenu: undefined,
  locked: false,
});

export const menuOf = (
  look: Menu["look"],
  entries: readonly MenuEntry[],
  more: Partial<Menu> = {},
): Menu => ({
  entries,
  defaultEntry: 0,
  fallback: [],
  timeout: undefined,
  style: "menu",
  colours: undefined,
  password: undefined,
  look,
  ...more,
});

/** Lines: "boot X" ends in boot, "fail X" in an error; "halt" halts; all else is printed. */
export class MenuBench extends ThreadBench {
  readonly ran: string[][] = [];
  readonly booted: string[] = [];
  /** What TAB finds. */
  candidates: readonly string[] = [];

  show(menu: Menu): this {
    const screen = new Screen(this.io);
    let wanted = "";
    const { ran, booted } = this;
    const candidates = () => this.candidates;
    const loader: Loader = {
      loaded: false,
      kernel: function* () {},
      initrd: function* () {},
      // biome-ignore lint/correctness/useYield: it waits for nothing
      *boot(): Generator<never, RunEnd> {
        booted.push(wanted);
        return { end: "halt" };
      },
    };
    const shell: Shell = {
      look: menu.look,
      prompt: menu.look === "legacy" ? "grubdom> " : "grub> ",
      // biome-ignore lint/correctness/useYield: it waits for nothing
      *run(lines) {
        ran.push([...lines]);
        for (const line of lines) {
          const [verb, ...words] = line.trim().split(" ");
          wanted = words.join(" ");
          if (verb === "boot") return { end: "boot" };
          if (verb === "halt") return { end: "halt" };
          if (verb === "fail")
            return { end: "error", error: "Error 15: File not found", why: `no ${wanted}` };
          if (line !== "") screen.print(`${line}\n`);
        }
        return { end: "done" };
      },
      // biome-ignore lint/correctness/useYield: it waits for nothing
      *complete() {
        return candidates();
      },
    };
    return this.start(
      runMenu({ screen, shell, loader, memory: { lower: 640, upper: 261120 }, history: [] }, menu),
    );
  }

  get screen(): string {
    return this.terminal.text;
  }
}
