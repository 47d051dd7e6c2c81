/** Who the domain is: labels, type, name, uuid, pool. */
import { DOMAIN_TYPES, type DomainType } from "../libxl-types.ts";
import { copyBools, copyStrings, type KeyContext, refuse } from "./context.ts";

/** hex groups of 4-2-2-2-6 bytes; the dashes are not optional. */
const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

export function readIdentity(context: KeyContext): DomainType {
  const { settings, config } = context;
  const info = config.c_info;
  readLabels(context);
  info.run_hotplug_scripts = true;

  const type = readType(context);
  info.type = type;
  copyBools(context, info, { hap: "hap" });

  const name = settings.string("name");
  if (name === undefined) refuse("Domain name must be specified.");
  info.name = name;

  const uuid = settings.string("uuid");
  if (uuid !== undefined && !UUID.test(uuid)) refuse(`Failed to parse UUID: ${uuid}`);
  info.uuid = uuid === undefined ? context.newUuid() : uuid.toLowerCase();

  copyBools(context, info, { oos: "oos" });
  copyStrings(context, info, { pool_name: "pool" });
  return type;
}

/** A label given twice is for two times: the domain is made under the first and runs under the second. */
function readLabels({ settings, config }: KeyContext): void {
  const initial = settings.string("init_seclabel");
  const label = settings.string("seclabel");
  const first = initial ?? label;
  if (first !== undefined) config.c_info.ssid_label = first;
  if (initial !== undefined && label !== undefined) config.b_info.exec_ssid_label = label;
}

function readType({ settings }: KeyContext): DomainType {
  const given = settings.string("type");
  const type = given === undefined ? undefined : matchType(given, DOMAIN_TYPES);
  const builder = settings.string("builder");
  if (builder === undefined) return type ?? "pv";
  const built = matchType(builder, ["hvm", "generic"]) === "hvm" ? "hvm" : "pv";
  if (type !== undefined && type !== built) refuse(`Contradicting "builder" and "type" options specified.`);
  return built;
}

/** xl compares as many letters as were given: `h` is hvm, and so is nothing at all. */
function matchType<T extends string>(given: string, types: readonly T[]): T {
  return types.find((type) => type.startsWith(given)) ?? refuse(`Invalid domain type ${given}.`);
}
