/** vfb=: framebuffers, each with its keyboard; and the top-level vnc, sdl and keymap keys of a PV guest without one. */
import type { DomainType, Vfb } from "../libxl-types.ts";
import { strtol } from "../settings.ts";
import { copyBools, copyNumbers, copyStrings, type KeyContext, toInt } from "./context.ts";

export function readFramebuffers(context: KeyContext): void {
  const { settings, config } = context;
  for (const item of settings.list("vfb") ?? []) {
    if (item.kind === "list") continue;
    addFramebuffer(context, parseFramebuffer(item.text));
  }
  void config;
}

/** A PV guest that asks for VNC and names no vfb gets one made of the top-level keys; PVH only has them read. */
export function readTopLevelDisplay(context: KeyContext, type: DomainType): void {
  const { settings, config } = context;
  if (type === "hvm") return;
  const vfb = emptyFramebuffer();
  copyBools(context, vfb.vnc, { enable: "vnc" });
  const wanted = vfb.vnc.enable === true && (config.vfbs ?? []).length === 0 && !settings.has("vfb");
  if (vfb.vnc.enable !== true && type === "pv") return;
  copyStrings(context, vfb.vnc, { listen: "vnclisten", passwd: "vncpasswd" });
  copyNumbers(context, vfb.vnc, { display: "vncdisplay" }, toInt);
  copyBools(context, vfb.vnc, { findunused: "vncunused" });
  copyBools(context, vfb.sdl, { enable: "sdl", opengl: "opengl" });
  copyStrings(context, vfb.sdl, { display: "display", xauthority: "xauthority" });
  copyStrings(context, vfb, { keymap: "keymap" });
  if (wanted) addFramebuffer(context, vfb);
}

const emptyFramebuffer = (): Vfb => ({ vnc: {}, sdl: {} });

function addFramebuffer({ config }: KeyContext, vfb: Vfb): void {
  config.vfbs ??= [];
  config.vkbs ??= [];
  vfb.devid = BigInt(config.vfbs.length);
  config.vfbs.push(vfb);
  config.vkbs.push({ devid: BigInt(config.vkbs.length) });
}

/** C's atoi. */
const number = (text: string): bigint => toInt(strtol(text.replace(/^(\s*[+-]?)0+(?=[0-9])/, "$1")).value);

/** What each key of a specification sets. xm's `type=` and anything unknown is passed over. */
const KEYS: Readonly<Record<string, (vfb: Vfb, value: string) => void>> = {
  vnc: (vfb, value) => {
    vfb.vnc.enable = number(value) !== 0n;
  },
  vnclisten: (vfb, value) => {
    vfb.vnc.listen = value;
  },
  vncpasswd: (vfb, value) => {
    vfb.vnc.passwd = value;
  },
  vncdisplay: (vfb, value) => {
    vfb.vnc.display = number(value);
  },
  vncunused: (vfb, value) => {
    vfb.vnc.findunused = number(value) !== 0n;
  },
  keymap: (vfb, value) => {
    vfb.keymap = value;
  },
  sdl: (vfb, value) => {
    vfb.sdl.enable = number(value) !== 0n;
  },
  opengl: (vfb, value) => {
    vfb.sdl.opengl = number(value) !== 0n;
  },
  display: (vfb, value) => {
    vfb.sdl.display = value;
  },
  xauthority: (vfb, value) => {
    vfb.sdl.xauthority = value;
  },
};

/** `vnc=1,vncdisplay=3`: a word without `=` ends it. */
function parseFramebuffer(specification: string): Vfb {
  const vfb = emptyFramebuffer();
  for (const word of specification.split(",")) {
    const pair = word.replace(/^ +/, "");
    const equals = pair.indexOf("=");
    if (equals < 0) break;
    const key = pair.slice(0, equals);
    if (Object.hasOwn(KEYS, key)) KEYS[key]?.(vfb, pair.slice(equals + 1));
  }
  return vfb;
}
