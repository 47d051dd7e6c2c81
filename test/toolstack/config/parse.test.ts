/** What the toolstack gets of a config: xl's reading, libxl's defaults, and everything else kept. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { parseDisk } from "../../../src/toolstack/config/disk-spec.ts";
import { domainConfigJson, parseDomainConfig } from "../../../src/toolstack/config/parse.ts";
import { XlError } from "../../../src/toolstack/error.ts";

const parse = (text: string, overrides: readonly string[] = []) =>
  parseDomainConfig({ text, source: "f.cfg", overrides, uuid: Uint8Array.from({ length: 16 }, (_, i) => i) });

const least = 'name="n"\nkernel="k"\n';

describe("a domain's configuration", () => {
  it("has libxl's defaults where the file says nothing", () => {
    const { config, warnings } = parse(least);
    expect(config).toEqual({
      name: "n",
      uuid: Uint8Array.from({ length: 16 }, (_, i) => i),
      type: "pv",
      kernel: "k",
      ramdisk: undefined,
      disks: [],
      cmdline: "",
      memory: { targetKib: 32 * 1024, maxKib: 32 * 1024 },
      vcpus: 1,
      maxVcpus: 1,
      maxEventChannels: 1023,
      maxGrantFrames: undefined,
      cpuWeight: undefined,
      cap: undefined,
      on: {
        poweroff: "destroy",
        reboot: "restart",
        watchdog: "destroy",
        crash: "destroy",
        softReset: "soft-reset",
      },
      rest: new Map(),
    });
    expect(warnings).toEqual([]);
  });

  it.each([
    ["memory=64", { memory: { targetKib: 65536, maxKib: 65536 } }],
    ["memory=64\nmaxmem=128", { memory: { targetKib: 65536, maxKib: 131072 } }],
    ["maxmem=128", { memory: { targetKib: 131072, maxKib: 131072 } }],
    ["vcpus=2\nmaxvcpus=4", { vcpus: 2, maxVcpus: 4 }],
    ["maxvcpus=4", { vcpus: 1, maxVcpus: 4 }],
    ["vcpus=0", { vcpus: 1, maxVcpus: 1 }],
    ['root="/dev/x"\nextra="ro"', { cmdline: "root=/dev/x ro" }],
    ['cmdline="c"\nextra="ro"', { cmdline: "c" }],
    ["cpu_weight=512\ncap=50", { cpuWeight: 512, cap: 50 }],
    ['cpu_weight="-1"', { cpuWeight: undefined }],
    ["max_grant_frames=16\nmax_event_channels=99", { maxGrantFrames: 16, maxEventChannels: 99 }],
    ['on_crash="rename-restart"\non_reboot="preserve"', {}],
  ])("%s", (text, expected) => {
    expect(parse(`${least}${text}\n`).config).toMatchObject(expected);
  });

  it("keeps what has no field of its own", () => {
    const { config } = parse(`${least}disk=['/p,raw,xvda,w']\nfrobnicate=1\n`);
    expect([...config.rest.keys()]).toEqual(["frobnicate"]);
    expect(config.disks).toMatchObject([{ target: "/p", format: "raw", vdev: "xvda", devid: 51712 }]);
  });

  it("overrides stand behind the file's own settings", () => {
    expect(parse(`${least}memory=64`, ["memory=16", 'name="other"']).config).toMatchObject({
      name: "other",
      memory: { targetKib: 16384 },
    });
  });

  it("what is wrong carries the warnings that came before", () => {
    expect(() => parse('name=["n"]\n')).toThrow(
      expect.objectContaining({
        exitCode: 1,
        lines: [
          "f.cfg:1: warning: parameter `name' is a list but should be a single value",
          "Domain name must be specified.",
        ],
      }),
    );
  });
});

describe("whatever a config says", () => {
  const key = fc.constantFrom(
    ..."name kernel type builder memory maxmem vcpus maxvcpus uuid disk vif vfb vnc vncdisplay on_crash tsc_mode bootloader_args device_model cpus pci max_grant_frames firmware".split(
      " ",
    ),
  );
  const scalar = fc.oneof(
    fc.constantFrom(
      "1",
      "0x10",
      '"pv"',
      '"hvm"',
      '"pvh"',
      '"-1"',
      '"/p,raw,xvda"',
      '"rate=1Mb/s"',
      "99999999999999999999",
    ),
    fc.string({ maxLength: 12 }).map((text) => `'${text.replace(/[\\'\n\0]/g, "")}'`),
  );
  const value = fc.oneof(
    scalar,
    fc.array(scalar, { maxLength: 3 }).map((items) => `[${items.join(",")}]`),
  );
  const setting = fc.tuple(key, fc.constantFrom("=", "+="), value).map((parts) => `${parts.join("")}\n`);

  it("it is a domain or a refusal, and its JSON is JSON", () => {
    fc.assert(
      fc.property(fc.array(setting, { maxLength: 12 }), (settings) => {
        try {
          const { libxl } = parse(least + settings.join(""));
          JSON.parse(domainConfigJson(libxl));
        } catch (error) {
          if (!(error instanceof XlError)) throw error;
          expect(error.exitCode).toBeGreaterThan(0);
        }
      }),
      { numRuns: 1_500 },
    );
  });
});

/** As libxlutil 4.17 answered. */
const DISKS: readonly (readonly [specification: string, disk: Record<string, unknown>])[] = [
  ["/dev/vg/v,,hda", { pdev_path: "/dev/vg/v", vdev: "hda", format: "raw", readwrite: 1n }],
  ["format=raw, vdev=hda, access=rw, target=/a,b", { pdev_path: "/a,b", vdev: "hda", readwrite: 1n }],
  ["raw:/dev/vg/v,hda,w", { pdev_path: "/dev/vg/v", vdev: "hda", format: "raw" }],
  ["phy:vg/x,xvda,r", { pdev_path: "vg/x", vdev: "xvda", readwrite: 0n }],
  ["tap:aio:/p,xvda,w", { pdev_path: "/p", vdev: "xvda", format: "raw" }],
  ["tap:qcow2:/p,xvda,w", { pdev_path: "/p", format: "qcow2" }],
  ["iscsi:a,xvda,w", { pdev_path: "a", script: "block-iscsi" }],
  ["phy:/dev/cdrom,hdc:cdrom,r", { vdev: "hdc", removable: 1n, is_cdrom: 1n, readwrite: 0n, format: "raw" }],
  [",hdc:cdrom,r", { pdev_path: "", vdev: "hdc", format: "empty", is_cdrom: 1n }],
  ["vdev=xvda,cdrom", { vdev: "xvda", format: "empty", is_cdrom: 1n, readwrite: 0n }],
  ["a:b,raw,xvda", { pdev_path: "a:b" }],
  ["/p,raw,xvda,w,", { vdev: "xvda" }],
];

const BAD_DISKS: readonly (readonly [
  specification: string,
  ...faults: readonly (readonly [string, string | undefined])[],
])[] = [
  ["foo:/x,xvda,w", ["unknown deprecated disk prefix", "foo:"]],
  ["/p,raw,xvda,x", ["unknown value for access", "x"]],
  ["/p,foo,xvda,w", ["unknown value for format", "foo"]],
  ["/p,raw,xvda,w,zzz", ["too many positional parameters", "zzz"]],
  ["/p,raw,xvda,w,devtype=foo", ["unknown value for type", "devtype=foo"]],
  ["/p,raw,xvda,w,format=qcow2", ["format respecified", "qcow2"]],
  ["/p,raw,xvda,w,vdev=xvdb", ["vdev respecified", "xvdb"]],
  ["/p,raw,xvda:foo,w", ["unknown deprecated type", "foo"]],
  ["/p,raw,xvda,w,foo=bar", ["unknown parameter", "foo=b"]],
  ["/a=b,raw,xvda,w", ["bad disk syntax", "=b,raw,xvda,w"]],
  ["/p,,x,foo=bar,backendtype=", ["unknown parameter", "foo=b"], ["unknown value for backendtype", ""]],
  ["", ["no vdev specified", undefined]],
  ["/p", ["no vdev specified", undefined]],
  ["vdev=xvda", ["no target specified (and device not removable)", undefined]],
];

describe("a disk", () => {
  it.each(DISKS)("%s", (specification, disk) => {
    expect(parseDisk(specification)).toMatchObject({ ok: true, disk });
  });

  it.each(BAD_DISKS.map(([specification, ...faults]) => ({ specification, faults })))(
    "$specification is none",
    ({ specification, faults }) => {
      expect(parseDisk(specification)).toEqual({
        ok: false,
        faults: faults.map(([message, near]) => ({ message, near })),
      });
    },
  );
});
