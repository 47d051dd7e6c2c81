/** `xlab inspect`, as a user types it. */
import { writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { machine } from "../support/cli.ts";

describe("xlab inspect", () => {
  const m = machine();
  afterAll(() => m.close());

  it("of our own small guest: facts, and a config to start from; as JSON too", async () => {
    const hello = resolve("build/hello.elf");
    const ran = await m.run("xlab", "inspect", hello);
    expect(ran).toMatchObject({ status: 0, stderr: "" });
    expect(ran.stdout).toMatch(/^file {8}: .*hello\.elf\nformat {6}: ELF, 64-bit\nbytes {7}: \d+\n/);
    expect(ran.stdout).toMatch(/^PV {10}: boots\nPVH {9}: no: /m);
    expect(ran.stdout).toMatch(/\n# a config to start from\nname {4}= "hello.elf"\n/);
    const json = await m.run("xlab", "inspect", hello, "--format", "json");
    expect(JSON.parse(json.stdout)).toMatchObject({ file: hello, bits: 64, pv: { boots: true } });
  });

  it("its config boots", async () => {
    const { stdout } = await m.run("xlab", "inspect", resolve("build/hello.elf"));
    const config = join(m.state, "suggested.cfg");
    writeFileSync(config, stdout.slice(stdout.indexOf("# a config")));
    const ran = await m.run("xlab", "run", config, 'extra="ticks=1 ms=1"', "--timeout", "50");
    expect(ran.status).toBe(0);
  });

  it("refusals: no kernel is status 1, no file and wrong words are 2", async () => {
    const text = join(m.state, "text");
    writeFileSync(text, "no kernel\n");
    const unfit = await m.run("xlab", "inspect", text);
    expect(unfit.status).toBe(1);
    expect(unfit.stdout).toMatch(/^PV {10}: no: the kernel file is neither/m);
    expect(await m.run("xlab", "inspect", join(m.state, "nowhere"))).toMatchObject({
      status: 2,
      stdout: "",
      stderr: `xlab: ${join(m.state, "nowhere")}: No such file or directory\n`,
    });
    expect((await m.run("xlab", "inspect")).status).toBe(2);
    expect((await m.run("xlab", "inspect", text, "--format", "yaml")).status).toBe(2);
  });
});
