/** JSON to a single Thrift value. Keys of objects are text, so every type is read from its text form too. */
import { shown } from '../bytes/wrong-value.js';
import type { TypeInfo } from './struct.js';

type Leaf = Exclude<TypeInfo, { kind: 'struct' | 'list' | 'set' | 'map' }>;

const integer = /^[+-]?\d+$/;
const base64 = /^[A-Za-z0-9+/_-]*={0,2}$/;
const uuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;
const specialDoubles: ReadonlyMap<string, number> = new Map([
  ['NaN', Number.NaN],
  ['Infinity', Number.POSITIVE_INFINITY],
  ['-Infinity', Number.NEGATIVE_INFINITY],
]);
const widths = { i8: 8, i16: 16, i32: 32, i64: 64 } as const;

/** Throws a TypeError that names `path` for JSON that is no value of the type. */
export function leafFromJSON(type: TypeInfo, json: unknown, path: string): unknown {
  const leaf = type as Leaf;
  switch (leaf.kind) {
    case 'bool':
      if (json === true || json === 'true') return true;
      if (json === false || json === 'false') return false;
      return refuse(path, json, 'a bool: true or false');
    case 'i8':
    case 'i16':
    case 'i32':
      return Number(integerOf(leaf.kind, json, path));
    case 'i64':
      return integerOf('i64', json, path);
    case 'double':
      return doubleOf(json, path);
    case 'string':
      return typeof json === 'string' ? json : refuse(path, json, 'a string');
    case 'uuid':
      if (typeof json !== 'string' || !uuid.test(json))
        refuse(path, json, 'a uuid: 00112233-4455-6677-8899-aabbccddeeff');
      return json.toLowerCase();
    case 'binary':
      if (typeof json !== 'string' || !base64.test(json)) refuse(path, json, 'bytes: a string in base64');
      return new Uint8Array(Buffer.from(json, 'base64'));
    case 'enum': {
      if (typeof json === 'string' && Object.hasOwn(leaf.values, json)) return leaf.values[json];
      if (typeof json === 'number' || (typeof json === 'string' && integer.test(json))) {
        return Number(integerOf('i32', json, path));
      }
      const known = Object.keys(leaf.values);
      const names = known.length > 12 ? `${known.slice(0, 12).join(', ')}, ...` : known.join(', ');
      return refuse(path, json, `a ${leaf.name}: ${names}, or a number`);
    }
  }
}

function integerOf(kind: keyof typeof widths, json: unknown, path: string): bigint {
  const width = widths[kind];
  const range = `an ${kind}: an integer from ${-(2n ** BigInt(width - 1))} to ${2n ** BigInt(width - 1) - 1n}`;
  if (typeof json === 'number' && Number.isInteger(json) && !Number.isSafeInteger(json)) {
    return refuse(path, json, `exact in JSON's numbers; write it as a string`);
  }
  const exact =
    typeof json === 'bigint' ||
    (typeof json === 'number' && Number.isInteger(json)) ||
    (typeof json === 'string' && json.length <= 40 && integer.test(json));
  if (!exact) return refuse(path, json, range);
  const value = BigInt(json);
  return BigInt.asIntN(width, value) === value ? value : refuse(path, json, range);
}

function doubleOf(json: unknown, path: string): number {
  if (typeof json === 'number' || typeof json === 'bigint') return Number(json);
  if (typeof json === 'string') {
    const special = specialDoubles.get(json);
    if (special !== undefined) return special;
    if (/\d/.test(json) && Number.isFinite(Number(json))) return Number(json);
  }
  return refuse(path, json, 'a double: a number, "NaN", "Infinity" or "-Infinity"');
}

function refuse(path: string, json: unknown, wanted: string): never {
  throw new TypeError(`${path === '' ? '' : `${path}: `}${shown(json)} is not ${wanted}`);
}
