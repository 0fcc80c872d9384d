/** Scalars and enums, between TypeScript and JSON. */
import { isWellFormed } from '../../bytes/utf8.js';
import type { EnumType, LongForm, ScalarName } from '../message-type.js';
import { base64Of, bytesOfBase64 } from './base64.js';
import type { JsonContext } from './context.js';

type Context = JsonContext<unknown>;

const ranges = {
  int32: [-(2 ** 31), 2 ** 31 - 1],
  uint32: [0, 2 ** 32 - 1],
  int64: [-(2n ** 63n), 2n ** 63n - 1n],
  uint64: [0n, 2n ** 64n - 1n],
} as const;

type Range = keyof typeof ranges;

/** Which range a type of integers has. */
const rangeOf: { readonly [type in ScalarName]?: Range } = {
  int32: 'int32',
  sint32: 'int32',
  sfixed32: 'int32',
  uint32: 'uint32',
  fixed32: 'uint32',
  int64: 'int64',
  sint64: 'int64',
  sfixed64: 'int64',
  uint64: 'uint64',
  fixed64: 'uint64',
};

const specials: ReadonlyMap<unknown, number> = new Map([
  ['NaN', Number.NaN],
  ['Infinity', Number.POSITIVE_INFINITY],
  ['-Infinity', Number.NEGATIVE_INFINITY],
]);

/** As JSON writes numbers. */
const decimal = /^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?$/;

export function scalarToJson(context: Context, type: ScalarName, value: unknown): string | number | boolean {
  switch (type) {
    case 'string':
      if (typeof value !== 'string') context.wrong(value, 'a string');
      return text(context, value);
    case 'bool':
      return typeof value === 'boolean' ? value : context.wrong(value, 'a bool');
    case 'bytes':
      return value instanceof Uint8Array ? base64Of(value) : context.wrong(value, 'bytes: a Uint8Array');
    case 'double':
    case 'float':
      if (typeof value !== 'number') context.wrong(value, 'a number');
      if (!Number.isFinite(value)) return String(value);
      return type === 'float' ? shortestFloat(float(context, value)) : value;
    default:
      return type.endsWith('64') ? longText(context, type, value) : integer(context, type, value);
  }
}

/** A field that is a number in TypeScript (`jstype`) may hold one beyond 2^53; what was rounded past the type's end is the end. */
function longText(context: Context, type: ScalarName, value: unknown): string {
  if (!Number.isInteger(value) || Number.isSafeInteger(value)) return String(longOf(context, type, value));
  const [, most] = ranges[rangeOf[type] as 'int64' | 'uint64'];
  return String(longOf(context, type, value === Number(most) ? most : BigInt(value as number)));
}

/** `form`: how a 64-bit number appears in TypeScript. */
export function scalarFromJson(context: Context, type: ScalarName, json: unknown, form: LongForm): unknown {
  switch (type) {
    case 'string':
      return typeof json === 'string' ? text(context, json) : context.wrong(json, 'a string');
    case 'bool':
      return typeof json === 'boolean' ? json : context.wrong(json, 'a bool: true or false');
    case 'bytes':
      return (
        (typeof json === 'string' ? bytesOfBase64(json) : undefined) ?? context.wrong(json, 'bytes: a string in base64')
      );
    case 'double':
      return double(context, json);
    case 'float':
      return float(context, double(context, json));
    default:
      return type.endsWith('64') ? formed(longOf(context, type, json), form) : integer(context, type, json);
  }
}

/** The key of an entry, in the text that a map in TypeScript has it as; another spelling of the same key is the same key. */
export function keyFromJson(context: Context, type: ScalarName, json: string): string {
  switch (type) {
    case 'string':
      return text(context, json);
    case 'bool':
      return json === 'true' || json === 'false' ? json : context.wrong(json, 'a bool: true or false');
    default:
      return String(type.endsWith('64') ? longOf(context, type, json) : integer(context, type, json));
  }
}

/** `null` for the null of `google.protobuf.NullValue`; a number where the enum has no name for it. */
export function enumToJson(context: Context, type: EnumType, value: unknown, numbers: boolean): string | number | null {
  const number = integer(context, 'int32', value);
  if (type.name === nullValue) return null;
  return numbers ? number : (type.names.get(number) ?? number);
}

/** undefined for a name that is not known, where such are skipped. */
export function enumFromJson(
  context: Context,
  type: EnumType,
  json: unknown,
  ignoreUnknown: boolean,
): number | undefined {
  if (json === null && type.name === nullValue) return 0;
  if (typeof json === 'string') {
    const number = type.numbers.get(json);
    if (number !== undefined || ignoreUnknown) return number;
  } else if (typeof json === 'number') {
    const number = integer(context, 'int32', json);
    if (!type.closed || type.names.has(number)) return number;
    if (ignoreUnknown) return undefined;
  }
  const names = [...type.numbers.keys()];
  const some = names.length > 12 ? `${names.slice(0, 12).join(', ')}, ...` : names.join(', ');
  return context.wrong(json, `a ${type.name}: ${some}${type.closed ? '' : ', or a number'}`);
}

const nullValue = 'google.protobuf.NullValue';

export function isNullValue(type: unknown): boolean {
  return typeof type === 'object' && (type as EnumType).name === nullValue;
}

/** A 64-bit number in the form that its field has in TypeScript. */
export function formed(value: bigint, form: LongForm): bigint | number | string {
  return form === 'bigint' ? value : form === 'number' ? Number(value) : String(value);
}

function integer(context: Context, type: ScalarName, value: unknown): number {
  const range = rangeOf[type] as 'int32' | 'uint32';
  const [least, most] = ranges[range];
  const number = typeof value === 'string' && decimal.test(value) ? Number(value) : value;
  if (Number.isInteger(number) && (number as number) >= least && (number as number) <= most)
    return (number as number) + 0;
  const wanted = `${range === 'int32' ? 'an' : 'a'} ${range}: an integer from ${least} to ${most}`;
  return context.wrong(value, wanted, typeof number === 'number' ? RangeError : undefined);
}

function longOf(context: Context, type: ScalarName, value: unknown): bigint {
  const range = rangeOf[type] as 'int64' | 'uint64';
  const [least, most] = ranges[range];
  if (typeof value === 'number' && Number.isInteger(value) && !Number.isSafeInteger(value)) {
    context.refuse(
      `${value} is beyond 2^53, where numbers lose digits; quote it, or read the text with parseJson`,
      RangeError,
    );
  }
  const number =
    typeof value === 'bigint'
      ? value
      : typeof value === 'number'
        ? wholeOf(String(value))
        : typeof value === 'string'
          ? wholeOf(value)
          : undefined;
  if (number !== undefined && number >= least && number <= most) return number;
  const wanted = `${range === 'int64' ? 'an' : 'a'} ${range}: an integer from ${least} to ${most}, in a string if it is beyond 2^53`;
  return context.wrong(value, wanted, number === undefined ? undefined : RangeError);
}

/** `-1.50e1`: the whole number that a text writes, up to what 64 bits need; undefined for a fraction and for what is no number. */
export function wholeOf(written: string): bigint | undefined {
  const match = /^(-?)(0|[1-9]\d{0,39})(?:\.(\d{1,40}))?(?:[eE]([+-]?\d{1,3}))?$/.exec(written);
  if (match === null) return undefined;
  const [, sign, whole = '', fraction = '', exponent = '0'] = match;
  const digits = `${whole}${fraction}`.replace(/0+$/, '');
  if (digits === '') return 0n;
  // Zeroes that follow the digits that are left.
  const zeroes = whole.length - digits.length + Number(exponent);
  if (zeroes < 0 || zeroes > 40) return undefined;
  return BigInt(`${sign}${digits}${'0'.repeat(zeroes)}`);
}

function double(context: Context, json: unknown): number {
  const special = specials.get(json);
  if (special !== undefined) return special;
  if (typeof json === 'bigint') return Number(json);
  const number = typeof json === 'string' && decimal.test(json) ? Number(json) : json;
  if (typeof number !== 'number') context.wrong(json, 'a number, "NaN", "Infinity" or "-Infinity"');
  if (!Number.isFinite(number))
    context.wrong(json, 'a number that a double can hold; infinity is written "Infinity"', RangeError);
  return number;
}

function float(context: Context, value: number): number {
  const rounded = Math.fround(value);
  if (Number.isFinite(value) && !Number.isFinite(rounded)) {
    context.wrong(value, 'a float: it is beyond 3.4028234663852886e+38', RangeError);
  }
  return rounded;
}

/** The largest finite float. Some libraries refuse what is a little larger, though it is rounded to it. */
const mostFloat = 3.4028234663852886e38;

/** The number with the fewest digits that is the same float: 0.1 rather than 0.10000000149011612. */
function shortestFloat(value: number): number {
  if (Number.isSafeInteger(value)) return value;
  for (let digits = 1; digits < 9; digits++) {
    const shorter = Number(value.toPrecision(digits));
    if (Math.fround(shorter) === value && Math.abs(shorter) <= mostFloat) return shorter;
  }
  return value;
}

function text(context: Context, value: string): string {
  if (!isWellFormed(value)) context.wrong(value, 'Unicode: it holds half of a surrogate pair');
  return value;
}
