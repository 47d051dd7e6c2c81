/** The reverse of {@link ./json.ts}: libxl_domain_config from the JSON that save files and libxl's userdata hold. */
import { absurd, bug } from "../../lib/absurd.ts";
import { XlError } from "../error.ts";
import type { Field, Fields } from "./idl.ts";
import { domainConfigType, type LibxlDomainConfig } from "./libxl-types.ts";

/** Fields that no row of ours names are left out, as libxl does. Throws XlError where the text is no such JSON. */
export function domainConfigFromJson(text: string): LibxlDomainConfig {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    throw broken("it is no JSON");
  }
  return read(domainConfigType, json, "config") as LibxlDomainConfig;
}

const broken = (why: string): XlError =>
  new XlError(1, [], `the domain config in the save file is damaged: ${why}`);

function read(field: Field, json: unknown, path: string): unknown {
  const expected = (what: string): XlError => broken(`${path} is not ${what}`);
  switch (field.kind) {
    case "string":
      if (typeof json !== "string") throw expected("a text");
      return json;
    case "enum":
      if (typeof json !== "string" || !field.values.includes(json)) throw expected("a word it can be");
      return json;
    case "bool":
      if (typeof json !== "boolean") throw expected("true or false");
      return json;
    case "defbool":
      if (json === "True" || json === "False") return json === "True";
      if (json === "<default>") return undefined;
      throw expected("True or False");
    case "int":
      if (typeof json !== "number" || !Number.isInteger(json)) throw expected("a number");
      return BigInt(json);
    case "list":
      if (!Array.isArray(json)) throw expected("a list");
      return json.map((item, i) => read(field.of, item, `${path}[${i}]`));
    case "struct":
      return readFields(field.fields, json, path);
    case "union":
      return bug("a union stands in a struct only");
    default:
      return absurd(field);
  }
}

function readFields(fields: Fields, json: unknown, path: string): Record<string, unknown> {
  if (typeof json !== "object" || json === null || Array.isArray(json))
    throw broken(`${path} is not an object`);
  const from = new Map(Object.entries(json));
  const out: Record<string, unknown> = {};
  for (const [name, field] of Object.entries(fields)) {
    if (field.kind === "union") {
      const chosen: Record<string, unknown> = {};
      for (const [member, of] of Object.entries(field.members)) {
        const value: unknown = from.get(`${name}.${member}`);
        if (value !== undefined) chosen[member] = read(of, value, `${path}.${name}.${member}`);
      }
      out[name] = chosen;
      continue;
    }
    const value: unknown = from.get(name);
    if (value !== undefined) {
      const got = read(field, value, `${path}.${name}`);
      if (got !== undefined) out[name] = got;
    } else if (field.kind === "struct") {
      out[name] = readFields(field.fields, {}, `${path}.${name}`);
    }
  }
  return out;
}
