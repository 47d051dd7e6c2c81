/** `xl mem-set` and `xl mem-max`: what a guest shall have, and may have (libxl_set_memory_target, libxl_domain_setmaxmem). */
import { DOMID_0, type Domid } from "../../abi/types.ts";
import type { Dom0 } from "../dom0.ts";
import { XlError } from "../error.ts";
import { libxlError } from "../lines.ts";
import { uuidText } from "../uuid.ts";
import { MAXMEM_SLACK_KIB } from "./memory.ts";

/** LIBXL_MIN_DOM0_MEM */
const DOM0_LEAST_KIB = 128 * 1024;

const SET = "libxl_set_memory_target";
const MAX = "libxl_domain_setmaxmem";

/** A decimal number in xenstore; undefined: the node is not there. */
const numberAt = ({ xs }: Dom0, path: string): number | undefined => {
  const value = xs.read(path);
  return value === undefined ? undefined : Number.parseInt(value, 10);
};

const missing = (place: string, domid: Domid, what: string, path: string): XlError =>
  new XlError(1, [
    libxlError(place, domid, `Cannot get ${what} info from ${path}: No such file or directory`),
  ]);

/** The guest balloons to it by itself: Linux watches `memory/target`. */
export function setMemoryTarget(dom0: Dom0, domid: Domid, kib: number): void {
  const { gate, xs } = dom0;
  const memory = `/local/domain/${domid}/memory`;
  if (domid === DOMID_0) describeDom0(dom0);
  if (numberAt(dom0, `${memory}/target`) === undefined) {
    throw missing(`libxl_mem.c:234:${SET}`, domid, "target memory", `/local/domain/${domid}/memory/target`);
  }
  const max = numberAt(dom0, `${memory}/static-max`);
  if (max === undefined) throw missing(`libxl_mem.c:251:${SET}`, domid, "memory", `${memory}/static-max`);
  const videoram = numberAt(dom0, `${memory}/videoram`) ?? 0;
  const target = kib - videoram;
  if (target > max) {
    const text = "memory_dynamic_max must be less than or equal to memory_static_max";
    // libxl's own text ends with a newline, so that an empty line follows.
    throw new XlError(1, [libxlError(`libxl_mem.c:278:${SET}`, domid, text), ""]);
  }
  if (domid === DOMID_0 && target < DOM0_LEAST_KIB) {
    const text = `New target ${target} for dom0 is below the minimum threshold`;
    throw new XlError(1, [libxlError(`libxl_mem.c:287:${SET}`, undefined, text)]);
  }
  const info = gate.domctl.getInfo(domid);
  if (!info.ok || !gate.domctl.setMaxMem(domid, kib + MAXMEM_SLACK_KIB).ok) {
    const text = `xc_domain_setmaxmem memkb=${kib + MAXMEM_SLACK_KIB} failed rc=-1`;
    throw new XlError(1, [libxlError(`libxl_mem.c:299:${SET}`, domid, text)]);
  }
  xs.write(`${memory}/target`, String(target));
  xs.write(`/vm/${uuidText(info.value.handle)}/memory`, String(Math.floor(target / 1024)));
}

export function setMaxMemory(dom0: Dom0, domid: Domid, kib: number): void {
  const memory = `/local/domain/${domid}/memory`;
  const target = numberAt(dom0, `${memory}/target`);
  if (target === undefined) throw missing(`libxl_mem.c:47:${MAX}`, domid, "memory", `${memory}/target`);
  if (kib < target) {
    // errno is what an earlier call left, and that call went well.
    const text = "memory_static_max must be greater than or or equal to memory_dynamic_max: Success";
    throw new XlError(1, [libxlError(`libxl_mem.c:59:${MAX}`, domid, text)]);
  }
  if (!dom0.gate.domctl.setMaxMem(domid, kib + MAXMEM_SLACK_KIB).ok) {
    const text = `xc_domain_setmaxmem domid=${domid} memkb=${kib + MAXMEM_SLACK_KIB} failed rc=-1`;
    throw new XlError(1, [libxlError(`libxl_mem.c:78:${MAX}`, domid, text)]);
  }
  dom0.xs.write(`${memory}/static-max`, String(kib));
}

/** libxl writes dom0's own memory nodes when they are first asked for. */
function describeDom0({ gate, xs }: Dom0): void {
  const info = gate.domctl.getInfo(DOMID_0);
  if (!info.ok) return;
  const memory = "/local/domain/0/memory";
  if (xs.read(`${memory}/target`) === undefined)
    xs.write(`${memory}/target`, String(info.value.totPages * 4));
  if (xs.read(`${memory}/static-max`) === undefined)
    xs.write(`${memory}/static-max`, String(info.value.maxPages * 4));
}
