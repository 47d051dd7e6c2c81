/**
 * Debian's cloud kernel from `xl create` to its shell, in this process: wall and CPU seconds, instructions, host memory.
 * The p2m walk (the kernel looks at 134,217,728 pfns whatever the guest's memory) is shown apart: with earlyprintk=xen the
 * line before it and the line after it reach the console when they are written.
 */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { readGuestFiles } from "../src/host/guest-files.ts";
import { Host } from "../src/host/host.ts";
import { parseDomainConfig } from "../src/toolstack/config/parse.ts";

const P2M_BEGINS = "p2m walk begins";
const P2M_ENDS = "p2m walk ends";
const PROMPT = "ends the domain";

export async function run(): Promise<void> {
  const directory = [process.env["XLAB_GUESTS"], "guests-cache", "/tmp/guests"].find(
    (path) => path !== undefined && existsSync(join(path, "vmlinuz-cloud")),
  );
  if (directory === undefined) {
    console.log("skipped: no Debian kernel here (scripts/get-guests.sh obtains it)");
    return;
  }
  for (const round of ["first", "warm", "interpreted"]) await boot(directory, round);
}

async function boot(directory: string, round: string): Promise<void> {
  const text = [
    'name = "bench"',
    `kernel = "${directory}/vmlinuz-cloud"`,
    `ramdisk = "${directory}/initrd.img"`,
    'extra = "console=hvc0 earlyprintk=xen cryptomgr.notests"',
    "memory = 256",
    "",
  ].join("\n");
  const started = process.hrtime.bigint();
  const cpu = process.cpuUsage();
  const seconds = (): number => Number(process.hrtime.bigint() - started) / 1e9;
  const host = await Host.start({ clock: "warp", seed: 1, translate: round !== "interpreted" });
  const { config } = parseDomainConfig({ text, source: "bench", overrides: [], uuid: new Uint8Array(16) });
  const domid = await host.create({
    config,
    files: await readGuestFiles(config, process.cwd()),
    paused: true,
  });
  const built = seconds();
  const marks = new Map<string, { wall: number; instructions: number }>();
  let printed = "";
  await new Promise<void>((resolve) => {
    host.attachConsole(
      domid,
      {
        data: (bytes) => {
          printed += new TextDecoder("latin1").decode(bytes);
          for (const [mark, words] of [
            [P2M_BEGINS, "p2m virtual area at"],
            [P2M_ENDS, "Remapped "],
            ["/init", "Run /init"],
            ["shell", PROMPT],
          ] as const) {
            if (!marks.has(mark) && printed.includes(words))
              marks.set(mark, { wall: seconds(), instructions: host.status().instructions });
          }
          if (printed.includes(PROMPT)) resolve();
        },
        end: resolve,
      },
      false,
    );
    void host.unpause(domid);
  });
  const wall = seconds();
  const used = process.cpuUsage(cpu);
  const { instructions, slotsUsed } = host.status();
  const begins = marks.get(P2M_BEGINS);
  const ends = marks.get(P2M_ENDS);
  console.log(
    `${round}: ${wall.toFixed(2)} s wall, ${((used.user + used.system) / 1e6).toFixed(2)} s CPU (all threads) to the shell; built after ${built.toFixed(2)} s`,
  );
  console.log(
    `  ${(instructions / 1e6).toFixed(0)} M instructions, ${(instructions / (wall - built) / 1e6).toFixed(0)} M/s`,
  );
  if (begins !== undefined && ends !== undefined) {
    const millions = (ends.instructions - begins.instructions) / 1e6;
    const took = ends.wall - begins.wall;
    console.log(
      `  of them the p2m walk: ${millions.toFixed(0)} M in ${took.toFixed(2)} s, ${(millions / took).toFixed(0)} M/s`,
    );
    console.log(
      `  without it: ${(wall - took).toFixed(2)} s, ${(instructions / 1e6 - millions).toFixed(0)} M instructions`,
    );
  }
  console.log(
    `  host memory: ${(process.memoryUsage().rss / 2 ** 20).toFixed(0)} MiB resident, ${((slotsUsed * 4096) / 2 ** 20).toFixed(0)} MiB of guest frames backed (guest has 256 MiB)`,
  );
  for (const [mark, { wall: at, instructions: count }] of marks)
    console.log(`  ${mark}: ${at.toFixed(2)} s, ${(count / 1e6).toFixed(0)} M instructions`);
  if (round === "warm" && wall > 15) console.log("  goal missed: under 15 s warm");
  await host.stop();
}
