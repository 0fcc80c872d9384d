/**
 * Where in a message the value stands that a writer refused. Writers carry no paths, so that the good case costs nothing; after the
 * fact the message is walked by its fields, and each value is written by itself.
 */
import { shown } from '../bytes/wrong-value.js';
import { entriesOf, fieldValue, isMessageType, isNullable, isObject, isValueType, own } from './fields.js';
import { bigintOfNumber, bigintOfText } from './long-type.js';
import type { Field, FieldType, LongForm, MessageType, ScalarName, ValueType } from './message-type.js';
import { deepest, ProtoWriter } from './writer.js';

/** The error of a writer with the field in its message; any other error as it is. */
export function explain(type: ValueType<unknown>, value: unknown, error: unknown): unknown {
  if (!(error instanceof TypeError || error instanceof RangeError)) return error;
  let fault: Fault | undefined;
  try {
    fault = faultOf(type, value, type.typeName, 0);
  } catch {
    // A getter that throws: the writer's error says more.
    return error;
  }
  if (fault === undefined) return error;
  const Kind = fault.error instanceof RangeError ? RangeError : TypeError;
  return new Kind(`${fault.path}: ${fault.error.message}`, { cause: error });
}

interface Fault {
  readonly path: string;
  readonly error: Error;
}

function faultOf(
  type: FieldType,
  value: unknown,
  path: string,
  depth: number,
  form: LongForm = 'bigint',
): Fault | undefined {
  if (depth > deepest) return undefined;
  if (!isValueType(type)) return attempt(path, () => writeScalar(type, value, form));
  if (!isMessageType(type)) return attempt(path, () => type.write(new ProtoWriter(), value));
  if (!isObject(value))
    return { path, error: new TypeError(`${shown(value)} is not a ${type.typeName}; it must be an object`) };
  for (const field of type.fields) {
    const fault = faultOfOneof(type, field, value, path) ?? faultOfField(field, value, `${path}.${field.name}`, depth);
    if (fault !== undefined) return fault;
  }
  return undefined;
}

function faultOfField(field: Field, message: object, path: string, depth: number): Fault | undefined {
  const { form, type } = field;
  const value = fieldValue(message, field);
  if (value === undefined) {
    if (field.presence !== 'required') return undefined;
    return { path, error: new TypeError('the field is required, but it is absent') };
  }
  if (form === 'single') return faultOf(type, value, path, depth + 1, field.int64);
  if (form === 'list') {
    if (!Array.isArray(value)) return { path, error: new TypeError(`${shown(value)} is not an array`) };
    return firstFault(value.entries(), (index, item) => faultOfItem(field, item, `${path}[${index}]`, depth));
  }
  if (!isObject(value)) return { path, error: new TypeError(`${shown(value)} is not a map`) };
  return firstFault(value instanceof Map ? value : entriesOf(value), (key, item) => {
    const at = `${path}[${typeof key === 'string' ? JSON.stringify(key) : shown(key)}]`;
    return faultOfKey(field, key, at) ?? faultOfItem(field, item, at, depth);
  });
}

function firstFault<Key>(
  entries: Iterable<readonly [Key, unknown]>,
  find: (key: Key, value: unknown) => Fault | undefined,
): Fault | undefined {
  for (const [key, value] of entries) {
    const fault = find(key, value);
    if (fault !== undefined) return fault;
  }
  return undefined;
}

function faultOfItem(field: Field, item: unknown, path: string, depth: number): Fault | undefined {
  if ((item === undefined || item === null) && !isNullable(field.type)) {
    return { path, error: new TypeError(`the element is ${item}; leave it out, or give it its zero`) };
  }
  return faultOf(field.type, item, path, depth + 1, field.int64);
}

function faultOfKey(field: Field, key: unknown, path: string): Fault | undefined {
  return attempt(path, () => new ProtoWriter().map(10, field.key ?? 'string', 'bool', mapWith(key)));
}

/** A map with the one key, in the form that it came in. */
function mapWith(key: unknown): object {
  if (typeof key !== 'string') return new Map([[key, false]]);
  return Object.assign(Object.create(null), { [key]: false }) as object;
}

function faultOfOneof(type: MessageType<unknown>, { oneof }: Field, message: object, path: string): Fault | undefined {
  if (oneof === undefined) return undefined;
  const chosen = own(message, oneof);
  if (chosen === undefined || chosen === null) return undefined;
  const at = `${path}.${oneof}`;
  if (!isObject(chosen))
    return { path: at, error: new TypeError(`${shown(chosen)} is not a oneof; it must be { $case, value }`) };
  const cases = type.fields.filter((field) => field.oneof === oneof).map((field) => field.localName);
  if (cases.includes(chosen.$case as string)) return undefined;
  return { path: at, error: new TypeError(`$case is ${shown(chosen.$case)}; it must be ${cases.join(', ')}`) };
}

function writeScalar(type: Exclude<FieldType, ValueType<unknown>>, value: unknown, form: LongForm): void {
  const writer = new ProtoWriter();
  if (typeof type === 'object') writer.int32(8, value as number, true);
  else writer.scalar(type, 8, isLong(type) ? bigintOf(value, form) : value);
}

function isLong(type: ScalarName): boolean {
  return type.endsWith('64');
}

function bigintOf(value: unknown, form: LongForm): unknown {
  if (form === 'bigint') return value;
  return form === 'number' ? bigintOfNumber(value as number) : bigintOfText(value as string);
}

function attempt(path: string, write: () => void): Fault | undefined {
  try {
    write();
    return undefined;
  } catch (error) {
    return error instanceof Error ? { path, error } : undefined;
  }
}
