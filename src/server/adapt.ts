/**
 * Two majors at once: the old contract stays served, by handlers that turn its messages into those of the new one, call what
 * serves that, and turn the answers back. So there is one implementation, and what is left of the old one is a table.
 */
import type { MethodType } from '../contract/method.js';
import type { ServiceType } from '../contract/service.js';
import type { HandlerOf, Handlers, ServerCall } from './handlers.js';

type RequestOf<M> = M extends MethodType<infer Req, infer _Res, infer _Kind, infer _Init, infer _Out> ? Req : never;
type ResponseOf<M> = M extends MethodType<infer _Req, infer Res, infer _Kind, infer _Init, infer _Out> ? Res : never;
type KindOf<M> = M extends MethodType<infer _Req, infer _Res, infer Kind, infer _Init, infer _Out> ? Kind : never;

/** How a method of the old contract is served by one of the new, of the same kind. Streams are mapped message by message. */
export type Mapping<OldMethod, S extends ServiceType, Tx = unknown> = {
  [K in keyof Handlers<S> & string]: KindOf<S['methods'][K]> extends KindOf<OldMethod>
    ? {
        /** The name in TypeScript of the new method. */
        readonly to: K;
        readonly request: (
          old: RequestOf<OldMethod>,
          call: ServerCall<Tx>,
        ) => RequestOf<S['methods'][K]> | Promise<RequestOf<S['methods'][K]>>;
        readonly response: (
          answer: ResponseOf<S['methods'][K]>,
          call: ServerCall<Tx>,
        ) => ResponseOf<OldMethod> | Promise<ResponseOf<OldMethod>>;
        /** What is thrown in the place of what the new handler threw; that itself by default. */
        readonly error?: (thrown: unknown, call: ServerCall<Tx>) => unknown;
      }
    : never;
}[keyof Handlers<S> & string];

/** For each method of the old contract a mapping, or a handler of its own where the new one has nothing like it. */
export type Mappings<Old extends ServiceType, New extends ServiceType, Tx = unknown> = {
  readonly [K in keyof Handlers<Old>]:
    | Mapping<Old['methods'][K & string], New, Tx>
    | HandlerOf<Old['methods'][K & string], Tx>;
};

interface AnyMapping {
  readonly to: string;
  readonly request: (old: unknown, call: ServerCall) => unknown;
  readonly response: (answer: unknown, call: ServerCall) => unknown;
  readonly error?: (thrown: unknown, call: ServerCall) => unknown;
}
type AnyHandler = (request: unknown, call: ServerCall) => unknown;

/**
 * Handlers of `old` that the handlers of `next` do the work for. The old contract's policy holds for its calls: deadlines, keys,
 * who may call. Throws a TypeError for a mapping that is missing, or names a method that is not there or of another kind.
 *
 * @example
 * server.add(MarketV2, handlers);
 * server.add(MarketV1, adapt(MarketV1, MarketV2, handlers, {
 *   getLastSale: {
 *     to: 'lastSale',
 *     request: ({ fish }) => ({ species: fish }),
 *     response: ({ sale }) => ({ fish: sale.species, price: sale.cents / 100 }),
 *   },
 * }));
 */
export function adapt<Old extends ServiceType, New extends ServiceType, Tx = unknown>(
  old: Old,
  next: New,
  handlers: Handlers<New, Tx>,
  mappings: Mappings<Old, New, Tx>,
): Handlers<Old, Tx> {
  const adapted: Record<string, AnyHandler> = {};
  for (const [localName, method] of Object.entries<MethodType>(old.methods)) {
    if (method.policy.topic !== undefined) continue;
    const mapping = (mappings as Readonly<Record<string, AnyMapping | AnyHandler | undefined>>)[localName];
    adapted[localName] =
      typeof mapping === 'function'
        ? (request, call) => mapping(request, call)
        : mapped(method, checkMapping(method, next, handlers, mapping), handlers as never);
  }
  const unknown = Object.keys(mappings).filter((name) => !Object.hasOwn(adapted, name));
  if (unknown.length > 0) {
    throw new TypeError(`the mappings of ${old.name} name ${unknown.join(', ')}, which it does not have as a method`);
  }
  return adapted as unknown as Handlers<Old, Tx>;
}

function checkMapping(method: MethodType, next: ServiceType, handlers: unknown, given: unknown): AnyMapping {
  const mapping = given as Partial<AnyMapping> | undefined;
  if (typeof mapping?.request !== 'function' || typeof mapping.response !== 'function') {
    throw new TypeError(
      `${method.path} has no mapping to ${next.name}; give ${method.localName} { to, request, response }, or a handler`,
    );
  }
  const target: MethodType | undefined = Object.hasOwn(next.methods, mapping.to ?? '')
    ? next.methods[mapping.to as string]
    : undefined;
  if (target?.kind !== method.kind) {
    throw new TypeError(
      `${method.path} is mapped to ${JSON.stringify(mapping.to)}, and ${next.name} has no method of that name and of the kind ${method.kind}; map it to one that there is, or give it a handler`,
    );
  }
  if (typeof (handlers as Record<string, unknown>)[mapping.to as string] !== 'function') {
    throw new TypeError(`${method.path} is mapped to ${mapping.to}, which the handlers of ${next.name} lack`);
  }
  return mapping as AnyMapping;
}

function mapped({ kind }: MethodType, mapping: AnyMapping, handlers: Readonly<Record<string, AnyHandler>>): AnyHandler {
  const { to, request, response, error = (thrown) => thrown } = mapping;
  const ask = (old: unknown, call: ServerCall): unknown =>
    kind === 'client' || kind === 'bidi'
      ? each(old as AsyncIterable<unknown>, (one) => request(one, call))
      : request(old, call);
  if (kind !== 'server' && kind !== 'bidi') {
    return async (old, call) => {
      const asked = await ask(old, call);
      let answer: unknown;
      try {
        answer = await handlers[to]?.(asked, call);
      } catch (thrown) {
        throw error(thrown, call);
      }
      return kind === 'oneway' ? undefined : response(answer, call);
    };
  }
  return async function* (old, call) {
    const asked = await ask(old, call);
    try {
      const answers = (await handlers[to]?.(asked, call)) as AsyncIterable<unknown>;
      for await (const answer of answers) yield await response(answer, call);
    } catch (thrown) {
      throw error(thrown, call);
    }
  };
}

async function* each(items: AsyncIterable<unknown>, map: (item: unknown) => unknown): AsyncGenerator<unknown> {
  for await (const item of items) yield await map(item);
}
