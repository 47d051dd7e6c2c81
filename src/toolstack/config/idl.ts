/**
 * How a libxl type is declared here: its fields in the order of libxl_types.idl, and when each is left out of the JSON.
 *
 *   const vnc = struct({ enable: defbool, listen: string, display: int() });
 *   type Vnc = RecordOf<typeof vnc>;         // { enable?: boolean; listen?: string; display?: bigint }
 *
 * A record holds what the config said; a field that is absent is libxl's default and is not printed.
 */

export interface StringField {
  readonly kind: "string";
}
/** C's bool: printed as true, and left out when false. */
export interface BoolField {
  readonly kind: "bool";
}
/** libxl_defbool: "True", "False", or left out when nobody has said. */
export interface DefboolField {
  readonly kind: "defbool";
}
export interface IntField {
  readonly kind: "int";
  /** The default, which is not printed. */
  readonly omit: bigint | undefined;
}
export interface EnumField<V extends string> {
  readonly kind: "enum";
  readonly values: readonly V[];
  readonly omit: V | undefined;
}
/** Printed when it has items. */
export interface ListField<E extends Field> {
  readonly kind: "list";
  readonly of: E;
}
/** Printed always, empty or not. */
export interface StructField<F extends Fields> {
  readonly kind: "struct";
  readonly fields: F;
}
/** A union keyed by another field: the one member that is there is printed as `NAME.MEMBER`. */
export interface UnionField<F extends Fields> {
  readonly kind: "union";
  readonly members: F;
}

export type Field =
  | StringField
  | BoolField
  | DefboolField
  | IntField
  | EnumField<string>
  | ListField<Field>
  | StructField<Fields>
  | UnionField<Fields>;
export type Fields = { readonly [name: string]: Field };

export type ValueOf<F> = F extends StringField
  ? string
  : F extends BoolField | DefboolField
    ? boolean
    : F extends IntField
      ? bigint
      : F extends EnumField<infer V>
        ? V
        : F extends ListField<infer E>
          ? ValueOf<E>[]
          : F extends StructField<infer S>
            ? RecordOfFields<S>
            : F extends UnionField<infer S>
              ? { -readonly [K in keyof S]?: ValueOf<S[K]> }
              : never;

/** Structs are always there; everything else may be absent. */
export type RecordOfFields<S extends Fields> = {
  -readonly [K in keyof S as S[K] extends StructField<Fields> | UnionField<Fields> ? K : never]: ValueOf<
    S[K]
  >;
} & {
  -readonly [K in keyof S as S[K] extends StructField<Fields> | UnionField<Fields> ? never : K]?: ValueOf<
    S[K]
  >;
};
export type RecordOf<T> = T extends StructField<infer S> ? RecordOfFields<S> : never;

export const string: StringField = { kind: "string" };
export const bool: BoolField = { kind: "bool" };
export const defbool: DefboolField = { kind: "defbool" };
export const int = (omit: bigint | undefined = 0n): IntField => ({ kind: "int", omit });
export const oneOf = <const V extends string>(values: readonly V[], omit?: V): EnumField<V> => ({
  kind: "enum",
  values,
  omit,
});
export const list = <E extends Field>(of: E): ListField<E> => ({ kind: "list", of });
export const struct = <F extends Fields>(fields: F): StructField<F> => ({ kind: "struct", fields });
export const union = <F extends Fields>(members: F): UnionField<F> => ({ kind: "union", members });
