/** Compiles programs/ and runs them on the processor. Development only: gcc. */
import { execFileSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { VECTOR_INT3 } from "./case.ts";
import { describeOutcome } from "./compare.ts";
import { PAGE } from "./machine.ts";
import { encodePrograms, loadProgram, type Program, withoutTail } from "./programs.ts";
import { runRecorder } from "./record.ts";
import { fixturePath } from "./suite.ts";

const SOURCES = fileURLToPath(new URL("./programs/", import.meta.url));

/** Each makes other code of the same program. */
const VARIANTS: readonly (readonly [string, readonly string[]])[] = [
  ["O0", ["-O0"]],
  ["O2", ["-O2"]],
  ["O3", ["-O3"]],
  ["Os", ["-Os"]],
  ["O2 387", ["-O2", "-mfpmath=387"]],
];

/** Programs in which floating point does not matter need no x87 variant. */
const WITH_FLOATS = new Set(["floats", "vectors", "jumps", "format", "structs"]);

const FLAGS = [
  "-Wall",
  "-Wno-parentheses",
  "-march=x86-64",
  "-ffreestanding",
  "-fno-pic",
  "-fno-stack-protector",
  "-fno-math-errno",
  "-fno-asynchronous-unwind-tables",
  "-ffp-contract=off",
  "-nostdlib",
  "-static",
  "-Wl,--build-id=none",
]; // prettier-ignore

function compile(name: string, options: readonly string[], dir: string): Uint8Array {
  const elf = join(dir, "program.elf");
  const flat = join(dir, "program.bin");
  execFileSync(
    "gcc",
    [
      ...FLAGS,
      ...options,
      "-Wl,-T,flat.ld",
      "-Wl,-z,noexecstack",
      "-o",
      elf,
      `${name}.c`,
      "runtime.c",
      "-lgcc",
    ],
    { cwd: SOURCES, stdio: "inherit" },
  );
  execFileSync("objcopy", ["-O", "binary", elf, flat]);
  return new Uint8Array(readFileSync(flat));
}

/** Runs an image on the processor; answers its result page. */
function runNatively(name: string, image: Uint8Array): Uint8Array {
  const { machine, state, resultPage } = loadProgram(image);
  const [answer] = runRecorder(machine, [{ state, patches: [] }], 5000);
  if (!answer || answer.vector !== VECTOR_INT3)
    throw new Error(
      `${name}: ${answer ? describeOutcome(answer.vector, answer.error, answer.cr2) : "no answer"}`,
    );
  const arena = machine.arena.slice();
  for (const p of answer.writes) arena.set(p.bytes, p.offset);
  return withoutTail(arena.subarray(resultPage * PAGE, (resultPage + 1) * PAGE));
}

export function recordPrograms(): void {
  const dir = mkdtempSync(join(tmpdir(), "xlab-programs-"));
  const programs: Program[] = [];
  try {
    const names = readdirSync(SOURCES)
      .filter((file) => file.endsWith(".c") && file !== "runtime.c")
      .map((file) => file.slice(0, -2));
    for (const name of names) {
      for (const [variant, options] of VARIANTS) {
        if (variant === "O2 387" && !WITH_FLOATS.has(name)) continue;
        const image = compile(name, options, dir);
        const full = `${name} ${variant}`;
        programs.push({ name: full, image, result: runNatively(full, image) });
      }
    }
  } finally {
    rmSync(dir, { recursive: true });
  }
  const packed = gzipSync(encodePrograms(programs), { level: 9 });
  writeFileSync(fixturePath("programs"), packed);
  const results = programs.reduce((n, p) => n + p.result.length, 0);
  console.log(
    `programs             ${programs.length} images, ${results} bytes of results, ${packed.length} bytes`,
  );
}
