/** What makes a message: its fields, deeply, each of which may be left out. */

type Whole =
  | string
  | number
  | bigint
  | boolean
  | symbol
  | null
  | undefined
  | Uint8Array
  | Date
  | ((...args: never[]) => unknown);

/**
 * A message whose fields may be absent, at all depths; `null` and `undefined` both mean absent. A oneof stays `{ $case, value }`,
 * and what is `any` (a `google.protobuf.Value`) stays that.
 */
export type InitOf<T> = 0 extends 1 & T
  ? T
  : T extends Whole
    ? T
    : T extends readonly (infer Item)[]
      ? readonly InitOf<Item>[]
      : T extends ReadonlyMap<infer Key, infer Value>
        ? ReadonlyMap<Key, InitOf<Value>>
        : T extends { $case: string; value: unknown }
          ? { readonly $case: T['$case']; readonly value: InitOf<T['value']> }
          : T extends object
            ? { readonly [K in keyof T]?: InitOf<T[K]> | null | undefined }
            : T;
