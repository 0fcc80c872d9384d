/**
 * A Thrift service that is known only from its `.thrift` file at run time: the same descriptors as
 * the generator's, with codecs that interpret them.
 */
import { formatDiagnostic } from '../codegen/diagnostic.js';
import { methodCase } from '../codegen/names.js';
import { type FunctionPolicy, parseThrift, readPolicies, thriftFiles } from '../codegen/thrift/index.js';
import {
  allFunctions,
  type Field,
  fullName,
  namespaceOf,
  type Program,
  type ServiceDefinition,
  type ServiceFunction,
  type StructDefinition,
  type Type,
  trueType,
} from '../codegen/thrift/program.js';
import type { Codec } from '../contract/codec.js';
import { type MethodSpec, oneway, topicStream, unary } from '../contract/method.js';
import { defineService, type ServiceType } from '../contract/service.js';
import { dynamicError, dynamicResult, dynamicStruct } from '../contract/thrift/dynamic.js';
import { topicCodec } from '../contract/thrift/result.js';
import type { FieldInfo, StructCodec, TypeInfo } from '../contract/thrift/struct.js';
import { constantOf } from './thrift-constant.js';

type Fields = Record<string, unknown>;

/**
 * `topics`: functions that declare one are to be subscribed to, and not called. Throws a TypeError that lists what there is
 * when no file has such a service.
 */
export function thriftService(
  name: string,
  paths: readonly string[],
  includes: readonly string[],
  topics = false,
): ServiceType {
  const programs = paths.flatMap(thriftFiles).map((path) => load(path, includes));
  const services = programs.flatMap(servicesOf);
  const service = services.find((one) => fullName(one) === name) ?? services.find((one) => one.name === name);
  if (service === undefined) {
    const known = services.map(fullName).sort().join(', ');
    throw new TypeError(`there is no service ${name}; there is ${known || 'none at all'}`);
  }
  const types = new DynamicTypes();
  return defineService({
    name: fullName(service),
    idl: 'thrift',
    fingerprint: '',
    methods: Object.fromEntries(
      allFunctions(service).map(({ owner, function: each }) => [
        methodCase(each.name),
        types.method(service, each, topics ? readPolicies(owner.program).get(owner)?.functions.get(each) : undefined),
      ]),
    ),
  });
}

/** The codec of a struct, union or exception, with values under the IDL's own names. */
export function thriftStruct(definition: StructDefinition): StructCodec<Fields> {
  return new DynamicTypes().struct(definition);
}

/** Throws an Error with all diagnostics of a file that is wrong. */
function load(path: string, includes: readonly string[]): Program {
  const { program, diagnostics } = parseThrift(path, includes);
  const errors = diagnostics.filter((one) => one.severity === 'error');
  if (program === undefined || errors.length > 0) throw new Error(errors.map(formatDiagnostic).join('\n'));
  return program;
}

function servicesOf(program: Program): ServiceDefinition[] {
  return program.definitions.filter((one): one is ServiceDefinition => one.kind === 'service');
}

class DynamicTypes {
  readonly #structs = new Map<StructDefinition, StructCodec<Fields>>();

  method(service: ServiceDefinition, each: ServiceFunction, declared: FunctionPolicy | undefined): MethodSpec {
    const name = `${namespaceOf(service.program)}.${service.name}.${each.name}`;
    const request = dynamicStruct(`${name} arguments`, 'struct', () => this.#fields(each.args));
    const errors = each.throws.map((field) => {
      const type = trueType(field.type);
      if (type.kind !== 'struct') throw new TypeError(`${name} throws ${field.name}, which is no exception`);
      return { id: field.id, type: dynamicError(this.struct(type.definition)) };
    });
    const result = dynamicResult(each.returns === undefined ? undefined : this.info(each.returns), errors);
    const spec = { name: each.name, request, response: result, errors };
    const topic = declared?.policy.topic;
    if (declared?.item !== undefined && topic !== undefined) {
      const response = topicCodec(dynamicResult(this.info(declared.item), errors), result as Codec<unknown[]>);
      return topicStream({ ...spec, response, policy: { topic } });
    }
    return each.oneway ? oneway({ ...spec, response: dynamicResult(undefined) as never }) : unary(spec);
  }

  struct(definition: StructDefinition): StructCodec<Fields> {
    let codec = this.#structs.get(definition);
    if (codec === undefined) {
      codec = dynamicStruct(fullName(definition), definition.kind, () => this.#fields(definition.fields));
      this.#structs.set(definition, codec);
    }
    return codec;
  }

  info(type: Type): TypeInfo {
    const real = trueType(type);
    switch (real.kind) {
      case 'base':
        return { kind: real.base };
      case 'enum':
        return {
          kind: 'enum',
          name: fullName(real.definition),
          values: Object.fromEntries(real.definition.values.map((one) => [one.name, one.value])),
        };
      case 'struct': {
        const codec = this.struct(real.definition);
        return { kind: 'struct', codec: () => codec as StructCodec<unknown> };
      }
      case 'map':
        return { kind: 'map', key: this.info(real.key), value: this.info(real.value) };
      default:
        return { kind: real.kind, element: this.info(real.element) };
    }
  }

  /** JSON is written in the IDL's own names, so the local name is that too. */
  #fields(fields: readonly Field[]): FieldInfo[] {
    return fields.map((field) => {
      const { value } = field;
      return {
        id: field.id,
        name: field.name,
        localName: field.name,
        type: this.info(field.type),
        requiredness: field.requiredness,
        ...(value === undefined ? {} : { default: () => constantOf(field.type, value) }),
      };
    });
  }
}
