/**
 * Every method that a server serves, its own services included, by every identity: what each may do is in the table, and a method
 * without a row fails.
 */
import { describe, expect, it } from 'vitest';
import { Health } from '../../../gen/grpc/health/v1/health.rpc.js';
import { ServerReflection as ReflectionV1 } from '../../../gen/grpc/reflection/v1/reflection.rpc.js';
import { ServerReflection as ReflectionV1Alpha } from '../../../gen/grpc/reflection/v1alpha/reflection.rpc.js';
import { Subscriptions as Frames } from '../../../gen/hawser/subscription/v1/subscription.rpc.js';
import { Subscriptions as Polls } from '../../../gen/hawser.js';
import { Quotes } from '../../../gen/market.js';
import { silentLogger } from '../../../src/call/logger.js';
import { isRpcError } from '../../../src/call/rpc-error.js';
import { createClient } from '../../../src/client/create-client.js';
import type { MethodType } from '../../../src/contract/method.js';
import type { ServiceType } from '../../../src/contract/service.js';
import { createServer } from '../../../src/server/create-server.js';
import { Prices } from '../../support/prices.js';

type Identity = 'none' | 'wrong' | 'revoked' | 'right';
const identities: readonly Identity[] = ['none', 'wrong', 'revoked', 'right'];

/** Probes are let in, whoever they come from. */
const open = { none: 'in', wrong: 'in', revoked: 'in', right: 'in' } as const;
const closed = {
  none: 'UNAUTHENTICATED',
  wrong: 'UNAUTHENTICATED',
  revoked: 'PERMISSION_DENIED',
  right: 'in',
} as const;
/** It names the services, and `authorize` is not asked about probes. */
const named = { ...closed, revoked: 'in' } as const;

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
  '/test.Prices/Watch': closed,
  '/test.Prices/Sales': closed,
  '/test.Prices/Merged': closed,
};

const proto: readonly ServiceType[] = [Health, ReflectionV1, ReflectionV1Alpha, Frames, Prices];
const services = [...proto.map((service) => [service, 'grpc'] as const), [Polls, 'thrift'] as const];
const entries = services.flatMap(([service, wire]) =>
  Object.values<MethodType>(service.methods).map((method) => ({ service, wire, method, path: method.path })),
);

async function outcome(client: Record<string, (...args: unknown[]) => unknown>, method: MethodType): Promise<string> {
  const signal = AbortSignal.timeout(300);
  try {
    const call = client[method.localName]?.(method.kind === 'bidi' ? [] : {}, { signal });
    if (method.kind === 'bidi' || method.kind === 'server') for await (const _ of call as AsyncIterable<unknown>) break;
    else await call;
    return 'in';
  } catch (error) {
    const refused = isRpcError(error) && ['UNAUTHENTICATED', 'PERMISSION_DENIED'].includes(error.code);
    return refused ? error.code : 'in';
  }
}

describe('what each identity may do', () => {
  it('is said of every method that the server serves, and of no other', () => {
    expect(entries.map(({ path }) => path).sort()).toEqual(Object.keys(table).sort());
  });

  it('is said of every service that the server itself lists', async () => {
    const server = createServer({ logger: silentLogger }).add(Prices, {});
    server.topic(Prices.methods.merged).mergeWith((_, b) => b);
    const { grpc } = await server.listen({ grpc: '127.0.0.1:0' });
    const client = createClient(ReflectionV1, `grpc://${grpc}`, { logger: silentLogger });
    const asked = [{ host: '', messageRequest: { $case: 'listServices' as const, value: '' } }];
    const listed: string[] = [];
    for await (const { messageResponse } of client.serverReflectionInfo(asked)) {
      if (messageResponse?.$case === 'listServicesResponse')
        listed.push(...messageResponse.value.service.map(({ name }) => name));
    }
    await client.$close();
    await server.close({ grace: 0 });
    expect(listed.sort()).toEqual(proto.map(({ name }) => name).sort());
  });

  it.each(entries)('at $path', async ({ service, wire, method, path }) => {
    const server = createServer({
      logger: silentLogger,
      authenticate: (headers) => {
        const name = headers.get('principal');
        return name === 'right' || name === 'revoked' ? name : undefined;
      },
      authorize: (_call, principal) => principal === 'right',
    });
    server.add(Prices, {}).add(Quotes, {});
    server.topic(Prices.methods.merged).mergeWith((_, b) => b);
    const bound = await server.listen({ grpc: '127.0.0.1:0', thrift: '127.0.0.1:0' });
    const address =
      wire === 'grpc' ? `grpc://${bound.grpc}` : `thrift://${bound.thrift}?wire=header&service=Subscriptions`;
    const found: Record<string, string> = {};
    for (const identity of identities) {
      const headers = identity === 'none' ? {} : { principal: identity };
      const client = createClient(service, address, { logger: silentLogger, retry: false, headers });
      found[identity] = await outcome(client as never, method);
      await client.$close();
    }
    await server.close({ grace: 0 });
    expect(found).toEqual(table[path]);
  });
});
