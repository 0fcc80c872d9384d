/**
 * The reliability policy that `hawser.*` annotations write into the IDL, as the runtime's Policy.
 * An annotation that does not exist, stands where it has no effect, or has a value that cannot be
 * read is an error at its place: a promise must not be silently inert.
 */
import type { MethodKind } from '../../contract/method.js';
import type { Feature, Policy } from '../../contract/policy.js';
import { notOnClient } from '../names.js';
import { checkPolicy, isVersion } from '../policy-rules.js';
import { namesOfMethods } from './emit/export-names.js';
import { type OptionPlace, policyOptionTable } from './policy-options.js';
import {
  type Annotation,
  type Field,
  fullName,
  type Program,
  type ServiceDefinition,
  type ServiceFunction,
  type StructDefinition,
  type Type,
  trueType,
} from './program.js';
import type { Span } from './source.js';

const prefix = 'hawser.';

export interface FunctionPolicy {
  readonly kind: MethodKind;
  readonly policy: Policy;
  /** What a topic's events are. */
  readonly item: Type | undefined;
}

export interface ServicePolicy {
  readonly version: string | undefined;
  readonly policy: Policy;
  readonly functions: ReadonlyMap<ServiceFunction, FunctionPolicy>;
}

/** Reads and checks all policies of a file; errors and warnings go to its source. */
export function readPolicies(program: Program): ReadonlyMap<ServiceDefinition, ServicePolicy> {
  const services = new Map<ServiceDefinition, ServicePolicy>();
  for (const definition of program.definitions) {
    if (definition.kind === 'service') services.set(definition, readService(definition));
    else {
      refuseAll(program, definition.annotations);
      if (definition.kind === 'enum') for (const value of definition.values) refuseAll(program, value.annotations);
      if (definition.kind === 'typedef') refuseInType(program, definition.type);
      if ('fields' in definition) for (const field of definition.fields) readField(program, field);
    }
  }
  for (const { annotations } of program.namespaces.values()) refuseAll(program, annotations);
  return services;
}

function readService(service: ServiceDefinition): ServicePolicy {
  const { program } = service;
  const { version, ...policy } = read(program, service.annotations, 'service');
  if (version !== undefined && !isVersion(version)) {
    const message = `${fullName(service)}: version is "${version}"; write a semantic version such as "1.4.0"`;
    program.source.error(placeOf(service.annotations, 'version', service.nameSpan), message);
  }
  report(program, service.annotations, service.nameSpan, policy, {
    service: policy,
    kind: undefined,
    name: fullName(service),
  });
  const functions = new Map<ServiceFunction, FunctionPolicy>();
  const names = namesOfMethods(service);
  for (const one of service.functions) {
    functions.set(one, readFunction(service, one, policy));
    const unheld = notOnClient(`${fullName(service)}/${one.name}`, names.get(one) ?? '');
    if (unheld !== undefined) program.source.warning(one.nameSpan, unheld);
  }
  return { version, policy, functions };
}

function readFunction(service: ServiceDefinition, one: ServiceFunction, inherited: Policy): FunctionPolicy {
  const { program } = service;
  const name = `${fullName(service)}/${one.name}`;
  const { version: _, ...base } = read(program, one.annotations, 'function');
  for (const field of [...one.args, ...one.throws]) readField(program, field);
  if (one.returns !== undefined) refuseInType(program, one.returns);
  const features = [...(base.features ?? []), ...fieldFeatures(service, one)];
  const policy: Policy = features.length === 0 ? base : { ...base, features };
  const returns = one.returns === undefined ? undefined : trueType(one.returns);
  const item = policy.topic !== undefined && !one.oneway && returns?.kind === 'list' ? returns.element : undefined;
  if (policy.topic !== undefined && item === undefined) {
    const place = placeOf(one.annotations, 'topic', one.nameSpan);
    program.source.error(
      place,
      `${name}: a topic is a function that returns list<T>, where T is what subscribers get one by one`,
    );
    return { kind: one.oneway ? 'oneway' : 'unary', policy, item: undefined };
  }
  const kind = one.oneway ? 'oneway' : item === undefined ? 'unary' : 'server';
  report(program, one.annotations, one.nameSpan, policy, { service: inherited, kind, name });
  checkFields(program, one, policy, item, name);
  return { kind, policy, item };
}

function readField(program: Program, field: Field): void {
  read(program, field.annotations, 'field');
  refuseInType(program, field.type);
}

/** Base types that are no key: what is equal may look different. */
const keyless: ReadonlySet<string> = new Set(['binary', 'double']);

/** The option's own annotation, one of its parts, or the element itself. */
function placeOf(annotations: readonly Annotation[], option: string, element: Span): Span {
  const key = `${prefix}${option}`;
  const exact = annotations.find((each) => each.key === key);
  return (exact ?? annotations.find((each) => each.key.startsWith(`${key}.`)))?.span ?? element;
}

function report(
  program: Program,
  annotations: readonly Annotation[],
  element: Span,
  policy: Policy,
  context: Parameters<typeof checkPolicy>[1],
): void {
  for (const { severity, message, option } of checkPolicy(policy, context)) {
    program.source[severity](placeOf(annotations, option, element), message);
  }
}

function checkFields(
  program: Program,
  one: ServiceFunction,
  policy: Policy,
  item: Type | undefined,
  name: string,
): void {
  const { keyField, topic } = policy;
  if (keyField !== undefined && keyField !== '') {
    const place = placeOf(one.annotations, 'key_field', one.nameSpan);
    const arg = one.args.find((each) => each.name === keyField);
    const type = arg === undefined ? undefined : trueType(arg.type);
    if (type === undefined)
      program.source.error(place, `${name}: key_field is "${keyField}", which is none of its arguments`);
    else if (type.kind !== 'base' || type.base !== 'string') {
      program.source.error(place, `${name}: key_field "${keyField}" must be a string`);
    }
  }
  const key = topic?.key;
  if (key === undefined || key === '' || item === undefined) return;
  const type = trueType(item);
  const place = placeOf(one.annotations, 'topic.key', one.nameSpan);
  const field = type.kind === 'struct' ? type.definition.fields.find((each) => each.name === key) : undefined;
  if (field === undefined) {
    const what = type.kind === 'struct' ? fullName(type.definition) : 'what it returns, which is no struct';
    program.source.error(place, `${name}: topic.key is "${key}", which is no field of ${what}`);
    return;
  }
  const known = trueType(field.type);
  if (known.kind === 'enum' || (known.kind === 'base' && !keyless.has(known.base))) return;
  program.source.error(place, `${name}: topic.key "${key}" must be a string, whole number, bool or enum`);
}

type Read = Policy & { readonly version?: string };

function read(program: Program, annotations: readonly Annotation[], place: OptionPlace): Read {
  const result: Record<string, unknown> = {};
  const features: { name: string; since?: string }[] = [];
  const seen = new Set<string>();
  for (const { key, value, span } of annotations) {
    if (!key.startsWith(prefix)) continue;
    const name = key.slice(prefix.length);
    const option = policyOptionTable.get(name);
    if (option === undefined) {
      program.source.error(span, unknownOption(name));
      continue;
    }
    if (!option.places.includes(place)) {
      program.source.error(span, `${key} has no effect on a ${place}; it belongs on a ${option.places.join(' or a ')}`);
      continue;
    }
    if (name === 'feature.name') {
      features.push({ name: value });
      continue;
    }
    if (name === 'feature.since') {
      const last = features.at(-1);
      if (last === undefined)
        program.source.error(span, `${key} stands behind the ${prefix}feature.name that it is about`);
      else last.since = value;
      continue;
    }
    if (seen.has(name)) {
      program.source.error(span, `${key} is already given; write it once`);
      continue;
    }
    seen.add(name);
    try {
      store(result, option.path, option.read(value));
    } catch (error) {
      program.source.error(span, `${key} cannot be read: ${error instanceof Error ? error.message : String(error)}`);
    }
  }
  return { ...result, ...(features.length === 0 ? {} : { features }) };
}

/** `retry.maxAttempts`: into the object at `retry`. */
function store(result: Record<string, unknown>, path: string, value: unknown): void {
  const [head = '', tail] = path.split('.');
  if (tail !== undefined) result[head] = { ...(result[head] as object | undefined), [tail]: value };
  else if (typeof value === 'object' && !Array.isArray(value))
    result[head] = { ...value, ...(result[head] as object | undefined) };
  else result[head] = value;
}

function unknownOption(name: string): string {
  if (name === 'errors' || name.startsWith('errors.'))
    return `${prefix}errors does not exist in Thrift: a function's "throws" declares its errors`;
  const parts = [...policyOptionTable.keys()].filter((key) => key.startsWith(`${name}.`));
  if (parts.length > 0) return `${prefix}${name} has parts: ${parts.map((part) => prefix + part).join(', ')}`;
  return `there is no annotation ${prefix}${name}; there are ${[...policyOptionTable.keys()].join(', ')}`;
}

function refuseAll(program: Program, annotations: readonly Annotation[]): void {
  for (const { key, span } of annotations) {
    if (key.startsWith(prefix))
      program.source.error(span, `${key} has no effect here; policy belongs on services, functions and fields`);
  }
}

function refuseInType(program: Program, type: Type): void {
  if (type.kind === 'named') return;
  refuseAll(program, type.annotations);
  if (type.kind === 'list' || type.kind === 'set') refuseInType(program, type.element);
  if (type.kind === 'map') {
    refuseInType(program, type.key);
    refuseInType(program, type.value);
  }
}

/** Features that fields of the arguments and of the result need, and of all structs that these contain. */
function fieldFeatures(service: ServiceDefinition, one: ServiceFunction): Feature[] {
  const features: Feature[] = [];
  const seen = new Set<StructDefinition>();
  const collect = (owner: string, fields: readonly Field[]): void => {
    for (const field of fields) {
      reach(field.type, seen);
      let last: { name: string; since?: string; field: string } | undefined;
      for (const { key, value } of field.annotations) {
        if (key === `${prefix}feature.name`) {
          last = { name: value, field: `${owner}.${field.name}` };
          features.push(last);
        } else if (key === `${prefix}feature.since` && last !== undefined) last.since = value;
      }
    }
  };
  if (one.returns !== undefined) reach(one.returns, seen);
  collect(`${fullName(service)}.${one.name}_args`, one.args);
  for (const struct of seen) collect(fullName(struct), struct.fields);
  return features;
}

function reach(type: Type, seen: Set<StructDefinition>): void {
  const known = trueType(type);
  if (known.kind === 'struct') seen.add(known.definition);
  else if (known.kind === 'list' || known.kind === 'set') reach(known.element, seen);
  else if (known.kind === 'map') {
    reach(known.key, seen);
    reach(known.value, seen);
  }
}
