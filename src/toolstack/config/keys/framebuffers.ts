/** vfb=: framebuffers, each with its keyboard; and the top-level vnc, sdl and keymap keys of a PV guest without one. */
import type { DomainType, Vfb } from "../libxl-types.ts";
import { copyBools, copyNumbers, copyStrings, type KeyContext, toInt } from "./context.ts";

export function readFramebuffers(context: KeyContext): void {
  for (const specification of context.settings.strings("vfb") ?? []) {
    addFramebuffer(context, parseFramebuffer(specification));
  }
}

/**
 * The display keys beside `vfb=`: a PV guest that asks for VNC and has no framebuffer gets one made of them.
 * For PVH they are read, and then not used.
 */
export function readTopLevelDisplay(context: KeyContext, type: DomainType): void {
  const vfb = emptyFramebuffer();
  copyBools(context, vfb.vnc, { enable: "vnc" });
  if (type === "pv" && vfb.vnc.enable !== true) return;
  copyStrings(context, vfb.vnc, { listen: "vnclisten", passwd: "vncpasswd" });
  copyNumbers(context, vfb.vnc, { display: "vncdisplay" }, toInt);
  copyBools(context, vfb.vnc, { findunused: "vncunused" });
  copyBools(context, vfb.sdl, { enable: "sdl", opengl: "opengl" });
  copyStrings(context, vfb.sdl, { display: "display", xauthority: "xauthority" });
  if (type !== "pv") return;
  copyStrings(context, vfb, { keymap: "keymap" });
  if (context.config.vfbs === undefined) addFramebuffer(context, vfb);
}

const emptyFramebuffer = (): Vfb => ({ vnc: {}, sdl: {} });

function addFramebuffer({ config }: KeyContext, vfb: Vfb): void {
  config.vfbs ??= [];
  config.vkbs ??= [];
  vfb.devid = BigInt(config.vfbs.length);
  config.vfbs.push(vfb);
  config.vkbs.push({ devid: BigInt(config.vkbs.length) });
}

/** C's atoi: decimal digits that `text` begins with, or 0. */
const number = (text: string): bigint => toInt(BigInt(/^\s*([+-]?[0-9]{1,40})/.exec(text)?.[1] ?? "0"));

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
