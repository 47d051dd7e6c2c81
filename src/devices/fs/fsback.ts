/**
 * Offers a folder of the serving domain to others (3.3's fs-backend daemon): writes the device's nodes, and takes it through
 * the xenbus states with its front end.
 *
 *   const fsback = new FsBackend({ gate, xs, open, warn });
 *   fsback.offer(domid, "exports");       device/vfs/0 of that domain
 */
import type { Gate } from "../../abi/hypercall.ts";
import { XenbusState } from "../../abi/io/xenbus.ts";
import { type Domid, Gref, Port } from "../../abi/types.ts";
import type { XsClient, XsWatch } from "../../xenstore/client/client.ts";
import { FsBack } from "./back.ts";
import type { FileServer } from "./files.ts";

export interface FsBackendOptions {
  readonly gate: Gate;
  readonly xs: XsClient;
  /** The files of a domain's export, anew for every connection; undefined: they cannot be had. */
  readonly open: (domid: Domid) => FileServer | undefined;
  /** A line for the serving domain's log. */
  readonly warn: (line: string) => void;
}

interface Device {
  readonly domid: Domid;
  readonly backend: string;
  readonly frontend: string;
  watch: XsWatch | undefined;
  back: FsBack | undefined;
  port: Port | undefined;
}

export class FsBackend {
  readonly #options: FsBackendOptions;

  constructor(options: FsBackendOptions) {
    this.#options = options;
  }

  offer(domid: Domid, name: string): void {
    const { xs, gate } = this.#options;
    const frontend = `/local/domain/${domid}/device/vfs/0`;
    const backend = `/local/domain/${gate.domid}/backend/vfs/${domid}/0`;
    const device: Device = { domid, backend, frontend, watch: undefined, back: undefined, port: undefined };
    xs.transaction((tx) => {
      tx.remove(backend);
      tx.mkdir(backend);
      tx.setPerms(backend, [
        { domid: gate.domid, access: "n" },
        { domid, access: "r" },
      ]);
      const mine = { frontend, "frontend-id": domid, export: name, state: XenbusState.InitWait };
      for (const [node, value] of Object.entries(mine)) tx.write(`${backend}/${node}`, String(value));
      tx.remove(frontend);
      tx.mkdir(frontend);
      tx.setPerms(frontend, [
        { domid, access: "n" },
        { domid: gate.domid, access: "r" },
      ]);
      const theirs = { backend, "backend-id": gate.domid, state: XenbusState.Initialising };
      for (const [node, value] of Object.entries(theirs)) tx.write(`${frontend}/${node}`, String(value));
    });
    device.watch = xs.watch(`${frontend}/state`, () => this.#frontendChanged(device));
  }

  #frontendChanged(device: Device): void {
    const { xs } = this.#options;
    const said = xs.read(`${device.frontend}/state`);
    if (said === undefined) {
      this.#disconnect(device);
      device.watch?.cancel();
      xs.remove(device.backend.slice(0, device.backend.lastIndexOf("/")));
      return;
    }
    switch (Number(said)) {
      case XenbusState.Initialised:
        if (device.back === undefined) this.#connect(device);
        return;
      case XenbusState.Closing:
      case XenbusState.Closed:
        this.#disconnect(device);
        xs.write(`${device.backend}/state`, said);
        return;
      case XenbusState.Initialising:
        // Another kernel has taken the domain over.
        this.#disconnect(device);
        xs.write(`${device.backend}/state`, String(XenbusState.InitWait));
    }
  }

  #connect(device: Device): void {
    const { gate, xs, open, warn } = this.#options;
    const { domid, frontend, backend } = device;
    const refuse = (why: string): void => {
      warn(`fs-backend: ${frontend}: ${why}`);
      xs.write(`${backend}/state`, String(XenbusState.Closing));
    };
    const number = (node: string): number => {
      const text = xs.read(`${frontend}/${node}`) ?? "";
      return /^\d{1,10}$/.test(text) ? Number(text) : 0xffff_ffff;
    };
    const ring = gate.gnttab.map(domid, Gref(number("ring-ref")), "write");
    if (!ring.ok) {
      refuse(`its ring cannot be mapped: ${ring.errno}`);
      return;
    }
    const port = gate.evtchn.bindInterdomain(domid, Port(number("event-channel")));
    const files = port.ok ? open(domid) : undefined;
    if (!port.ok || files === undefined) {
      ring.value.unmap();
      if (port.ok) gate.evtchn.close(port.value);
      refuse("it cannot be served");
      return;
    }
    const back = new FsBack({
      gate,
      domid,
      ring: ring.value,
      port: port.value,
      files,
      broken: (why) => warn(`fs-backend: ${frontend}: ${why}; the ring is served no more`),
    });
    device.back = back;
    device.port = port.value;
    gate.evtchn.onEvent(port.value, () => {
      gate.charge("wake", 1);
      back.service();
    });
    xs.write(`${backend}/state`, String(XenbusState.Connected));
    back.service();
  }

  #disconnect(device: Device): void {
    device.back?.close();
    if (device.port !== undefined) this.#options.gate.evtchn.close(device.port);
    device.back = undefined;
    device.port = undefined;
  }
}
