/**
 * JSON as xl 4.17 prints it: yajl's beautifier with four spaces, an empty object or list on three lines.
 * What is printed, and in which order, the tables of {@link ./libxl-types.ts} say.
 */
import { absurd } from "../../lib/absurd.ts";
import type { Field } from "./idl.ts";

type Json =
  | { readonly kind: "scalar"; readonly text: string }
  | { readonly kind: "list"; readonly items: readonly Json[] }
  | { readonly kind: "object"; readonly entries: readonly (readonly [string, Json])[] };

const INDENT = "    ";

/** A record of the type `field` as text, without a newline at its end. */
export function toJson(field: Field, value: unknown): string {
  return print(toTree(field, value), "");
}

/** The printable tree; fields that libxl leaves out are gone. */
function toTree(field: Field, value: unknown): Json {
  switch (field.kind) {
    case "string":
    case "enum":
      return { kind: "scalar", text: quote(value as string) };
    case "bool":
    case "int":
      return { kind: "scalar", text: String(value) };
    case "defbool":
      return { kind: "scalar", text: value === true ? '"True"' : '"False"' };
    case "list":
      return { kind: "list", items: (value as readonly unknown[]).map((item) => toTree(field.of, item)) };
    case "struct":
      return { kind: "object", entries: entriesOf(field.fields, value as Readonly<Record<string, unknown>>) };
    case "union":
      return {
        kind: "object",
        entries: entriesOf(field.members, value as Readonly<Record<string, unknown>>),
      };
    default:
      return absurd(field);
  }
}

function entriesOf(fields: Readonly<Record<string, Field>>, record: Readonly<Record<string, unknown>>) {
  const entries: [string, Json][] = [];
  for (const [name, field] of Object.entries(fields)) {
    const value = record[name];
    if (field.kind === "union") {
      for (const [member, of] of Object.entries(field.members)) {
        const chosen = (value as Readonly<Record<string, unknown>> | undefined)?.[member];
        if (chosen !== undefined) entries.push([`${name}.${member}`, toTree(of, chosen)]);
      }
    } else if (value !== undefined && !isOmitted(field, value)) {
      entries.push([name, toTree(field, value)]);
    }
  }
  return entries;
}

function isOmitted(field: Field, value: unknown): boolean {
  switch (field.kind) {
    case "bool":
      return value === false;
    case "int":
    case "enum":
      return value === field.omit;
    case "list":
      return (value as readonly unknown[]).length === 0;
    default:
      return false;
  }
}

function print(json: Json, indent: string): string {
  if (json.kind === "scalar") return json.text;
  const deeper = indent + INDENT;
  const lines =
    json.kind === "list"
      ? json.items.map((item) => deeper + print(item, deeper))
      : json.entries.map(([name, value]) => `${deeper}${quote(name)}: ${print(value, deeper)}`);
  const [open, close] = json.kind === "list" ? "[]" : "{}";
  return `${open}\n${lines.join(",\n")}\n${indent}${close}`;
}

const SHORT_ESCAPES: ReadonlyMap<string, string> = new Map([
  ['"', '\\"'],
  ["\\", "\\\\"],
  ["\b", "\\b"],
  ["\f", "\\f"],
  ["\n", "\\n"],
  ["\r", "\\r"],
  ["\t", "\\t"],
]);

/** yajl's string: control characters as \uXXXX in capitals. */
function quote(text: string): string {
  const escaped = text.replace(
    /["\\\x00-\x1f]/g,
    (c) => SHORT_ESCAPES.get(c) ?? `\\u${c.charCodeAt(0).toString(16).toUpperCase().padStart(4, "0")}`,
  );
  return `"${escaped}"`;
}
