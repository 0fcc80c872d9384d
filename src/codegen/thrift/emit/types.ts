/** How a Thrift type looks in TypeScript: as a type, as a description at run time, on the wire. */
import { TType } from '../../../contract/thrift/protocol.js';
import {
  type BaseTypeName,
  type EnumDefinition,
  fullName,
  type StructDefinition,
  type TrueType,
  type Type,
  trueType,
} from '../program.js';
import type { ModuleWriter } from './module.js';

const baseTypes: Readonly<Record<BaseTypeName, string>> = {
  bool: 'boolean',
  i8: 'number',
  i16: 'number',
  i32: 'number',
  i64: 'bigint',
  double: 'number',
  string: 'string',
  binary: 'Uint8Array',
  uuid: 'string',
};

const wireTypes: Readonly<Record<BaseTypeName, TType>> = {
  bool: TType.BOOL,
  i8: TType.I8,
  i16: TType.I16,
  i32: TType.I32,
  i64: TType.I64,
  double: TType.DOUBLE,
  string: TType.STRING,
  binary: TType.STRING,
  uuid: TType.UUID,
};

/** Whether a Set or a Map tells values of this type apart. */
export function isScalar(type: Type): boolean {
  const known = trueType(type);
  return known.kind === 'enum' || (known.kind === 'base' && known.base !== 'binary');
}

/** The type in TypeScript. Typedefs keep their name. */
export function typeText(type: Type, module: ModuleWriter): string {
  switch (type.kind) {
    case 'base':
      return type.base === 'binary' ? module.global('Uint8Array') : baseTypes[type.base];
    case 'named':
      return module.ref(type.definition, false);
    case 'list':
      // No type that is printed needs brackets before `[]`: unions have names.
      return `${typeText(type.element, module)}[]`;
    case 'set':
      return isScalar(type.element)
        ? `${module.global('Set')}<${typeText(type.element, module)}>`
        : `${typeText(type.element, module)}[]`;
    case 'map': {
      const parts = `${typeText(type.key, module)}, ${typeText(type.value, module)}`;
      return isScalar(type.key) ? `${module.global('Map')}<${parts}>` : `[${parts}][]`;
    }
  }
}

/** The type of a constant: as `typeText`, but nobody may change it. */
export function readonlyTypeText(type: Type, module: ModuleWriter): string {
  const known = trueType(type);
  switch (known.kind) {
    case 'list':
      return readonlyArray(readonlyTypeText(known.element, module));
    case 'set':
      return isScalar(known.element)
        ? `${module.global('ReadonlySet')}<${readonlyTypeText(known.element, module)}>`
        : readonlyArray(readonlyTypeText(known.element, module));
    case 'map': {
      const parts = `${readonlyTypeText(known.key, module)}, ${readonlyTypeText(known.value, module)}`;
      return isScalar(known.key) ? `${module.global('ReadonlyMap')}<${parts}>` : readonlyArray(`readonly [${parts}]`);
    }
    default:
      return typeText(type, module);
  }
}

function readonlyArray(element: string): string {
  return `readonly ${element.startsWith('readonly ') ? `(${element})` : element}[]`;
}

/** The wire type, as the Binary protocol numbers it. */
export function wireType(type: Type): TType {
  const known = trueType(type);
  switch (known.kind) {
    case 'base':
      return wireTypes[known.base];
    case 'enum':
      return TType.I32;
    case 'struct':
      return TType.STRUCT;
    case 'list':
      return TType.LIST;
    case 'set':
      return TType.SET;
    case 'map':
      return TType.MAP;
  }
}

/** A TypeInfo expression. */
export function typeInfo(type: Type, module: ModuleWriter): string {
  const known = trueType(type);
  switch (known.kind) {
    case 'base':
      return `{ kind: "${known.base}" }`;
    case 'enum':
      return `{ kind: "enum", name: ${JSON.stringify(fullName(known.definition))}, values: ${module.ref(known.definition, true)} }`;
    case 'struct':
      return `{ kind: "struct", codec: () => ${codecText(known.definition, module)} }`;
    case 'list':
    case 'set':
      return `{ kind: "${known.kind}", element: ${typeInfo(known.element, module)} }`;
    case 'map':
      return `{ kind: "map", key: ${typeInfo(known.key, module)}, value: ${typeInfo(known.value, module)} }`;
  }
}

/** The codec of a struct; an exception's is a static of its class. */
export function codecText(definition: StructDefinition, module: ModuleWriter): string {
  const name = module.ref(definition, true);
  return definition.kind === 'exception' ? `${name}.codec` : name;
}

/** What a field of default requiredness reads as when it is absent. Undefined for a struct, which has no zero. */
export function zeroText(type: Type, module: ModuleWriter): string | undefined {
  const known: TrueType = trueType(type);
  switch (known.kind) {
    case 'base':
      switch (known.base) {
        case 'bool':
          return 'false';
        case 'i64':
          return '0n';
        case 'string':
          return '""';
        case 'binary':
          return `new ${module.global('Uint8Array')}(0)`;
        case 'uuid':
          return '"00000000-0000-0000-0000-000000000000"';
        default:
          return '0';
      }
    case 'enum':
      return '0';
    case 'struct':
      return undefined;
    case 'list':
    case 'set':
    case 'map':
      return emptyText(known, module);
  }
}

/** An empty container, with its type, because nothing in it says what it holds. */
export function emptyText(known: Extract<TrueType, { kind: 'list' | 'set' | 'map' }>, module: ModuleWriter): string {
  const type = typeText(known, module);
  return type.endsWith('[]') ? '[]' : `new ${type}()`;
}

/** The key of an enum's object, as an access. */
export function enumMember(definition: EnumDefinition, name: string, module: ModuleWriter): string {
  const object = module.ref(definition, true);
  return /^[A-Za-z_$][\w$]*$/.test(name) ? `${object}.${name}` : `${object}[${JSON.stringify(name)}]`;
}
