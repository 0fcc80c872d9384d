/**
 * Every method that a server serves, its own services included, over every way to it, by every identity that can be shown there. What
 * each may do is in the table; what the server serves is asked of the server, and a method without a row fails.
 */
import { Server as GrpcJsServer, ServerCredentials } from '@grpc/grpc-js';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Health } from '../../../gen/grpc/health/v1/health.rpc.js';
import { ServerReflection as ReflectionV1 } from '../../../gen/grpc/reflection/v1/reflection.rpc.js';
import { ServerReflection as ReflectionV1Alpha } from '../../../gen/grpc/reflection/v1alpha/reflection.rpc.js';
import { Subscriptions as Frames } from '../../../gen/hawser/subscription/v1/subscription.rpc.js';
import { Subscriptions as Polls } from '../../../gen/hawser.js';
import { Quotes } from '../../../gen/market.js';
import { certificatePrincipal } from '../../../src/call/certificate-name.js';
import { silentLogger } from '../../../src/call/logger.js';
import { isRpcError } from '../../../src/call/rpc-error.js';
import type { Dispatcher } from '../../../src/call/transport.js';
import { type ClientOptions, createClient } from '../../../src/client/create-client.js';
import { type MethodType, unary } from '../../../src/contract/method.js';
import { defineService, type ServiceType } from '../../../src/contract/service.js';
import { createServer } from '../../../src/server/create-server.js';
import { MemoryNetwork } from '../../../src/transports/memory/network.js';
import { hasTool } from '../../requires.js';
import { Authority } from '../../support/authority.js';
import { Echo, EchoOverThrift, type Note } from '../../support/echo.js';
import { Prices } from '../../support/prices.js';

/** By a header; by a certificate of that name. */
type Identity = 'none' | 'wrong' | 'revoked' | 'right' | 'certificate of revoked' | 'certificate of right';

/** Probes are let in, whoever they come from. */
const open = {
  none: 'in',
  wrong: 'in',
  revoked: 'in',
  right: 'in',
  'certificate of revoked': 'in',
  'certificate of right': 'in',
} as const;
const closed = {
  none: 'UNAUTHENTICATED',
  wrong: 'UNAUTHENTICATED',
  revoked: 'PERMISSION_DENIED',
  right: 'in',
  'certificate of revoked': 'PERMISSION_DENIED',
  'certificate of right': 'in',
} as const;
/** It names the services, and `authorize` is not asked about probes. */
const named = { ...closed, revoked: 'in', 'certificate of revoked': 'in' } as const;

const table: Readonly<Record<string, Readonly<Record<Identity, string>>>> = {
  '/grpc.health.v1.Health/Check': open,
  '/grpc.health.v1.Health/Watch': open,
  '/grpc.health.v1.Health/List': named,
  '/grpc.reflection.v1.ServerReflection/ServerReflectionInfo': closed,
  '/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo': closed,
  '/hawser.subscription.v1.Subscriptions/Connect': closed,
  '/hawser.subscription.v1.Subscriptions/open': closed,
  '/hawser.subscription.v1.Subscriptions/poll': closed,
  '/hawser.subscription.v1.Subscriptions/commit': closed,
  '/hawser.subscription.v1.Subscriptions/close': closed,
  '/test.Echo/Say': closed,
  '/test.Echo/Tell': closed,
  '/test.Echo/Repeat': closed,
  '/test.Echo/Collect': closed,
  '/test.Echo/Chat': closed,
  '/test.Prices/Watch': closed,
  '/test.Prices/Sales': closed,
  '/test.Prices/Merged': closed,
  '/market.v1.Quotes/Prices': closed,
};

/** How a server is reached, and what a caller can show of itself there. */
const ways = {
  grpc: { idl: 'proto', shown: ['none', 'wrong', 'revoked', 'right'] },
  'gRPC at the one port': { idl: 'proto', shown: ['none', 'wrong', 'revoked', 'right'] },
  'gRPC with TLS': { idl: 'proto', shown: ['none', 'certificate of revoked', 'certificate of right'] },
  'a grpc-js server that it is mounted on': { idl: 'proto', shown: ['none', 'wrong', 'revoked', 'right'] },
  memory: { idl: 'both', shown: ['none', 'wrong', 'revoked', 'right'] },
  THeader: { idl: 'thrift', shown: ['none', 'wrong', 'revoked', 'right'] },
  'THeader at the one port': { idl: 'thrift', shown: ['none', 'wrong', 'revoked', 'right'] },
  // Without headers a caller shows its certificate, or nothing.
  binary: { idl: 'thrift', shown: ['none'] },
  compact: { idl: 'thrift', shown: ['none'] },
  'binary, unframed': { idl: 'thrift', shown: ['none'] },
  'binary with TLS': { idl: 'thrift', shown: ['none', 'certificate of revoked', 'certificate of right'] },
  'compact with TLS': { idl: 'thrift', shown: ['none', 'certificate of revoked', 'certificate of right'] },
} as const satisfies Record<string, { idl: 'proto' | 'thrift' | 'both'; shown: readonly Identity[] }>;
type Way = keyof typeof ways;

const { request, response } = Quotes.methods.prices;
/** The topic as a client of another make calls it, which knows a function that returns a list. */
const QuotesByCall = defineService({
  name: Quotes.name,
  idl: 'thrift',
  fingerprint: '',
  methods: { prices: unary({ name: 'Prices', request, response: (response as unknown as Snapshot).snapshot }) },
});
interface Snapshot {
  readonly snapshot: typeof response;
}

const proto: readonly ServiceType[] = [Health, ReflectionV1, ReflectionV1Alpha, Frames, Prices, Echo];
const thrift: readonly ServiceType[] = [Polls, QuotesByCall, EchoOverThrift];

function entries(way: Way) {
  const services = { proto, thrift, both: [...proto, ...thrift] }[ways[way].idl];
  return services.flatMap((service) =>
    Object.values<MethodType>(service.methods)
      .filter(({ kind }) => (service.idl === 'proto' ? kind !== 'oneway' : kind === 'unary' || kind === 'oneway'))
      // Its messages are JSON, which says nothing of its length where there are no frames.
      .filter(() => way !== 'binary, unframed' || service !== EchoOverThrift)
      .map((method) => ({ way, path: method.path, service, method })),
  );
}

const tls = hasTool('openssl', ['version']);
const all = (Object.keys(ways) as Way[]).filter((way) => tls || !way.endsWith('TLS'));

describe('what each identity may do', () => {
  let ran = 0;
  const say = (one: unknown): Note => {
    ran += 1;
    return one as Note;
  };
  const handlers = {
    say,
    tell: say,
    async *repeat(one: Note) {
      yield say(one);
    },
    collect: () => say({ text: '', count: 0 }),
    async *chat() {
      yield say({ text: '', count: 0 });
    },
  };
  const marketServer = () => {
    const server = createServer({
      logger: silentLogger,
      authenticate: (headers, { certificate }) => {
        const header = headers.get('principal');
        const uri = certificate === undefined ? undefined : certificatePrincipal(certificate);
        const name = header ?? uri?.replace('spiffe://sea/', '');
        return name === 'right' || name === 'revoked' ? name : undefined;
      },
      authorize: (_call, principal) => principal === 'right',
    });
    server.add(Prices, {}).add(Quotes, {});
    server.add(Echo, handlers as never).add(EchoOverThrift, handlers as never);
    server.topic(Prices.methods.merged).mergeWith((_, b) => b);
    return server;
  };
  const server = marketServer();
  const secured = marketServer();
  const grpcJs = new GrpcJsServer();
  const memory = new MemoryNetwork();
  let dispatcher: Dispatcher | undefined;
  const at: Record<string, string> = {};
  const authority = tls ? new Authority() : undefined;
  const certificates = {
    market: authority?.sign('market'),
    'certificate of revoked': authority?.sign('revoked'),
    'certificate of right': authority?.sign('right'),
  };

  beforeAll(async () => {
    server.mount(grpcJs);
    const mounted = await new Promise<number>((resolve, reject) => {
      grpcJs.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, port) =>
        error === null ? resolve(port) : reject(error),
      );
    });
    at.mounted = `127.0.0.1:${mounted}`;
    const listen = memory.listen.bind(memory);
    const { grpc, thrift, port } = await server.listen({
      grpc: '127.0.0.1:0',
      thrift: '127.0.0.1:0',
      port: '127.0.0.1:0',
      memory: Object.assign(memory, {
        listen(given: Dispatcher) {
          dispatcher = given;
          return listen(given);
        },
      }),
    });
    Object.assign(at, { grpc, thrift, port });
    if (certificates.market === undefined || authority === undefined) return;
    const place = { address: '127.0.0.1:0', tls: { ...certificates.market, ca: authority.ca } };
    const bound = await secured.listen({ grpc: place, thrift: place });
    Object.assign(at, { grpcs: bound.grpc, thrifts: bound.thrift });
  });

  afterAll(async () => {
    await Promise.all([server.close({ grace: 0 }), secured.close({ grace: 0 })]);
    grpcJs.forceShutdown();
    authority?.remove();
  });

  function addressOf(way: Way, service: ServiceType): string | MemoryNetwork {
    const own = service.name === Polls.name ? '&service=Subscriptions' : '';
    const addresses: Readonly<Record<Way, string | MemoryNetwork>> = {
      grpc: `grpc://${at.grpc}`,
      'gRPC at the one port': `grpc://${at.port}`,
      'gRPC with TLS': `grpcs://${at.grpcs}`,
      'a grpc-js server that it is mounted on': `grpc://${at.mounted}`,
      memory,
      THeader: `thrift://${at.thrift}?wire=header${own}`,
      'THeader at the one port': `thrift://${at.port}?wire=header${own}`,
      binary: `thrift://${at.thrift}?wire=binary${own}`,
      compact: `thrift://${at.thrift}?wire=compact${own}`,
      'binary, unframed': `thrift://${at.thrift}?wire=binary&framing=unframed${own}`,
      'binary with TLS': `thrifts://${at.thrifts}?wire=binary${own}`,
      'compact with TLS': `thrifts://${at.thrifts}?wire=compact${own}`,
    };
    return addresses[way];
  }

  function termsOf(way: Way, identity: Identity): ClientOptions {
    const common = { logger: silentLogger, retry: false as const, breaker: false as const };
    if (!way.endsWith('TLS')) return { ...common, headers: identity === 'none' ? {} : { principal: identity } };
    const own = identity.startsWith('certificate') ? certificates[identity as keyof typeof certificates] : {};
    return { ...common, tls: { ca: authority?.ca as string, ...own } };
  }

  /** Whether a call gets past the gates: what becomes of it then is no matter here. */
  async function outcome(way: Way, service: ServiceType, method: MethodType, identity: Identity): Promise<string> {
    const client = createClient(service, addressOf(way, service) as string, termsOf(way, identity));
    const before = ran;
    try {
      const calls = client as unknown as Record<string, (...args: unknown[]) => unknown>;
      const signal = AbortSignal.timeout(300);
      const one = service.name === Echo.name ? [{ text: 'x', count: 1 }] : [];
      const requests = method.kind === 'bidi' || method.kind === 'client' ? one : (one[0] ?? {});
      const call = (calls[method.localName] as (...args: unknown[]) => unknown)(requests, { signal });
      if (method.kind === 'bidi' || method.kind === 'server') {
        for await (const _ of call as AsyncIterable<unknown>) break;
      } else await call;
      // A caller of a oneway method is told nothing.
      if (method.kind !== 'oneway') return 'in';
      if (table[method.path]?.[identity] === 'in') await expect.poll(() => ran, { timeout: 10_000 }).toBe(before + 1);
      else await new Promise((resolve) => setTimeout(resolve, 50));
      return ran === before ? (table[method.path]?.[identity] as string) : 'in';
    } catch (error) {
      const refused = isRpcError(error) && ['UNAUTHENTICATED', 'PERMISSION_DENIED'].includes(error.code);
      if (refused && ran !== before) return `${error.code}, and it ran`;
      return refused ? error.code : 'in';
    } finally {
      await client.$close({ grace: 0 });
    }
  }

  it('is said of every method that the server serves, and of no other', () => {
    const served = (dispatcher?.services ?? []).flatMap(({ methods }) =>
      Object.values<MethodType>(methods).map(({ path }) => path),
    );
    expect([...new Set(served)].sort()).toEqual(Object.keys(table).sort());
    expect([...new Set(dispatcher?.services)].map(({ name, idl }) => `${idl} ${name}`).sort()).toEqual(
      [...proto, ...thrift].map(({ name, idl }) => `${idl} ${name}`).sort(),
    );
  });

  it.each(
    all.flatMap((way) => entries(way).map(({ service, method }) => ({ way, path: method.path, service, method }))),
  )('over $way, at $path', async ({ way, service, method, path }) => {
    const found: Record<string, string> = {};
    const wanted: Record<string, string | undefined> = {};
    for (const identity of ways[way].shown) {
      found[identity] = await outcome(way, service, method, identity);
      wanted[identity] = table[path]?.[identity];
    }
    expect(found).toEqual(wanted);
  });
});
