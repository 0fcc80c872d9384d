/**
 * What generated code says of one method. The type parameters carry the message types to
 * clients and handlers; at run time it is frozen data.
 */
import type { Codec } from './codec.js';
import type { MethodError } from './declared-error.js';
import type { Policy } from './policy.js';
import type { ServiceType } from './service.js';

export type MethodKind = 'unary' | 'oneway' | 'server' | 'client' | 'bidi';

declare const init: unique symbol;
declare const out: unique symbol;

/** What generated code writes down of a method; `defineService` adds the rest. */
export interface MethodSpec<Req = unknown, Res = unknown, Kind extends MethodKind = MethodKind, Init = Req, Out = Res> {
  /** As in the IDL: `GetLastSale`. */
  readonly name: string;
  readonly kind: Kind;
  readonly request: Codec<Req>;
  readonly response: Codec<Res>;
  readonly errors?: readonly MethodError[];
  readonly policy?: Policy;
  /** The property of the request that is the idempotency key: the policy's `keyField` as it is called in TypeScript. */
  readonly keyProperty?: string;
  /** The property of the response that is the key of a topic: the policy's `topic.key` as it is called in TypeScript. */
  readonly topicKey?: string;
  /** What a caller may pass: `Req`, with fields that have a default left out. Type level only. */
  readonly [init]?: Init;
  /** What a handler may answer: `Res`, in proto with fields left out. Type level only. */
  readonly [out]?: Out;
}

export interface MethodType<Req = unknown, Res = unknown, Kind extends MethodKind = MethodKind, Init = Req, Out = Res>
  extends MethodSpec<Req, Res, Kind, Init, Out> {
  readonly service: ServiceType;
  /** The name in TypeScript: `getLastSale`. */
  readonly localName: string;
  readonly errors: readonly MethodError[];
  readonly policy: Policy;
  /** `/market.v1.TradeHistory/GetLastSale` */
  readonly path: string;
}

/** A server-streaming method whose stream is a topic: `policy.topic` says which. */
export interface TopicSpec<Req = unknown, Res = unknown, Init = Req, Out = Res>
  extends MethodSpec<Req, Res, 'server', Init, Out> {
  readonly topic: true;
}

export interface TopicMethod<Req = unknown, Res = unknown, Init = Req, Out = Res>
  extends MethodType<Req, Res, 'server', Init, Out> {
  readonly topic: true;
}

type Spec<Req, Res, Kind extends MethodKind, Init, Out> = Omit<MethodSpec<Req, Res, Kind, Init, Out>, 'kind'>;

export function unary<Req, Res, Init = Req, Out = Res>(
  spec: Spec<Req, Res, 'unary', Init, Out>,
): MethodSpec<Req, Res, 'unary', Init, Out> {
  return { ...spec, kind: 'unary' };
}

export function oneway<Req, Init = Req>(
  spec: Spec<Req, void, 'oneway', Init, void>,
): MethodSpec<Req, void, 'oneway', Init> {
  return { ...spec, kind: 'oneway' };
}

export function serverStream<Req, Res, Init = Req, Out = Res>(
  spec: Spec<Req, Res, 'server', Init, Out>,
): MethodSpec<Req, Res, 'server', Init, Out> {
  return { ...spec, kind: 'server' };
}

export function topicStream<Req, Res, Init = Req, Out = Res>(
  spec: Spec<Req, Res, 'server', Init, Out>,
): TopicSpec<Req, Res, Init, Out> {
  return { ...spec, kind: 'server', topic: true };
}

export function clientStream<Req, Res, Init = Req, Out = Res>(
  spec: Spec<Req, Res, 'client', Init, Out>,
): MethodSpec<Req, Res, 'client', Init, Out> {
  return { ...spec, kind: 'client' };
}

export function bidi<Req, Res, Init = Req, Out = Res>(
  spec: Spec<Req, Res, 'bidi', Init, Out>,
): MethodSpec<Req, Res, 'bidi', Init, Out> {
  return { ...spec, kind: 'bidi' };
}

/** Whether the caller sends a sequence of messages rather than one. */
export function streamsRequest(kind: MethodKind): boolean {
  return kind === 'client' || kind === 'bidi';
}

/** Whether the answer is a sequence of messages rather than one. */
export function streamsResponse(kind: MethodKind): boolean {
  return kind === 'server' || kind === 'bidi';
}
