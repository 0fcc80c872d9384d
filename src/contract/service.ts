/**
 * The one model that both IDLs compile to. A client, a server, the CLI and the compatibility
 * gate all read this and nothing else of a service.
 */

import type { MethodSpec, MethodType, TopicMethod, TopicSpec } from './method.js';
import { shown } from './option-names.js';
import type { Policy } from './policy.js';

// biome-ignore lint/suspicious/noExplicitAny: the one place where a method of unknown messages is named; `unknown` is not assignable both ways
export type Methods = Readonly<Record<string, MethodType<any, any, any, any, any>>>;

export interface ServiceType<M extends Methods = Methods> {
  /** Full name in the IDL: `market.v1.TradeHistory`. */
  readonly name: string;
  /** Semver of the contract, when the IDL declares one. */
  readonly version: string | undefined;
  readonly idl: 'proto' | 'thrift';
  /** SHA-256 (hex) over the canonical form of the service and all its types. */
  readonly fingerprint: string;
  /** What the service says for all its methods. */
  readonly policy: Policy;
  /** By name in TypeScript. Methods that a Thrift service inherits are included. */
  readonly methods: M;
  /** The methods that declare a topic. */
  readonly topics: readonly MethodType[];
  /** Serialized FileDescriptorProto of the file and all it imports, dependencies first; empty for Thrift. */
  descriptors(): readonly Uint8Array[];
}

// biome-ignore lint/suspicious/noExplicitAny: see Methods
type Specs = Readonly<Record<string, MethodSpec<any, any, any, any, any>>>;

type TypeOf<S> =
  S extends TopicSpec<infer Req, infer Res, infer Init, infer Out>
    ? TopicMethod<Req, Res, Init, Out>
    : S extends MethodSpec<infer Req, infer Res, infer Kind, infer Init, infer Out>
      ? MethodType<Req, Res, Kind, Init, Out>
      : never;

export interface ServiceSpec<S extends Specs> {
  readonly name: string;
  readonly version?: string;
  readonly idl: 'proto' | 'thrift';
  readonly fingerprint: string;
  readonly policy?: Policy;
  readonly methods: S;
  readonly descriptors?: () => readonly Uint8Array[];
}

/** Throws a TypeError unless `value` is a service; `where` is who was given it. */
export function checkService(value: unknown, where: string): asserts value is ServiceType {
  const { name, idl, methods } = (typeof value === 'object' && value !== null ? value : {}) as Partial<ServiceType>;
  if (typeof name === 'string' && (idl === 'proto' || idl === 'thrift') && typeof methods === 'object') return;
  throw new TypeError(
    `${where} was given ${shown(value)} as the service; it takes one that hawser generate has made of an IDL, such as TradeHistory out of market.rpc.js`,
  );
}

/** Called by generated code. */
export function defineService<const S extends Specs>(
  spec: ServiceSpec<S>,
): ServiceType<{ readonly [K in keyof S]: TypeOf<S[K]> }> {
  const methods: Record<string, MethodType> = {};
  const service = {
    name: spec.name,
    version: spec.version,
    idl: spec.idl,
    fingerprint: spec.fingerprint,
    policy: deepFreeze(spec.policy ?? {}),
    methods,
    topics: [] as MethodType[],
    descriptors: spec.descriptors ?? (() => []),
  };
  for (const [localName, method] of Object.entries<MethodSpec>(spec.methods)) {
    const type: MethodType = Object.freeze({
      ...method,
      service: service as unknown as ServiceType,
      localName,
      errors: Object.freeze(method.errors ?? []),
      policy: deepFreeze(method.policy ?? {}),
      path: `/${spec.name}/${method.name}`,
    });
    methods[localName] = type;
    if (type.policy.topic !== undefined) service.topics.push(type);
  }
  Object.freeze(methods);
  Object.freeze(service.topics);
  return Object.freeze(service) as unknown as ServiceType<{ readonly [K in keyof S]: TypeOf<S[K]> }>;
}

function deepFreeze<T>(value: T): T {
  if (typeof value === 'object' && value !== null && !Object.isFrozen(value)) {
    Object.freeze(value);
    for (const inner of Object.values(value)) deepFreeze(inner);
  }
  return value;
}
