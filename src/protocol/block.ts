/** Requests about a domain's disks: `xl block-attach`, `block-detach`, `block-list`, `cd-insert`. */

interface ByDomid {
  readonly domid: number;
}

export interface ListedBlock {
  readonly devid: number;
  readonly backendDomid: number;
  readonly domid: number;
  readonly state: number;
  readonly evtchn: number;
  readonly ringRef: number;
  readonly backend: string;
}

export interface BlockMethods {
  /** `specification`: as in a config's `disk` list; `directory`: what its path is relative to. */
  blockAttach: {
    params: ByDomid & { readonly specification: string; readonly directory: string };
    result: null;
  };
  blockDetach: { params: ByDomid & { readonly vdev: string; readonly force: boolean }; result: null };
  blockList: { params: ByDomid; result: readonly ListedBlock[] };
  cdChange: { params: ByDomid; result: null };
}
