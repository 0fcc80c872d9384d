/** The comparable form of compiled .proto files. */
import {
  create,
  createFileRegistry,
  type DescEnum,
  type DescExtension,
  type DescField,
  type DescFile,
  type DescMessage,
  type DescMethod,
  type DescService,
  type FileRegistry,
  ScalarType,
} from '@bufbuild/protobuf';
import {
  Edition,
  FeatureSet_FieldPresence,
  FeatureSet_Utf8Validation,
  FieldOptions_CType,
  FieldOptions_JSType,
  type FileDescriptorProto,
  FileDescriptorSetSchema,
  type FileOptions,
} from '@bufbuild/protobuf/wkt';
import { kindOf, PolicyReader } from '../proto/policy.js';
import type { ProtoSource } from '../proto/sources.js';
import { ProtoPlaces, pathOf } from './proto-places.js';
import type {
  EnumDecl,
  ErrorDecl,
  ExtensionDecl,
  FieldDecl,
  FileDecl,
  MethodDecl,
  Schema,
  ServiceDecl,
  StructDecl,
  TypeDecl,
  TypeRef,
} from './schema.js';

/** `inputs` are the import names of the files that the API consists of; the others count as far as these use them. */
export function protoSchema(
  files: readonly FileDescriptorProto[],
  inputs: ReadonlySet<string>,
  sources: ReadonlyMap<string, ProtoSource>,
): Schema {
  const registry = createFileRegistry(create(FileDescriptorSetSchema, { file: [...files] }));
  return new ProtoReader(registry, inputs, sources).read();
}

class ProtoReader {
  readonly #registry: FileRegistry;
  readonly #inputs: ReadonlySet<string>;
  readonly #sources: ReadonlyMap<string, ProtoSource>;
  readonly #policies: PolicyReader;
  readonly #places = new Map<DescFile, ProtoPlaces>();
  readonly #types = new Map<string, TypeDecl>();
  readonly #extensions: ExtensionDecl[] = [];

  constructor(registry: FileRegistry, inputs: ReadonlySet<string>, sources: ReadonlyMap<string, ProtoSource>) {
    this.#registry = registry;
    this.#inputs = inputs;
    this.#sources = sources;
    this.#policies = new PolicyReader(registry, sources);
  }

  read(): Schema {
    const files: FileDecl[] = [];
    const services: ServiceDecl[] = [];
    for (const name of [...this.#inputs].sort()) {
      const file = this.#registry.getFile(name);
      if (file === undefined) continue;
      files.push(this.#file(file));
      for (const message of file.messages) this.#messages(message);
      for (const one of file.enums) this.#reachEnum(one);
      for (const one of file.extensions) this.#extension(one);
      for (const service of file.services) services.push(this.#service(service));
    }
    return { files, types: [...this.#types.values()], services, extensions: this.#extensions };
  }

  #file(file: DescFile): FileDecl {
    const { options, package: name, edition } = file.proto;
    return {
      idl: 'proto',
      name: `${file.name}.proto`,
      package: name,
      syntax:
        edition === Edition.EDITION_PROTO2 || edition === Edition.EDITION_PROTO3 || edition === 0
          ? file.proto.syntax || 'proto2'
          : `edition ${Edition[edition]?.replace('EDITION_', '') ?? edition}`,
      options: options === undefined ? {} : languageOptions(options),
      place: this.#place(file).whole,
    };
  }

  #place(file: DescFile): ProtoPlaces {
    let places = this.#places.get(file);
    if (places === undefined) {
      places = new ProtoPlaces(file, this.#sources.get(`${file.name}.proto`));
      this.#places.set(file, places);
    }
    return places;
  }

  /** A message with all that is declared inside it. */
  #messages(message: DescMessage): void {
    this.#reach(message);
    for (const one of message.nestedMessages) this.#messages(one);
    for (const one of message.nestedEnums) this.#reachEnum(one);
    for (const one of message.nestedExtensions) this.#extension(one);
  }

  #reach(message: DescMessage): void {
    const pending = [message];
    for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
      if (this.#types.has(next.typeName)) continue;
      this.#types.set(next.typeName, this.#struct(next));
      for (const field of next.fields) {
        if (field.message !== undefined) pending.push(field.message);
        if (field.enum !== undefined) this.#reachEnum(field.enum);
      }
    }
  }

  #reachEnum(one: DescEnum): void {
    if (!this.#types.has(one.typeName)) this.#types.set(one.typeName, this.#enum(one));
  }

  #struct(message: DescMessage): StructDecl {
    const { proto } = message;
    return {
      kind: 'struct',
      form: 'message',
      idl: 'proto',
      name: message.typeName,
      file: `${message.file.name}.proto`,
      fields: message.fields.map((field) => this.#field(field, message.file)),
      reserved: proto.reservedRange.map(({ start, end }) => [start, end - 1] as const),
      reservedNames: proto.reservedName,
      extensionRanges: proto.extensionRange.map(({ start, end }) => [start, end - 1] as const),
      place: this.#place(message.file).of(message),
    };
  }

  #enum(one: DescEnum): EnumDecl {
    const path = pathOf(one);
    return {
      kind: 'enum',
      idl: 'proto',
      name: one.typeName,
      file: `${one.file.name}.proto`,
      closed: !one.open,
      values: one.values.map(({ name, number }, index) => ({
        name,
        number,
        place: this.#place(one.file).at([...path, 2, index]),
      })),
      reserved: one.proto.reservedRange.map(({ start, end }) => [start, end] as const),
      reservedNames: one.proto.reservedName,
      place: this.#place(one.file).of(one),
    };
  }

  #field(field: DescField | DescExtension, file: DescFile): FieldDecl {
    const feature = field.kind === 'field' ? this.#policies.featureOfField(field) : undefined;
    const text = defaultOf(field);
    return {
      id: field.number,
      name: field.name,
      jsonName: field.jsonName,
      type: typeOf(field),
      presence: presenceOf(field),
      ...(text === undefined ? {} : { default: text }),
      ...(field.oneof === undefined ? {} : { oneof: field.oneof.name }),
      traits: traitsOf(field),
      ...(feature === undefined ? {} : { feature }),
      place: this.#place(file).of(field),
    };
  }

  #extension(one: DescExtension): void {
    if (one.message !== undefined) this.#reach(one.message);
    if (one.enum !== undefined) this.#reachEnum(one.enum);
    this.#extensions.push({
      name: one.typeName,
      extendee: one.extendee.typeName,
      file: `${one.file.name}.proto`,
      field: this.#field(one, one.file),
    });
  }

  #service(service: DescService): ServiceDecl {
    const { policy, version } = this.#policies.service(service);
    return {
      idl: 'proto',
      name: service.typeName,
      file: `${service.file.name}.proto`,
      ...(version === undefined ? {} : { version }),
      policy,
      methods: service.methods.map((method) => this.#method(method, policy)),
      place: this.#place(service.file).of(service),
    };
  }

  #method(method: DescMethod, inherited: ServiceDecl['policy']): MethodDecl {
    const { policy, errors } = this.#policies.method(method, inherited);
    const place = this.#place(method.parent.file).of(method);
    this.#reach(method.input);
    this.#reach(method.output);
    return {
      name: method.name,
      kind: kindOf(method),
      request: { kind: 'struct', name: method.input.typeName },
      response: { kind: 'struct', name: method.output.typeName },
      errors: errors.map((name) => this.#error(name, method, place)),
      policy,
      place,
    };
  }

  /** Declared errors are named as types are: from the innermost scope outwards. */
  #error(name: string, method: DescMethod, place: MethodDecl['place']): ErrorDecl {
    const scope = method.parent.typeName.split('.').slice(0, -1);
    for (let depth = scope.length; depth >= 0; depth--) {
      const message = this.#registry.getMessage([...scope.slice(0, depth), name.replace(/^\./, '')].join('.'));
      if (message === undefined) continue;
      this.#reach(message);
      return { id: 0, name: message.typeName, type: message.typeName, place };
    }
    return { id: 0, name, type: name, place };
  }
}

function presenceOf(field: DescField | DescExtension): FieldDecl['presence'] {
  if (field.fieldKind === 'list' || field.fieldKind === 'map') return 'repeated';
  switch (field.presence) {
    case FeatureSet_FieldPresence.LEGACY_REQUIRED:
      return 'required';
    case FeatureSet_FieldPresence.EXPLICIT:
      return 'optional';
    default:
      return 'implicit';
  }
}

function typeOf(field: DescField | DescExtension): TypeRef {
  const element: TypeRef =
    field.message !== undefined
      ? { kind: 'struct', name: field.message.typeName }
      : field.enum !== undefined
        ? { kind: 'enum', name: field.enum.typeName }
        : scalar(field.scalar);
  if (field.fieldKind === 'list') return { kind: 'list', element };
  if (field.fieldKind === 'map') return { kind: 'map', key: scalar(field.mapKey), value: element };
  return element;
}

function scalar(type: ScalarType | undefined): TypeRef {
  return { kind: 'scalar', name: type === undefined ? '' : ScalarType[type].toLowerCase() };
}

function defaultOf({ proto }: DescField | DescExtension): string | undefined {
  return Object.hasOwn(proto, 'defaultValue') ? proto.defaultValue : undefined;
}

function traitsOf(field: DescField | DescExtension): string[] {
  const traits: string[] = [];
  if (field.fieldKind === 'list' && field.listKind !== 'message' && field.packed) traits.push('packed');
  if ('delimitedEncoding' in field && field.delimitedEncoding) traits.push('delimited');
  if (field.scalar === ScalarType.STRING && validates(field)) traits.push('utf8');
  const { ctype, jstype } = field.proto.options ?? {};
  if (ctype !== undefined && ctype !== FieldOptions_CType.STRING) traits.push(`ctype ${FieldOptions_CType[ctype]}`);
  if (jstype !== undefined && jstype !== FieldOptions_JSType.JS_NORMAL) {
    traits.push(`jstype ${FieldOptions_JSType[jstype]}`);
  }
  return traits;
}

/** Whether a string that is not UTF-8 is refused: as proto3 does, and proto2 does not. */
function validates(field: DescField | DescExtension): boolean {
  const file = field.kind === 'field' ? field.parent.file : field.file;
  if (file.edition === Edition.EDITION_PROTO2) return false;
  if (file.edition === Edition.EDITION_PROTO3) return true;
  const own = field.proto.options?.features?.utf8Validation ?? file.proto.options?.features?.utf8Validation;
  return own !== FeatureSet_Utf8Validation.NONE;
}

const languages = [
  'javaPackage',
  'javaOuterClassname',
  'javaMultipleFiles',
  'goPackage',
  'objcClassPrefix',
  'csharpNamespace',
  'swiftPrefix',
  'phpClassPrefix',
  'phpNamespace',
  'phpMetadataNamespace',
  'rubyPackage',
  'ccEnableArenas',
  'ccGenericServices',
  'javaGenericServices',
  'pyGenericServices',
  'javaStringCheckUtf8',
  'optimizeFor',
] as const satisfies readonly (keyof FileOptions)[];

function languageOptions(options: FileOptions): Record<string, string> {
  const found: Record<string, string> = {};
  for (const key of languages) {
    const value = options[key];
    // Unset fields of a message read as their defaults, which is how buf compares them too.
    if (value !== undefined && value !== '' && value !== false) {
      found[key.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)] = String(value);
    }
  }
  return found;
}
