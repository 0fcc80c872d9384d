/**
 * Prints a service as TypeScript. Both generators end here, so a stub from `.proto` and one from
 * `.thrift` read the same.
 */
import type { MethodKind } from '../contract/method.js';
import type { Policy } from '../contract/policy.js';

export interface MethodModel {
  /** As in the IDL. */
  readonly name: string;
  readonly localName: string;
  readonly kind: MethodKind;
  readonly doc?: string | undefined;
  /** TypeScript types. */
  readonly requestType: string;
  readonly responseType: string;
  /** What a caller may pass, where it is less than `requestType`. */
  readonly initType?: string | undefined;
  /** What a handler may answer, where it is less than `responseType`. */
  readonly outType?: string | undefined;
  /** Expressions for the codecs. */
  readonly request: string;
  readonly response: string;
  /** Declared errors: id, and the name of the class. */
  readonly errors: readonly { readonly id: number; readonly type: string }[];
  readonly policy: Policy;
  /** What the policy's key field is called in TypeScript. */
  readonly keyProperty?: string | undefined;
  /** The property of the response that is the key of a topic. */
  readonly topicKey?: string | undefined;
}

export interface ServiceModel {
  /** Full name in the IDL. */
  readonly name: string;
  /** The name of the constant. */
  readonly localName: string;
  readonly doc?: string | undefined;
  readonly version?: string | undefined;
  readonly idl: 'proto' | 'thrift';
  readonly fingerprint: string;
  readonly policy: Policy;
  readonly methods: readonly MethodModel[];
  /** Expression of type `() => readonly Uint8Array[]`. */
  readonly descriptors?: string | undefined;
}

const kindBuilders: Readonly<Record<MethodKind, string>> = {
  unary: 'unary',
  oneway: 'oneway',
  server: 'serverStream',
  client: 'clientStream',
  bidi: 'bidi',
};

/** A method that declares a topic is told apart in its type, so that a client can be subscribed to it. */
function builderOf({ kind, policy }: MethodModel): string {
  return kind === 'server' && policy.topic !== undefined ? 'topicStream' : kindBuilders[kind];
}

/** The names that `printService` needs from `hawser/proto` or `hawser/thrift`, sorted. */
export function builderImports(services: readonly ServiceModel[]): string[] {
  const names = new Set<string>(['defineService']);
  for (const service of services) for (const method of service.methods) names.add(builderOf(method));
  return [...names].sort();
}

/** `rename` says what a builder is called in the module, where something else has its name. */
export function printService(service: ServiceModel, rename = (builder: string): string => builder): string {
  const lines = [
    ...docLines(service.doc, '', service.policy),
    `export const ${service.localName} = ${rename('defineService')}({`,
    `  name: ${JSON.stringify(service.name)},`,
  ];
  if (service.version !== undefined) lines.push(`  version: ${JSON.stringify(service.version)},`);
  lines.push(`  idl: ${JSON.stringify(service.idl)},`, `  fingerprint: ${JSON.stringify(service.fingerprint)},`);
  if (!isEmpty(service.policy)) lines.push(`  policy: ${literal(service.policy, '  ')},`);
  lines.push('  methods: {');
  for (const method of service.methods) lines.push(...printMethod(method, rename));
  lines.push('  },');
  if (service.descriptors !== undefined) lines.push(`  descriptors: ${service.descriptors},`);
  lines.push('});');
  return lines.join('\n');
}

function printMethod(method: MethodModel, rename: (builder: string) => string): string[] {
  const types = [method.requestType, ...(method.kind === 'oneway' ? [] : [method.responseType])];
  if (method.initType !== undefined) types.push(method.initType);
  if (method.outType !== undefined) types.push(method.outType);
  const lines = [
    ...docLines(method.doc, '    ', method.policy),
    `    ${propertyName(method.localName)}: ${rename(builderOf(method))}<${types.join(', ')}>({`,
    `      name: ${JSON.stringify(method.name)},`,
    `      request: ${method.request},`,
    `      response: ${method.response},`,
  ];
  if (method.errors.length > 0) {
    const errors = method.errors.map(({ id, type }) => `{ id: ${id}, type: ${type} }`);
    lines.push(`      errors: [${errors.join(', ')}],`);
  }
  if (!isEmpty(method.policy)) lines.push(`      policy: ${literal(method.policy, '      ')},`);
  if (method.keyProperty !== undefined) lines.push(`      keyProperty: ${JSON.stringify(method.keyProperty)},`);
  if (method.topicKey !== undefined) lines.push(`      topicKey: ${JSON.stringify(method.topicKey)},`);
  lines.push('    }),');
  return lines;
}

/** A TSDoc comment: the IDL's own text, and `@deprecated` where the policy says so. */
export function docLines(doc: string | undefined, indent: string, policy: Policy = {}): string[] {
  const text = (doc ?? '')
    .replaceAll('*/', '*\\/')
    .split('\n')
    .map((line) => line.trimEnd());
  while (text.length > 0 && text[0] === '') text.shift();
  while (text.length > 0 && text.at(-1) === '') text.pop();
  if (policy.deprecated !== undefined) {
    const { since, sunset, replacement } = policy.deprecated;
    const parts = [
      since === undefined ? '' : `since ${since}`,
      sunset === undefined ? '' : `gone after ${sunset}`,
      replacement === undefined ? '' : `use ${replacement}`,
    ].filter((part) => part !== '');
    text.push(`@deprecated ${parts.join('; ')}`.trimEnd());
  }
  if (text.length === 0) return [];
  if (text.length === 1) return [`${indent}/** ${text[0]} */`];
  return [`${indent}/**`, ...text.map((line) => `${indent} *${line === '' ? '' : ` ${line}`}`), `${indent} */`];
}

/** Plain data as TypeScript source, two spaces a level. */
export function literal(value: unknown, indent = ''): string {
  const inner = `${indent}  `;
  if (Array.isArray(value)) return `[${value.map((item) => literal(item, indent)).join(', ')}]`;
  if (typeof value === 'object' && value !== null) {
    const entries = Object.entries(value).filter(([, item]) => item !== undefined);
    if (entries.length === 0) return '{}';
    const lines = entries.map(([key, item]) => `${inner}${propertyName(key)}: ${literal(item, inner)},`);
    return `{\n${lines.join('\n')}\n${indent}}`;
  }
  if (typeof value === 'bigint') return `${value}n`;
  return JSON.stringify(value);
}

export function propertyName(name: string): string {
  return /^[A-Za-z_$][\w$]*$/.test(name) && name !== '__proto__' ? name : `[${JSON.stringify(name)}]`;
}

function isEmpty(policy: Policy): boolean {
  return Object.values(policy).every((value) => value === undefined);
}
