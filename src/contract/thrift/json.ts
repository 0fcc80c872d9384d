/**
 * Thrift values as plain JSON, for people and tools, by their description: i64 as a decimal string,
 * binary as base64, an enum by name, a union as `{ pounds: 5 }`, a map as an object where its
 * keys have a text form, else as an array of `[key, value]`. What `toJSON` makes, `fromJSON` reads.
 */
import { leafFromJSON } from './json-leaf.js';
import { type FieldInfo, isScalar, type StructCodec, type TypeInfo, typeNameOf } from './struct.js';

type JsonObject = Record<string, unknown>;
type MapInfo = Extract<TypeInfo, { kind: 'map' }>;

export function valueToJSON(type: TypeInfo, value: unknown): unknown {
  switch (type.kind) {
    case 'i64':
      return String(value);
    case 'double':
      return Number.isFinite(value) ? value : String(value);
    case 'enum':
      return nameOf(type.values, value as number);
    case 'binary': {
      const bytes = value as Uint8Array;
      return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64');
    }
    case 'struct':
      return structToJSON(type.codec(), value);
    case 'list':
    case 'set':
      return Array.from(value as Iterable<unknown>, (item) => valueToJSON(type.element, item));
    case 'map':
      return mapToJSON(type, value as Iterable<[unknown, unknown]>);
    default:
      return value;
  }
}

export function structToJSON(codec: StructCodec<unknown>, value: unknown): unknown {
  const given = value as JsonObject;
  const json: JsonObject = {};
  if (codec.form === 'union') {
    const field = codec.fields.find((one) => one.localName === given.$case);
    if (field === undefined) put(json, String(given.$case), given.value);
    else put(json, field.localName, valueToJSON(field.type, given.value));
    return json;
  }
  for (const { localName, type } of codec.fields) {
    const field = own(given, localName);
    if (field !== undefined && field !== null) put(json, localName, valueToJSON(type, field));
  }
  return json;
}

/** `path` says where the value stands, for the TypeError that a wrong one gets. */
export function valueFromJSON(type: TypeInfo, json: unknown, path: string): unknown {
  switch (type.kind) {
    case 'struct':
      return structFromJSON(type.codec(), json, path);
    case 'list':
    case 'set': {
      if (!Array.isArray(json)) refuse(path, typeNameOf(type), 'an array', json);
      const items = json.map((item, index) => valueFromJSON(type.element, item, `${path}[${index}]`));
      return type.kind === 'set' && isScalar(type.element) ? new Set(items) : items;
    }
    case 'map':
      return mapFromJSON(type, json, path);
    default:
      return leafFromJSON(type, json, path);
  }
}

export function structFromJSON(codec: StructCodec<unknown>, json: unknown, path: string): unknown {
  if (!isObject(json)) refuse(path, codec.typeName, 'an object', json);
  if (codec.form === 'union') return unionFromJSON(codec, json, path);
  const init: JsonObject = {};
  for (const [name, value] of Object.entries(json)) {
    const field = fieldOf(codec, name, path);
    if (value === null || value === undefined) continue;
    put(init, field.localName, valueFromJSON(field.type, value, join(path, name)));
  }
  for (const field of codec.fields) {
    if (field.requiredness !== 'required' || field.default !== undefined) continue;
    if (own(init, field.localName) === undefined) {
      throw new TypeError(
        `${join(path, field.localName)} is required by ${codec.typeName}, but the JSON does not give it`,
      );
    }
  }
  return codec.create(init);
}

function unionFromJSON(codec: StructCodec<unknown>, json: JsonObject, path: string): unknown {
  const entries = Object.entries(json).filter(([, value]) => value !== null && value !== undefined);
  const [entry] = entries;
  if (entry === undefined || entries.length > 1) {
    throw new TypeError(
      `${path || codec.typeName} is a union, so it must be an object with one key, not ${entries.length}; the keys are ${names(codec)}`,
    );
  }
  const [name, value] = entry;
  const field = fieldOf(codec, name, path);
  return codec.create({ $case: field.localName, value: valueFromJSON(field.type, value, join(path, name)) });
}

function fieldOf(codec: StructCodec<unknown>, name: string, path: string): FieldInfo {
  const field = codec.fields.find((one) => one.localName === name) ?? codec.fields.find((one) => one.name === name);
  if (field === undefined) {
    throw new TypeError(`${join(path, name)} is not a field of ${codec.typeName}; its fields are ${names(codec)}`);
  }
  return field;
}

function names(codec: StructCodec<unknown>): string {
  return codec.fields.length === 0 ? 'none' : codec.fields.map((one) => one.localName).join(', ');
}

/** Whether keys of a type can stand as the keys of an object. */
function hasTextForm(key: TypeInfo): boolean {
  return isScalar(key) && key.kind !== 'double';
}

function mapToJSON(type: MapInfo, entries: Iterable<[unknown, unknown]>): unknown {
  if (!hasTextForm(type.key)) {
    return Array.from(entries, ([key, value]) => [valueToJSON(type.key, key), valueToJSON(type.value, value)]);
  }
  const json: JsonObject = {};
  for (const [key, value] of entries) put(json, String(valueToJSON(type.key, key)), valueToJSON(type.value, value));
  return json;
}

function mapFromJSON(type: MapInfo, json: unknown, path: string): unknown {
  const entries: [unknown, unknown][] = [];
  if (Array.isArray(json)) {
    json.forEach((entry, index) => {
      const at = `${path}[${index}]`;
      if (!Array.isArray(entry) || entry.length !== 2) refuse(at, 'an entry', '[key, value]', entry);
      entries.push([valueFromJSON(type.key, entry[0], `${at}[0]`), valueFromJSON(type.value, entry[1], `${at}[1]`)]);
    });
  } else {
    if (!isObject(json) || !isScalar(type.key)) {
      refuse(path, typeNameOf(type), isScalar(type.key) ? 'an object' : 'an array of [key, value]', json);
    }
    for (const [key, value] of Object.entries(json)) {
      const at = join(path, key);
      entries.push([leafFromJSON(type.key, key, at), valueFromJSON(type.value, value, at)]);
    }
  }
  return isScalar(type.key) ? new Map(entries) : entries;
}

function nameOf(values: Readonly<Record<string, number>>, number: number): string | number {
  for (const [name, value] of Object.entries(values)) if (value === number) return name;
  return number;
}

function isObject(json: unknown): json is JsonObject {
  return typeof json === 'object' && json !== null && !Array.isArray(json);
}

/** Sets an own property, also one called `__proto__`. */
function put(target: JsonObject, key: string, value: unknown): void {
  if (key !== '__proto__') target[key] = value;
  else Object.defineProperty(target, key, { value, enumerable: true, configurable: true, writable: true });
}

/** A field's value. One called `constructor` or `__proto__` is not the one that every object inherits. */
function own(value: JsonObject, key: string): unknown {
  return key in Object.prototype && !Object.hasOwn(value, key) ? undefined : value[key];
}

function join(path: string, name: string): string {
  return path === '' ? name : `${path}.${name}`;
}

function refuse(path: string, what: string, wanted: string, json: unknown): never {
  const found = json === null ? 'null' : Array.isArray(json) ? 'an array' : `a ${typeof json}`;
  throw new TypeError(`${path === '' ? '' : `${path}: `}${what} is written as ${wanted}, not as ${found}`);
}
