/**
 * PV-GRUB: a boot loader that runs in the guest's own domain, reads the guest's disks by the guest's own devices, and
 * becomes the kernel that it loads.
 */
import { SHUTDOWN } from "../../abi/hypercall.ts";
import { printBanner } from "../minios/banner.ts";
import type { MiniOs } from "../minios/kernel.ts";
import { schedule, type Thread } from "../minios/threads.ts";
import { openDisks } from "./disks.ts";
import { GrubError } from "./errors.ts";
import { GrubFiles } from "./files.ts";
import { readLegacy } from "./legacy/legacy.ts";
import { KernelLoader } from "./loader.ts";
import { type Found, findConfig } from "./lookup.ts";
import type { Session, Surroundings } from "./menu.ts";
import { commandLine } from "./screen/command-line.ts";
import { runMenu } from "./screen/menu.ts";
import { Screen } from "./screen/screen.ts";
import type { Left, Ui } from "./screen/ui.ts";
import { readScript } from "./script/script.ts";

/** What a PC's BIOS tells of its memory below 1 MiB: GRUB's title line shows it beside the rest. */
const LOWER_KIB = 640;

export function* pvGrub(os: MiniOs): Thread<number> {
  printBanner(os);
  const disks = yield* openDisks(os);
  const screen = new Screen({
    write: (text) => os.console.printRaw(text),
    read: (until) => os.console.read(until),
    drained: () => os.console.drained(),
    now: () => os.now(),
  });
  const files = new GrubFiles(disks);
  const loader = new KernelLoader(os, files, screen);
  const given: Surroundings = { files, loader, terminal: screen, now: () => os.now() };
  const session = yield* readSession(os, given);
  const memory = { lower: LOWER_KIB, upper: os.start.nrPages * 4 - 1024 };
  const ui: Ui = { screen, shell: session.shell, loader, memory, history: [] };
  const left = yield* run(ui, session);
  os.shutdown(left === "reboot" ? SHUTDOWN.reboot : SHUTDOWN.poweroff);
  for (;;) yield* schedule();
}

function* run(ui: Ui, { menu }: Session): Thread<"halt" | "reboot"> {
  let left: Left = { left: "menu", menu };
  while (left.left === "menu" || left.left === "back") {
    const next: Left = left;
    left = next.left === "menu" ? yield* runMenu(ui, next.menu) : yield* commandLine(ui, false);
  }
  return left.left;
}

/** The menu that was found; without one, a menu of nothing, which is the command line. */
function* readSession(os: MiniOs, given: Surroundings): Thread<Session> {
  const { terminal, files } = given;
  try {
    const found = yield* findConfig(os, files);
    if (found !== undefined) return yield* read(given, found);
    terminal.print(
      files.disks.length === 0
        ? "no menu: the domain has no disk that can be read (disk=)\n"
        : "no menu: none of the disks has a menu.lst, grub.cfg or loader entries where they usually are;\n" +
            'name one by extra="(hd0,0)/path", or say here: kernel (hd0,0)/path\n',
    );
  } catch (error) {
    if (!(error instanceof GrubError)) throw error;
    terminal.print(`\n${error.message}\n  ${error.why}\n`);
  }
  return yield* readLegacy(given, { text: "", path: undefined });
}

function* read(given: Surroundings, { config, language }: Found): Thread<Session> {
  return yield* language === "legacy" ? readLegacy(given, config) : readScript(given, config);
}
