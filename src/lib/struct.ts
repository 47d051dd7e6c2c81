/**
 * Memory layouts with explicit offsets over a DataView, little endian.
 *
 *   const req = struct("xsd_sockmsg", 16, { type: at(0, u32), len: at(12, u32) });
 *   req.field.len.get(view, base)      one field, in place: shared memory is read a field at a time
 *   req.read(view, base)               the whole record, for set-up paths
 *
 * `struct` refuses fields that overlap, stick out or are misaligned (Error when the module loads).
 */

/** How one scalar lies in memory. `size` and `align` in bytes. */
export interface Scalar<T> {
  readonly size: number;
  readonly align: number;
  get(view: DataView, offset: number): T;
  set(view: DataView, offset: number, value: T): void;
}

export const u8: Scalar<number> = {
  size: 1,
  align: 1,
  get: (v, o) => v.getUint8(o),
  set: (v, o, x) => v.setUint8(o, x),
};
export const u16: Scalar<number> = {
  size: 2,
  align: 2,
  get: (v, o) => v.getUint16(o, true),
  set: (v, o, x) => v.setUint16(o, x, true),
};
export const s16: Scalar<number> = {
  size: 2,
  align: 2,
  get: (v, o) => v.getInt16(o, true),
  set: (v, o, x) => v.setInt16(o, x, true),
};
export const u32: Scalar<number> = {
  size: 4,
  align: 4,
  get: (v, o) => v.getUint32(o, true),
  set: (v, o, x) => v.setUint32(o, x, true),
};
export const s32: Scalar<number> = {
  size: 4,
  align: 4,
  get: (v, o) => v.getInt32(o, true),
  set: (v, o, x) => v.setInt32(o, x, true),
};
/** 64 bits of which all may be used. */
export const u64: Scalar<bigint> = {
  size: 8,
  align: 8,
  get: (v, o) => v.getBigUint64(o, true),
  set: (v, o, x) => v.setBigUint64(o, x, true),
};
/** 64 bits that hold a count, frame number or instant below 2^53; larger values come out as Infinity-safe floats. */
export const n64: Scalar<number> = {
  size: 8,
  align: 8,
  get: (v, o) => v.getUint32(o + 4, true) * 0x1_0000_0000 + v.getUint32(o, true),
  set: (v, o, x) => {
    v.setUint32(o, x % 0x1_0000_0000, true);
    v.setUint32(o + 4, Math.floor(x / 0x1_0000_0000), true);
  },
};

/** The scalar `of`, with a branded type. */
export const branded = <T extends number>(of: Scalar<number>): Scalar<T> => of as unknown as Scalar<T>;

export interface At<T> {
  readonly offset: number;
  readonly scalar: Scalar<T>;
}
export const at = <T>(offset: number, scalar: Scalar<T>): At<T> => ({ offset, scalar });

/** One field of a struct, bound to its offset; `base` is where the struct starts in the view. */
export interface Field<T> {
  readonly offset: number;
  get(view: DataView, base: number): T;
  set(view: DataView, base: number, value: T): void;
}

type Shape = Record<string, At<unknown>>;
type ValueOf<A> = A extends At<infer T> ? T : never;

export interface Struct<S extends Shape> {
  readonly name: string;
  readonly size: number;
  readonly field: { readonly [K in keyof S]: Field<ValueOf<S[K]>> };
  read(view: DataView, base: number): { [K in keyof S]: ValueOf<S[K]> };
  write(view: DataView, base: number, value: { readonly [K in keyof S]: ValueOf<S[K]> }): void;
}

export function struct<S extends Shape>(name: string, size: number, shape: S): Struct<S> {
  const entries = Object.entries(shape);
  const taken = new Map<number, string>();
  for (const [field, { offset, scalar }] of entries) {
    if (offset % scalar.align !== 0) throw new Error(`${name}.${field}: offset ${offset} is misaligned`);
    if (offset + scalar.size > size) throw new Error(`${name}.${field}: ends beyond ${size}`);
    for (let i = offset; i < offset + scalar.size; i++) {
      const other = taken.get(i);
      if (other !== undefined) throw new Error(`${name}.${field} overlaps ${other} at ${i}`);
      taken.set(i, field);
    }
  }
  const field = Object.fromEntries(
    entries.map(([key, { offset, scalar }]) => [
      key,
      {
        offset,
        get: (view: DataView, base: number) => scalar.get(view, base + offset),
        set: (view: DataView, base: number, value: unknown) => scalar.set(view, base + offset, value),
      },
    ]),
  ) as unknown as Struct<S>["field"];
  return {
    name,
    size,
    field,
    read(view, base) {
      const out: Record<string, unknown> = {};
      for (const [key, { offset, scalar }] of entries) out[key] = scalar.get(view, base + offset);
      return out as { [K in keyof S]: ValueOf<S[K]> };
    },
    write(view, base, value) {
      for (const [key, { offset, scalar }] of entries) scalar.set(view, base + offset, value[key]);
    },
  };
}
