/** All rows, by class; a class is a fixture. */
import type { Case } from "../case.ts";
import { buildCase } from "./builder.ts";
import { controlRows } from "./control.ts";
import { fpuRows } from "./fpu.ts";
import { integerRows } from "./integer.ts";
import type { Row } from "./row.ts";
import { sequenceRows } from "./sequence.ts";
import { undefinedRows } from "./undefined.ts";
import { vectorRows } from "./vector.ts";

/** Rows whose cases are single-stepped: control flow, REP, flags in memory; and a few that just pass. */
const traced = [...controlRows.string, ...controlRows.stack, ...controlRows.branch, ...integerRows.bit].map(
  (row): Row => ({ ...row, name: `${row.name} (TF)`, trace: true, weight: (row.weight ?? 1) / 2 }),
);

export const CLASSES: Readonly<Record<string, readonly Row[]>> = {
  ...integerRows,
  ...controlRows,
  ...fpuRows,
  ...vectorRows,
  ...undefinedRows,
  ...sequenceRows,
  trace: traced,
};

export function rowsOf(name: string): readonly Row[] {
  const rows = CLASSES[name];
  if (!rows) throw new Error(`no class ${name}; there are ${Object.keys(CLASSES).join(" ")}`);
  return rows;
}

/** Cases of a class: row after row, `perRow` of them for weight 1. */
export function generate(name: string, seed: number, perRow: number): Case[] {
  const cases: Case[] = [];
  for (const row of rowsOf(name)) {
    const n = Math.max(1, Math.round((row.weight ?? 1) * perRow));
    for (let i = 0; i < n; i++) cases.push(buildCase(row, seed, i));
  }
  return cases;
}
