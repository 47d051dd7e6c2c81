/** The migration calls of a fake Gate that nobody saves or restores through. */
import { refuse } from "../../src/abi/errno.ts";
import type { MigrationCalls } from "../../src/abi/migration.ts";

const no = () => refuse("ENOSYS");

export const noMigration: MigrationCalls = {
  resume: no,
  pageTypes: no,
  machineToPhys: () => undefined,
  pin: no,
  getExtVcpuContext: no,
  setExtVcpuContext: no,
  getTscInfo: no,
  setTscInfo: no,
  getCpuPolicy: no,
  auditCpuPolicy: no,
};
