/** Types of `google.protobuf` that ProtoJSON writes in a form of their own. */
import { arrayCost } from '../../bytes/object-cost.js';
import { isObject, own, put } from '../fields.js';
import type { JsonValue, LongForm, MessageType, ScalarName, ValueType } from '../message-type.js';
import { noKind } from '../no-kind.js';
import type { Wrapper } from '../unwrapped.js';
import { emptyMap } from '../zero.js';
import { anyForm } from './any.js';
import type { JsonReader, JsonWriter } from './context.js';
import { camelPath, snakePath } from './field-mask.js';
import type { Form } from './form.js';
import { formed, scalarFromJson, scalarToJson } from './scalars.js';
import { durationText, parseDuration, parseTimestamp, timestampText } from './times.js';

/** Of a message; undefined for one that is an object of its fields. */
export function specialForm(type: MessageType<unknown>): Form<object> | undefined {
  return forms.get(type.typeName)?.(type);
}

/** Whether a type has a form of its own, which an Any holds as its `value`. */
export function hasSpecialForm(type: MessageType<unknown>): boolean {
  return forms.has(type.typeName);
}

/** Of a type that is something else than a message in TypeScript. */
export function unwrappedForm(type: ValueType<unknown>): Form<unknown> {
  switch (type.typeName) {
    case 'google.protobuf.Struct':
      return struct;
    case 'google.protobuf.ListValue':
      return listValue;
    case 'google.protobuf.Value':
      return value;
    case 'google.protobuf.FieldMask':
      return fieldMask;
    default: {
      const { scalar, form } = type as Wrapper<unknown>;
      return wrapped(scalar, form);
    }
  }
}

function wrapped(scalar: ScalarName, form: LongForm): Form<unknown> {
  return {
    write: (context, given) => scalarToJson(context, scalar, given),
    read: (context, json) => scalarFromJson(context, scalar, json, form),
  };
}

const struct: Form<unknown> = {
  write(context, given) {
    if (!isObject(given)) return context.wrong(given, 'a Struct: an object');
    return context.nested(() => {
      const json: { [key: string]: JsonValue } = {};
      for (const [key, item] of Object.entries(given)) {
        if (item !== undefined)
          put(
            json,
            key,
            context.within(key, () => value.write(context, item)),
          );
      }
      return json;
    });
  },
  read(context, json) {
    if (!isObject(json)) return context.wrong(json, 'a Struct: an object');
    return context.nested(() => {
      const made: Record<string, unknown> = emptyMap();
      for (const key of Object.keys(json)) {
        context.charge(propertyCost);
        made[key] = context.within(key, () => value.read(context, own(json, key)));
      }
      return made;
    });
  },
};

const propertyCost = 96;

const listValue: Form<unknown> = {
  write(context, given) {
    if (!Array.isArray(given)) return context.wrong(given, 'a ListValue: an array');
    return context.nested(() =>
      given.map((item, index) => context.within(index, () => value.write(context, item ?? null))),
    );
  },
  read(context, json) {
    if (!Array.isArray(json)) return context.wrong(json, 'a ListValue: an array');
    context.charge(arrayCost(json.length));
    return context.nested(() => json.map((item, index) => context.within(index, () => value.read(context, item))));
  },
};

const value: Form<unknown> = {
  write(context, given) {
    switch (typeof given) {
      case 'string':
        return scalarToJson(context, 'string', given);
      case 'boolean':
        return given;
      case 'number':
        return Number.isFinite(given) ? given : context.wrong(given, 'a number of JSON');
      case 'object':
        if (given === null) return null;
        return (Array.isArray(given) ? listValue : struct).write(context, given);
      default:
        return given === noKind
          ? context.refuse('a google.protobuf.Value that holds nothing has no form in JSON')
          : context.wrong(given, 'JSON');
    }
  },
  read(context, json) {
    switch (typeof json) {
      case 'string':
        return scalarFromJson(context, 'string', json, 'bigint');
      case 'number':
      case 'bigint':
        return scalarFromJson(context, 'double', json, 'bigint');
      case 'boolean':
        return json;
      case 'object':
        if (json === null) return null;
        return (Array.isArray(json) ? listValue : struct).read(context, json);
      default:
        return context.wrong(json, 'JSON');
    }
  },
};

const fieldMask: Form<unknown> = {
  write(context, given) {
    if (!Array.isArray(given)) return context.wrong(given, 'a FieldMask: an array of paths');
    return given
      .map((path) => camelPath(path) ?? context.wrong(path, 'a path that lowerCamelCase has a form for'))
      .join(',');
  },
  read(context, json) {
    if (typeof json !== 'string') return context.wrong(json, 'a FieldMask: paths in lowerCamelCase, parted by commas');
    if (json === '') return [];
    const paths = json.split(',');
    context.charge(arrayCost(paths.length) + 4 * json.length);
    return paths.map((path) => snakePath(path) ?? context.wrong(path, 'a path in lowerCamelCase'));
  },
};

/** A message whose single field is what it looks like in JSON. */
function boxed(
  name: string,
  inner: (type: MessageType<unknown>) => Form<unknown>,
): (type: MessageType<unknown>) => Form<object> {
  return (type) => {
    const form = inner(type);
    const fresh = () => type.zero() as Record<string, unknown>;
    return {
      write: (context, message) => form.write(context, own(message, name) ?? fresh()[name]),
      read: (context, json) => Object.assign(fresh(), { [name]: form.read(context, json) }),
    };
  };
}

/** A `google.protobuf.Value` by itself is a message with a oneof. */
function valueMessage(type: MessageType<unknown>): Form<object> {
  const kind = type.field(1)?.oneof ?? 'kind';
  return {
    write(context, message) {
      const held = own(message, kind);
      if (!isObject(held) || held.$case === undefined) return value.write(context, noKind);
      return value.write(context, held.$case === type.field(1)?.localName ? null : held.value);
    },
    read(context, json) {
      const $case = type.field(kindOf(json))?.localName;
      return { [kind]: { $case, value: json === null ? 0 : value.read(context, json) } };
    },
  };
}

/** The number of the field that holds a value. */
function kindOf(json: unknown): number {
  if (json === null) return 1;
  if (Array.isArray(json)) return 6;
  return { string: 3, boolean: 4, number: 2, bigint: 2 }[typeof json as string] ?? 5;
}

interface Time {
  readonly seconds?: bigint | number | string | null;
  readonly nanos?: number | null;
}

function time(
  write: (context: JsonWriter, seconds: bigint, nanos: number) => string,
  read: (context: JsonReader, json: unknown) => readonly [seconds: bigint, nanos: number],
): (type: MessageType<unknown>) => Form<object> {
  return (type) => ({
    write(context, message) {
      const { seconds, nanos } = message as Time;
      return write(context, BigInt(seconds ?? 0), nanos ?? 0);
    },
    read(context, json) {
      const [seconds, nanos] = read(context, json);
      return Object.assign(type.zero() as object, {
        seconds: formed(seconds, type.field(1)?.int64 ?? 'bigint'),
        nanos,
      });
    },
  });
}

const scalarBox = (type: MessageType<unknown>): Form<unknown> => {
  const field = type.field(1);
  return wrapped(field?.type as ScalarName, field?.int64 ?? 'bigint');
};

const forms: ReadonlyMap<string, (type: MessageType<unknown>) => Form<object>> = new Map([
  ['google.protobuf.Any', anyForm],
  ['google.protobuf.Timestamp', time(timestampText, parseTimestamp)],
  ['google.protobuf.Duration', time(durationText, parseDuration)],
  ['google.protobuf.FieldMask', boxed('paths', () => fieldMask)],
  ['google.protobuf.Struct', boxed('fields', () => struct)],
  ['google.protobuf.ListValue', boxed('values', () => listValue)],
  ['google.protobuf.Value', valueMessage],
  ...['Double', 'Float', 'Int64', 'UInt64', 'Int32', 'UInt32', 'Bool', 'String', 'Bytes'].map(
    (name) => [`google.protobuf.${name}Value`, boxed('value', scalarBox)] as const,
  ),
]);
