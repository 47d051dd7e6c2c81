/**
 * The block back end driver of a domain: finds the devices that a toolstack describes under its `backend/KIND` directory,
 * and takes each through the xenbus states with its front end (public/io/blkif.h, xenbus.h).
 *
 *   new Blkback({ gate, xs, kind: "vbd", open, queues: 4, warn })
 *
 * A device can be opened when its hotplug script has said what it is (`physical-device`; for a kind without scripts when its
 * front end is ready); `open` then gives the {@link BlockStore}. Nodes are written in Linux's order.
 */
import type { Gate, MappedFrame } from "../../abi/hypercall.ts";
import {
  BLKIF_LAYOUTS,
  type BlkifProtocol,
  SECTOR_SIZE,
  VDISK_CDROM,
  VDISK_READONLY,
  VDISK_REMOVABLE,
} from "../../abi/io/blkif.ts";
import { XenbusState } from "../../abi/io/xenbus.ts";
import { Domid, Gref, Port } from "../../abi/types.ts";
import type { XsClient, XsWatch } from "../../xenstore/client/client.ts";
import { VbdBack, type VbdStatistics } from "./back.ts";
import { MAX_INDIRECT_SEGMENTS } from "./request.ts";
import { SharedPages } from "./shared-pages.ts";
import type { BlockStore } from "./store.ts";

/** 16 pages of ring at most. */
const MAX_RING_PAGE_ORDER = 4;

export interface BlkbackOptions {
  /** The domain that serves. */
  readonly gate: Gate;
  readonly xs: XsClient;
  /** `vbd` (the kernel's), or `qdisk` (a process's). */
  readonly kind: "vbd" | "qdisk";
  /** Rings that a front end may use side by side. */
  readonly queues: number;
  /** Whether a device waits for its hotplug script. */
  readonly hotplug: boolean;
  /** The disk of this device, as its nodes describe it; undefined: it cannot be had (now). */
  readonly open: (device: {
    readonly domid: Domid;
    readonly devid: number;
    readonly path: string;
  }) => BlockStore | undefined;
  /** A line for dom0's kernel log. */
  readonly warn: (line: string) => void;
}

interface Queue {
  readonly back: VbdBack;
  readonly port: Port;
  readonly ring: SharedPages;
}

interface Device {
  readonly domid: Domid;
  readonly devid: number;
  /** Of the back end's nodes, and the front end's. */
  readonly path: string;
  readonly frontend: string;
  readonly frontWatch: XsWatch;
  store: BlockStore | undefined;
  queues: Queue[];
  state: XenbusState;
  /** Rings that still have requests under way after they were closed. */
  draining: number;
}

export class Blkback {
  readonly #options: BlkbackOptions;
  readonly #root: string;
  readonly #devices = new Map<string, Device>();

  constructor(options: BlkbackOptions) {
    this.#options = options;
    this.#root = `/local/domain/${options.gate.domid}/backend/${options.kind}`;
    options.xs.watch(this.#root, (path) => this.#changed(path));
  }

  /** Of every connected device. */
  statistics(): { readonly domid: Domid; readonly devid: number; readonly of: VbdStatistics }[] {
    return [...this.#devices.values()].flatMap(({ domid, devid, queues }) =>
      queues.map(({ back }) => ({ domid, devid, of: back.statistics })),
    );
  }

  /** Something under `backend/KIND` changed. */
  #changed(path: string): void {
    if (path === this.#root) {
      this.#enumerate();
      return;
    }
    const [domid, devid, node] = path.slice(this.#root.length + 1).split("/");
    if (domid === undefined || devid === undefined) {
      this.#enumerate();
      return;
    }
    const device = this.#look(`${this.#root}/${domid}/${devid}`);
    if (device === undefined) return;
    if (node === "physical-device") this.#attach(device);
  }

  #enumerate(): void {
    const { xs } = this.#options;
    for (const domid of xs.directory(this.#root) ?? []) {
      for (const devid of xs.directory(`${this.#root}/${domid}`) ?? [])
        this.#look(`${this.#root}/${domid}/${devid}`);
    }
    for (const path of [...this.#devices.keys()]) this.#look(path);
  }

  /** The device there, which may be new, or have gone. */
  #look(path: string): Device | undefined {
    const { xs } = this.#options;
    const known = this.#devices.get(path);
    const frontend = xs.read(`${path}/frontend`);
    const domid = xs.read(`${path}/frontend-id`);
    const state = Number(xs.read(`${path}/state`));
    if (frontend === undefined || domid === undefined) {
      if (known !== undefined) this.#forget(known);
      return undefined;
    }
    if (known !== undefined || state !== XenbusState.Initialising) return known;
    return this.#probe(path, frontend, Domid(Number(domid)));
  }

  #probe(path: string, frontend: string, domid: Domid): Device {
    const { xs, queues, hotplug } = this.#options;
    const devid = Number(path.slice(path.lastIndexOf("/") + 1));
    const device: Device = {
      domid,
      devid,
      path,
      frontend,
      frontWatch: xs.watch(`${frontend}/state`, () => this.#frontendChanged(device)),
      store: undefined,
      queues: [],
      state: XenbusState.Initialising,
      draining: 0,
    };
    this.#devices.set(path, device);
    xs.write(`${path}/feature-max-indirect-segments`, String(MAX_INDIRECT_SEGMENTS));
    xs.write(`${path}/multi-queue-max-queues`, String(queues));
    xs.write(`${path}/max-ring-page-order`, String(MAX_RING_PAGE_ORDER));
    this.#switch(device, XenbusState.InitWait);
    if (hotplug && xs.read(`${path}/physical-device`) !== undefined) this.#attach(device);
    return device;
  }

  /** The disk behind it can be opened (or was changed for another: a CD). */
  #attach(device: Device): void {
    if (device.store !== undefined) return;
    device.store = this.#options.open({ domid: device.domid, devid: device.devid, path: device.path });
    if (device.store !== undefined) this.#frontendChanged(device);
  }

  #open({ domid, devid, path }: Device): BlockStore | undefined {
    return this.#options.open({ domid, devid, path });
  }

  #frontendChanged(device: Device): void {
    if (!this.#devices.has(device.path)) return;
    const { xs } = this.#options;
    const said = xs.read(`${device.frontend}/state`);
    const state = Number(said ?? XenbusState.Unknown);
    switch (state) {
      case XenbusState.Initialising:
        // It starts anew: another kernel has taken over the domain.
        if (device.state === XenbusState.Closed) this.#switch(device, XenbusState.InitWait);
        return;
      case XenbusState.Initialised:
      case XenbusState.Connected:
        if (!this.#options.hotplug) device.store ??= this.#open(device);
        if (device.state !== XenbusState.Connected && device.store !== undefined) {
          this.#disconnect(device, () => {});
          this.#connect(device, device.store);
        }
        return;
      case XenbusState.Closing:
        this.#disconnect(device, () => this.#switch(device, XenbusState.Closing));
        return;
      case XenbusState.Closed:
        this.#disconnect(device, () => {
          this.#switch(device, XenbusState.Closed);
          if (xs.read(`${device.path}/online`) !== "1") this.#release(device);
        });
        return;
      case XenbusState.Unknown:
        // Its nodes are gone: the guest died, or was cut off.
        if (said !== undefined) return;
        this.#disconnect(device, () => {
          if (xs.read(`${device.path}/state`) !== undefined) this.#switch(device, XenbusState.Closed);
          this.#release(device);
        });
    }
  }

  #connect(device: Device, store: BlockStore): void {
    const { xs, queues: most, warn } = this.#options;
    const { frontend, path } = device;
    const number = (node: string, otherwise: number): number => {
      const text = xs.read(`${frontend}/${node}`);
      return text === undefined || !/^\d{1,10}$/.test(text) ? otherwise : Number(text);
    };
    const name = xs.read(`${frontend}/protocol`) ?? "x86_64-abi";
    const wanted = number("multi-queue-num-queues", 1);
    const order = number("ring-page-order", 0);
    if (!(name in BLKIF_LAYOUTS) || wanted < 1 || wanted > most || order > MAX_RING_PAGE_ORDER) {
      this.#refuse(device, `protocol ${name}, ${wanted} queues of order ${order}: not what was offered`);
      return;
    }
    for (let i = 0; i < wanted; i++) {
      const place = wanted > 1 ? `queue-${i}/` : "";
      const refs =
        xs.read(`${frontend}/ring-page-order`) === undefined
          ? [number(`${place}ring-ref`, -1)]
          : Array.from({ length: 2 ** order }, (_, page) => number(`${place}ring-ref${page}`, -1));
      const queue = this.#queue(
        device,
        store,
        name as BlkifProtocol,
        refs,
        number(`${place}event-channel`, -1),
      );
      if (queue === undefined) {
        this.#disconnect(device, () => {});
        this.#refuse(device, `ring ${refs.join(",")} of queue ${i} cannot be mapped`);
        return;
      }
      device.queues.push(queue);
    }
    warn(`xen-blkback: ${path}: using ${wanted} queues, protocol ${wanted > 1 ? "2" : "1"} (${name})`);
    this.#describe(path, store);
    this.#switch(device, XenbusState.Connected);
    for (const { back } of device.queues) back.service();
  }

  #queue(
    device: Device,
    store: BlockStore,
    protocol: BlkifProtocol,
    refs: readonly number[],
    remotePort: number,
  ): Queue | undefined {
    const { gate, warn } = this.#options;
    const frames: MappedFrame[] = [];
    const undo = (): undefined => {
      for (const frame of frames) frame.unmap();
      return undefined;
    };
    for (const ref of refs) {
      const frame = ref < 0 ? undefined : gate.gnttab.map(device.domid, Gref(ref), "write");
      if (frame === undefined || !frame.ok) return undo();
      frames.push(frame.value);
    }
    const bound = remotePort < 0 ? undefined : gate.evtchn.bindInterdomain(device.domid, Port(remotePort));
    if (bound === undefined || !bound.ok) return undo();
    const port = bound.value;
    const ring = new SharedPages(frames);
    const back = new VbdBack({
      gate,
      domid: device.domid,
      ring,
      layout: BLKIF_LAYOUTS[protocol],
      port,
      store,
      broken: (why) => warn(`xen-blkback: ${device.path}: ${why}; the ring is served no more`),
    });
    gate.evtchn.onEvent(port, () => {
      gate.charge("wake", 1);
      back.service();
    });
    return { back, port, ring };
  }

  /** What a front end needs to know of the disk. */
  #describe(path: string, store: BlockStore): void {
    const { xs } = this.#options;
    const cdrom = xs.read(`${path}/device-type`) === "cdrom";
    const removable = xs.read(`${path}/removable`) === "1";
    const discards =
      store.discardGranularity > 0 && !store.readonly && xs.read(`${path}/discard-enable`) !== "0";
    const nodes: [string, number][] = [["feature-flush-cache", 1]];
    if (discards) {
      nodes.push(["discard-granularity", store.discardGranularity], ["discard-alignment", 0]);
      nodes.push(["discard-secure", 0], ["feature-discard", 1]);
    }
    nodes.push(["feature-barrier", 1], ["feature-persistent", 1], ["sectors", store.sectors]);
    const info =
      (cdrom ? VDISK_CDROM : 0) | (removable ? VDISK_REMOVABLE : 0) | (store.readonly ? VDISK_READONLY : 0);
    nodes.push(["info", info], ["sector-size", SECTOR_SIZE], ["physical-sector-size", SECTOR_SIZE]);
    xs.transaction((tx) => {
      for (const [node, value] of nodes) tx.write(`${path}/${node}`, String(value));
    });
  }

  /** Rings are served no more; `then` when what was under way is done and they are given back. */
  #disconnect(device: Device, then: () => void): void {
    const { gate } = this.#options;
    const queues = device.queues;
    device.queues = [];
    device.draining += queues.length;
    const done = (): void => {
      if (device.draining === 0) then();
    };
    for (const { back, port, ring } of queues) {
      gate.evtchn.close(port);
      back.close(() => {
        ring.unmap();
        device.draining--;
        done();
      });
    }
    if (queues.length === 0) done();
  }

  #release(device: Device): void {
    device.frontWatch.cancel();
    device.store?.close();
    device.store = undefined;
    this.#devices.delete(device.path);
  }

  /** Its own nodes were removed. */
  #forget(device: Device): void {
    this.#disconnect(device, () => {});
    this.#release(device);
  }

  /** As xenbus_dev_fatal: the reason in an `error` node, and the device closes. */
  #refuse(device: Device, why: string): void {
    const { xs, warn } = this.#options;
    warn(`xen-blkback: ${device.path}: ${why}`);
    xs.write(
      `/local/domain/${this.#options.gate.domid}/error/backend/${this.#options.kind}/${device.domid}/${device.devid}/error`,
      `22 ${why}`,
    );
    this.#switch(device, XenbusState.Closing);
  }

  #switch(device: Device, state: XenbusState): void {
    if (device.state === state) return;
    device.state = state;
    this.#options.xs.write(`${device.path}/state`, String(state));
  }
}
