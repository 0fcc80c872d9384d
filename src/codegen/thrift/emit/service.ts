/**
 * Services: the arguments and the result of each function as codecs of their own, which services
 * that extend this one use too, and then the service as both IDLs print it.
 */
import type { MethodModel, ServiceModel } from '../../service-printer.js';
import { propertyName } from '../../service-printer.js';
import { fingerprint } from '../fingerprint.js';
import type { FunctionPolicy, ServicePolicy } from '../policy.js';
import {
  allFunctions,
  type Field,
  fullName,
  type ServiceDefinition,
  type ServiceFunction,
  type StructDefinition,
  type Type,
  trueType,
} from '../program.js';
import { namesOfMethods } from './export-names.js';
import type { ModuleWriter } from './module.js';
import { block, type Frame, isContainer, readExpression, readText, writeText } from './read-write.js';
import { fieldModels, omittable, printStruct } from './struct.js';
import { group, indent, quote } from './text.js';
import { typeInfo, typeText } from './types.js';

/** The codecs of a service's own functions. */
export function printFunctions(service: ServiceDefinition, policy: ServicePolicy, module: ModuleWriter): string[] {
  return service.functions.flatMap((one) => {
    const { args, result } = module.functionNames(service, one);
    const name = `${fullName(service)}.${one.name}`;
    const struct = printStruct(
      {
        typeName: `${name}_args`,
        localName: args,
        kind: 'struct',
        doc: `The arguments of ${name}.`,
        fields: one.args,
      },
      module,
    );
    return [struct, printResult(one, policy.functions.get(one), result, name, module)];
  });
}

function printResult(
  one: ServiceFunction,
  policy: FunctionPolicy | undefined,
  localName: string,
  name: string,
  module: ModuleWriter,
): string {
  const returns = one.oneway ? undefined : one.returns;
  const doc = `/** The result of ${name}: what it returns, or throws. */`;
  const codec = module.use('Codec');
  if (policy?.item !== undefined && returns !== undefined) {
    const item = typeText(policy.item, module);
    const parts = [resultCodec(policy.item, one, name, module), resultCodec(returns, one, name, module)];
    const type = `${codec}<${item}> & { readonly snapshot: ${codec}<${item}[]> }`;
    return `${doc}\nexport const ${localName}: ${type} = ${module.use('topicCodec')}(\n${parts.map((part) => `${indent(part)},\n`).join('')});`;
  }
  const type = returns === undefined ? 'void' : typeText(returns, module);
  return `${doc}\nexport const ${localName}: ${codec}<${type}> = ${resultCodec(returns, one, name, module)};`;
}

function resultCodec(returns: Type | undefined, one: ServiceFunction, name: string, module: ModuleWriter): string {
  const errors = `errors: ${group(
    '[',
    errorEntries(one, module).map(({ id, type }) => `{ id: ${id}, type: ${type} }`),
    ']',
  )},`;
  const make = module.use('resultCodec');
  if (returns === undefined) return `${make}<void>({\n${indent(`type: undefined,\n${errors}`)}\n})`;
  const lines = [
    `type: ${typeInfo(returns, module)},`,
    writeFunction(returns, name, module),
    readFunction(returns, name, module),
    errors,
  ];
  return `${make}<${typeText(returns, module)}>({\n${indent(lines.join('\n'))}\n})`;
}

function writeFunction(type: Type, name: string, module: ModuleWriter): string {
  const locals = module.locals();
  const [port, value] = [locals.declare('w'), locals.declare('v')];
  const frame: Frame = { module, locals, port, place: `${quote(name)}, "success"` };
  const body = writeText(type, value, frame);
  if (!isContainer(trueType(type))) return `write: (${port}, ${value}) => ${body.replace(/;$/, '')},`;
  return `${block(`write(${port}, ${value})`, body)},`;
}

function readFunction(type: Type, name: string, module: ModuleWriter): string {
  const locals = module.locals();
  const port = locals.declare('r');
  const frame: Frame = { module, locals, port, place: `${quote(name)}, "success"` };
  const known = trueType(type);
  if (!isContainer(known)) return `read: (${port}) => ${readExpression(known, frame)},`;
  const body = `${readText(type, frame, (text) => `return ${text};`)}\nreturn undefined;`;
  return `${block(`read(${port})`, body)},`;
}

function errorEntries(one: ServiceFunction, module: ModuleWriter): { id: number; type: string }[] {
  return one.throws.flatMap((field) => {
    const known = trueType(field.type);
    return known.kind === 'struct'
      ? [{ id: (field.id << 16) >> 16, type: module.ref(known.definition as StructDefinition, true) }]
      : [];
  });
}

/** `policyOf` gives the policy of any service: functions are inherited with theirs. */
export function serviceModel(
  service: ServiceDefinition,
  policyOf: (service: ServiceDefinition) => ServicePolicy,
  module: ModuleWriter,
): ServiceModel {
  const names = namesOfMethods(service);
  const own = policyOf(service);
  const methods = allFunctions(service).map(({ owner, function: one }): MethodModel => {
    const found = policyOf(owner).functions.get(one);
    const kind = found?.kind ?? (one.oneway ? 'oneway' : 'unary');
    const { args, result } = module.functionNames(owner, one);
    const item = found?.item;
    const response = item ?? (one.oneway ? undefined : one.returns);
    return {
      name: one.name,
      localName: names.get(one) ?? one.name,
      kind,
      doc: one.doc,
      requestType: args,
      responseType: response === undefined ? 'void' : typeText(response, module),
      initType: initType(one, args, module),
      request: args,
      response: result,
      errors: errorEntries(one, module),
      keyProperty: propertyNamed(one.args, found?.policy.keyField, module),
      topicKey: propertyNamed(fieldsOf(item), found?.policy.topic?.key, module),
      policy: owner === service ? (found?.policy ?? {}) : inheritedPolicy(policyOf(owner), found),
    };
  });
  return {
    name: fullName(service),
    localName: module.ref(service, true),
    doc: service.doc,
    version: own.version,
    idl: 'thrift',
    fingerprint: fingerprint(service),
    policy: own.policy,
    methods,
  };
}

/** What a field is called in TypeScript. */
function propertyNamed(fields: readonly Field[], name: string | undefined, module: ModuleWriter): string | undefined {
  if (name === undefined) return undefined;
  return fieldModels({ fields, kind: 'struct' }, module).find((each) => each.field.name === name)?.name;
}

function fieldsOf(type: Type | undefined): readonly Field[] {
  const known = type === undefined ? undefined : trueType(type);
  return known?.kind === 'struct' ? known.definition.fields : [];
}

/** An inherited function keeps what its own service says for all its functions. */
function inheritedPolicy(base: ServicePolicy, found: FunctionPolicy | undefined): MethodModel['policy'] {
  return { ...base.policy, ...found?.policy };
}

/** What a caller passes: arguments with a default may be left out. */
function initType(one: ServiceFunction, args: string, module: ModuleWriter): string | undefined {
  const free = omittable(fieldModels({ fields: one.args, kind: 'struct' }, module));
  if (free.length === 0) return undefined;
  const keys = free.map(({ name }) => quote(name)).join(' | ');
  const members = free.map(({ field, name }) => `${propertyName(name)}?: ${typeText(field.type, module)} | undefined`);
  return `${module.global('Omit')}<${args}, ${keys}> & { ${members.join('; ')} }`;
}
