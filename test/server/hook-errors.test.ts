/**
 * Reasons that hooks give and that are words of ours, too: `OVERLOADED`, say, of an authentication service. A reason counts with its
 * domain, so no hook can have a client spare the server, or run a call again, by a word.
 */
import { createClient, createServer, isRpcError, RpcError, type RpcErrorOptions, silentLogger } from 'hawser';
import { describe, expect, it, onTestFinished } from 'vitest';
import { Quotes } from '../../gen/market/v1/market.rpc.js';
import { Quotes as ThriftQuotes } from '../../gen/market.js';
import { isOwn, ownTerms } from '../../src/call/own-error.js';
import type { Reason } from '../../src/contract/reasons.js';
import { outcomeOf } from '../../src/interceptors/breaker.js';
import { isOverload } from '../../src/interceptors/throttle.js';
import { MemoryNetwork } from '../../src/transports/memory/network.js';
import { Echo, EchoOverThrift, note } from '../support/echo.js';

type Options = NonNullable<Parameters<typeof createServer>[0]>;
type Fail = () => never;

const hooks: Readonly<Record<string, (fail: Fail) => { options?: Options; interceptor?: Fail }>> = {
  authenticate: (fail) => ({ options: { authenticate: () => fail() } }),
  'authenticate, later': (fail) => ({ options: { authenticate: async () => fail() } }),
  authorize: (fail) => ({ options: { authorize: () => fail() } }),
  'authorize, later': (fail) => ({ options: { authorize: async () => fail() } }),
  'quota.by': (fail) => ({ options: { quota: { rate: 1, by: () => fail() } } }),
  'quota.limiter': (fail) => ({ options: { quota: { rate: 1, limiter: { take: () => fail() } } } }),
  'quota.limiter, later': (fail) => ({ options: { quota: { rate: 1, limiter: { take: async () => fail() } } } }),
  'an interceptor': (fail) => ({ interceptor: fail }),
};

const wires = ['memory', 'grpc', 'binary', 'compact', 'header'] as const;
type Wire = (typeof wires)[number];

/** What calls of a server fail with whose hook throws. Runs are counted, and so are attempts. */
async function failing(wire: Wire, hook: keyof typeof hooks, error: () => RpcError) {
  let attempts = 0;
  const fail = (): never => {
    attempts += 1;
    throw error();
  };
  const { options = {}, interceptor } = hooks[hook]?.(fail) ?? {};
  const service = wire === 'memory' || wire === 'grpc' ? Echo : EchoOverThrift;
  const server = createServer({ logger: silentLogger, ...options });
  if (interceptor !== undefined) server.use(() => () => Promise.resolve().then(interceptor));
  const say = () => note('ran');
  server.add(service, { say, tell() {}, async *repeat() {}, collect: say, async *chat() {} } as never);
  const network = new MemoryNetwork();
  const at = '127.0.0.1:0';
  let target: MemoryNetwork | string = network;
  if (wire === 'memory') await server.listen({ memory: network });
  else if (wire === 'grpc') target = `grpc://${(await server.listen({ grpc: at })).grpc}`;
  else target = `thrift://${(await server.listen({ thrift: at })).thrift}?wire=${wire}`;
  const client = createClient(service, target as string, {
    logger: silentLogger,
    retry: { maxAttempts: 3, initialBackoff: 1, maxBackoff: 1 },
  });
  onTestFinished(async () => {
    await client.$close();
    await server.close({ grace: 0 });
  });
  const caught = await client.say(note('x')).then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (!isRpcError(caught)) throw caught;
  return { error: caught, attempts };
}

const forged: readonly (readonly [Reason, RpcError['code']])[] = [
  ['OVERLOADED', 'PERMISSION_DENIED'],
  ['SHUTDOWN', 'INTERNAL'],
  ['MESSAGE_TOO_LARGE', 'INTERNAL'],
  ['CONNECTION_GIVEN_UP', 'INTERNAL'],
  ['IDEMPOTENCY_KEY_REUSED', 'INTERNAL'],
];
const domains: readonly RpcErrorOptions[] = [{}, { domain: 'hawser' }, { domain: '' }];

describe.each(wires)('over %s', (wire) => {
  it.each(Object.keys(hooks))("a reason of %s is its service's, whatever the word", async (hook) => {
    for (const [reason, code] of forged) {
      for (const domain of domains) {
        const { error, attempts } = await failing(wire, hook, () => new RpcError(code, 'x', { reason, ...domain }));
        expect([error.code, error.reason, error.domain]).toEqual([code, reason, 'test.Echo']);
        expect([isOwn(error, reason), ownTerms(error), isOverload(error)]).toEqual([false, undefined, false]);
        expect(outcomeOf(error)).toBe(code === 'INTERNAL' ? 'failure' : 'success');
        expect(attempts).toBe(1);
      }
    }
  });

  it.each(Object.keys(hooks))('an error of %s without a reason has no detail', async (hook) => {
    const { error } = await failing(wire, hook, () => new RpcError('ABORTED', 'text'));
    expect([error.code, error.message, error.details, error.domain]).toEqual(['ABORTED', 'text', [], undefined]);
  });
});

describe.each(['grpc', 'thrift'] as const)('over %s, the hook of a topic', (wire) => {
  it.each(['OVERLOADED', 'UNRECOVERABLE', 'NO_SUCH_TOPIC'])(
    'that says %s ends the subscription by its code',
    async (reason) => {
      const server = createServer({
        logger: silentLogger,
        authorize: (_call, _principal, resource) => {
          if (resource === undefined) return true;
          throw new RpcError('PERMISSION_DENIED', 'not for you', { reason, domain: 'hawser' });
        },
      });
      server.add((wire === 'grpc' ? Quotes : ThriftQuotes) as typeof Quotes, {});
      const bound = (await server.listen({ [wire]: '127.0.0.1:0' })) as Record<typeof wire, string>;
      const service = (wire === 'grpc' ? Quotes : ThriftQuotes) as typeof Quotes;
      const client = createClient(service, `${wire}://${bound[wire]}`, { logger: silentLogger });
      onTestFinished(async () => {
        await client.$close();
        await server.close({ grace: 0 });
      });
      const error = await client.prices.subscribe({}).ready.catch((caught: unknown) => caught);
      if (!isRpcError(error)) throw error;
      expect([error.code, isOwn(error, 'OVERLOADED'), isOverload(error)]).toEqual(['PERMISSION_DENIED', false, false]);
      expect(error.message).toContain('not for you');
    },
  );
});
