import { describe, expect, test } from "vitest";
import { domainConfigFromJson } from "../../../src/toolstack/config/from-json.ts";
import { domainConfigJson, parseDomainConfig } from "../../../src/toolstack/config/parse.ts";

const parse = (text: string) =>
  parseDomainConfig({ text, source: "a.cfg", overrides: [], uuid: new Uint8Array(16).fill(7) }).libxl;

describe("a config as JSON", () => {
  test.each([
    'name="a"\ntype="pv"\nkernel="/k"\nmemory=64\n',
    'name="b"\ntype="pv"\nkernel="/k"\nramdisk="/r"\nextra="q \\"x\\""\nmemory=64\nmaxmem=512\nvcpus=2\nmaxvcpus=4\ncpu_weight=512\non_crash="rename-restart"\n',
    "name='c'\ntype='pv'\nkernel='/k'\ndisk=['/d.img,raw,xvda,w']\nvif=['mac=00:16:3e:01:02:03,bridge=xenbr0']\n",
    "name='d'\ntype='hvm'\nvnc=1\nvnclisten='0.0.0.0'\n",
  ])("of %j is read as it was written", (text) => {
    const libxl = parse(text);
    expect(domainConfigJson(domainConfigFromJson(domainConfigJson(libxl)))).toBe(domainConfigJson(libxl));
  });
  test("what it does not name is as if nobody had said it, what is unknown is left out", () => {
    const libxl = domainConfigFromJson(
      '{"c_info":{"name":"x","frob":1},"b_info":{"claim_mode":"<default>"}}',
    );
    expect(libxl).toEqual({
      c_info: { name: "x" },
      b_info: { sched_params: {}, type: {}, arch_arm: {}, arch_x86: {} },
    });
  });
  test.each([
    ["", "it is no JSON"],
    ["[]", "config is not an object"],
    ['{"c_info":{"name":5}}', "config.c_info.name is not a text"],
    ['{"c_info":{"type":"vax"}}', "config.c_info.type is not a word it can be"],
    ['{"b_info":{"max_vcpus":"2"}}', "config.b_info.max_vcpus is not a number"],
    ['{"b_info":{"max_vcpus":1e99999}}', "config.b_info.max_vcpus is not a number"],
    ['{"disks":{}}', "config.disks is not a list"],
  ])("%s is refused", (text, why) => {
    expect(() => domainConfigFromJson(text)).toThrow(
      expect.objectContaining({
        exitCode: 1,
        hint: `the domain config in the save file is damaged: ${why}`,
      }),
    );
  });
});
