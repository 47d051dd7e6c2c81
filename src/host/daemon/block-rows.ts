/** The rows of protocol/block.ts: requests about a domain's disks. */
import { resolve } from "node:path";
import type { BlockMethods } from "../../protocol/block.ts";
import { diskOf } from "../../toolstack/config/keys/devices.ts";
import type { Answer, Checked, Service } from "./serve.ts";

type BlockAnswer<M extends keyof BlockMethods> = Answer & { readonly result: BlockMethods[M]["result"] };
type BlockRows = {
  readonly [M in keyof BlockMethods]: (
    service: Service,
    params: Checked,
  ) => Promise<BlockAnswer<M>> | BlockAnswer<M>;
};

const LONGEST_SPECIFICATION = 65_536;
const LONGEST_PATH = 4096;

const nothing = { result: null } as const;

export const BLOCK_ROWS: BlockRows = {
  blockAttach: async ({ host }, p) => {
    const disk = diskOf(p.string("specification", LONGEST_SPECIFICATION), "command line");
    const directory = p.string("directory", LONGEST_PATH);
    const { pdev_path: path = "" } = disk;
    await host.blocks.attach(
      p.domid(),
      path === "" ? disk : { ...disk, pdev_path: resolve(directory, path) },
    );
    return nothing;
  },
  blockDetach: async ({ host }, p) => {
    await host.blocks.detach(p.domid(), p.string("vdev", LONGEST_PATH), p.boolean("force"));
    return nothing;
  },
  blockList: ({ host }, p) => ({ result: host.blocks.list(p.domid()) }),
  cdChange: ({ host }, p) => {
    host.blocks.changeCd(p.domid());
    return nothing;
  },
};
