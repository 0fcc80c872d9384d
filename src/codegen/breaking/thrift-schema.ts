/** The comparable form of `.thrift` files. Typedefs are followed: they do not show on the wire. */
import type { MethodKind } from '../../contract/method.js';
import type { Policy } from '../../contract/policy.js';
import { type FunctionPolicy, readPolicies, type ServicePolicy } from '../thrift/policy.js';
import {
  allFunctions,
  type EnumDefinition,
  type Field,
  fullName,
  type Program,
  type ServiceDefinition,
  type ServiceFunction,
  type StructDefinition,
  type Type,
  trueType,
  type Value,
} from '../thrift/program.js';
import type { Span } from '../thrift/source.js';
import type {
  EnumDecl,
  FieldDecl,
  FileDecl,
  MethodDecl,
  Place,
  Presence,
  Schema,
  ServiceDecl,
  StructDecl,
  TypeDecl,
  TypeRef,
} from './schema.js';

/** `inputs` are the files that the API consists of, with the name each has below its root; what they include counts as far as they use it. */
export function thriftSchema(inputs: ReadonlyMap<Program, string>): Schema {
  return new ThriftReader(inputs).read();
}

const presences: Readonly<Record<Field['requiredness'], Presence>> = {
  required: 'required',
  optional: 'optional',
  default: 'implicit',
};

class ThriftReader {
  readonly #inputs: ReadonlyMap<Program, string>;
  readonly #types = new Map<string, TypeDecl>();
  readonly #policies = new Map<Program, ReadonlyMap<ServiceDefinition, ServicePolicy>>();

  constructor(inputs: ReadonlyMap<Program, string>) {
    this.#inputs = inputs;
  }

  read(): Schema {
    const files: FileDecl[] = [];
    const services: ServiceDecl[] = [];
    for (const [program, name] of this.#inputs) {
      files.push({
        idl: 'thrift',
        name,
        package: '',
        syntax: '',
        options: Object.fromEntries([...program.namespaces].map(([scope, one]) => [scope, one.name])),
        place: { file: program.source.name, line: 0, column: 0 },
      });
      for (const definition of program.definitions) {
        if (definition.kind === 'enum') this.#reachEnum(definition);
        else if ('fields' in definition) this.#reach(definition);
        else if (definition.kind === 'service') services.push(this.#service(definition));
      }
    }
    return { files, types: [...this.#types.values()], services, extensions: [] };
  }

  #reach(definition: StructDefinition): void {
    const name = fullName(definition);
    if (this.#types.has(name)) return;
    // Its place in the map comes first: a struct may hold itself.
    const decl = {
      kind: 'struct',
      form: definition.kind,
      idl: 'thrift',
      name,
      file: this.#fileOf(definition.program),
      fields: [] as readonly FieldDecl[],
      reserved: [],
      reservedNames: [],
      extensionRanges: [],
      place: placeOf(definition.program, definition.nameSpan),
    } as { -readonly [K in keyof StructDecl]: StructDecl[K] };
    this.#types.set(name, decl);
    decl.fields = definition.fields.map((field) => this.#field(field, definition.program));
  }

  #reachEnum(definition: EnumDefinition): void {
    const name = fullName(definition);
    if (this.#types.has(name)) return;
    const decl: EnumDecl = {
      kind: 'enum',
      idl: 'thrift',
      name,
      file: this.#fileOf(definition.program),
      closed: true,
      values: definition.values.map((value) => ({
        name: value.name,
        number: value.value,
        place: placeOf(definition.program, value.nameSpan),
      })),
      reserved: [],
      reservedNames: [],
      place: placeOf(definition.program, definition.nameSpan),
    };
    this.#types.set(name, decl);
  }

  #fileOf(program: Program): string {
    return this.#inputs.get(program) ?? `${program.name}.thrift`;
  }

  #field(field: Field, program: Program): FieldDecl {
    const feature = field.annotations.find(({ key }) => key === 'hawser.feature.name')?.value;
    return {
      id: field.id,
      name: field.name,
      type: this.#type(field.type),
      presence: presences[field.requiredness],
      ...(field.value === undefined ? {} : { default: valueText(field.value) }),
      traits: [],
      ...(feature === undefined ? {} : { feature }),
      place: placeOf(program, field.nameSpan),
    };
  }

  #type(type: Type): TypeRef {
    const real = trueType(type);
    switch (real.kind) {
      case 'base':
        return { kind: 'scalar', name: real.base };
      case 'enum':
        this.#reachEnum(real.definition);
        return { kind: 'enum', name: fullName(real.definition) };
      case 'struct':
        this.#reach(real.definition);
        return { kind: 'struct', name: fullName(real.definition) };
      case 'map':
        return { kind: 'map', key: this.#type(real.key), value: this.#type(real.value) };
      default:
        return { kind: real.kind, element: this.#type(real.element) };
    }
  }

  #service(definition: ServiceDefinition): ServiceDecl {
    const own = this.#policyOf(definition);
    return {
      idl: 'thrift',
      name: fullName(definition),
      file: this.#fileOf(definition.program),
      ...(own?.version === undefined ? {} : { version: own.version }),
      policy: own?.policy ?? {},
      methods: allFunctions(definition).map(({ owner, function: one }) => this.#method(owner, one)),
      ...(definition.base === undefined ? {} : { base: fullName(definition.base) }),
      place: placeOf(definition.program, definition.nameSpan),
    };
  }

  #method(owner: ServiceDefinition, one: ServiceFunction): MethodDecl {
    const read: FunctionPolicy | undefined = this.#policyOf(owner)?.functions.get(one);
    const kind: MethodKind = read?.kind ?? (one.oneway ? 'oneway' : 'unary');
    const policy: Policy = read?.policy ?? {};
    const { program } = owner;
    return {
      name: one.name,
      kind,
      request: one.args.map((field) => this.#field(field, program)),
      response: one.returns === undefined ? undefined : this.#type(one.returns),
      errors: one.throws.map((field) => {
        const type = this.#type(field.type);
        const name = 'name' in type ? type.name : field.name;
        return { id: field.id, name: field.name, type: name, place: placeOf(program, field.nameSpan) };
      }),
      policy,
      place: placeOf(program, one.nameSpan),
    };
  }

  #policyOf(service: ServiceDefinition): ServicePolicy | undefined {
    const { program } = service;
    let policies = this.#policies.get(program);
    if (policies === undefined) {
      policies = readPolicies(program);
      this.#policies.set(program, policies);
    }
    return policies.get(service);
  }
}

function placeOf({ source }: Program, span: Span): Place {
  const { line, column } = source.place(span.start);
  return { file: source.name, line, column, length: Math.max(1, span.end - span.start), sourceLine: source.line(line) };
}

/** The same text for the same value, however it is written. */
function valueText(value: Value): string {
  switch (value.kind) {
    case 'integer':
      return String(value.value);
    case 'double':
      return String(value.value);
    case 'string':
      return JSON.stringify(value.value);
    case 'enum':
      return String(value.value.value);
    case 'list':
      return `[${value.items.map(valueText).join(', ')}]`;
    case 'map':
      return `{${value.entries.map(([key, one]) => `${valueText(key)}: ${valueText(one)}`).join(', ')}}`;
    default:
      return valueText(value.definition.value);
  }
}
