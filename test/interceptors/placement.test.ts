/**
 * An interceptor of the user's, wherever it stands, sees what its place promises: bytes between `encode` and `decode`,
 * messages elsewhere, and never what the stages within have yet to make an answer of.
 */
import { type Handler, type Interceptor, RpcError, type ServerOptions, silentLogger } from 'hawser';
import { VirtualClock } from 'hawser/testing';
import { describe, expect, it, test } from 'vitest';
import { clientStages, serverStages } from '../../src/call/interceptor.js';
import { memoryStore } from '../../src/stores/memory.js';
import { Echo, note } from '../support/echo.js';
import { rejection } from '../support/scripted.js';
import { served } from '../support/served.js';
import { till, tillOf } from '../support/till.js';

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** How an interceptor may be written. */
const styles: Readonly<Record<string, (next: Handler) => Handler>> = {
  'hands on': (next) => (call) => next(call),
  waits: (next) => async (call) => {
    await turn();
    return await next(call);
  },
};

/** Notes down what an interceptor gets to see. */
function looking(style: keyof typeof styles, seen: string[]): Interceptor {
  const styled = styles[style] as (next: Handler) => Handler;
  return (_method, next) => {
    const handler = styled(next);
    return (call) => {
      const answer = handler(call);
      answer.then(
        (value) => seen.push(value instanceof Uint8Array ? 'bytes' : JSON.stringify(value)),
        () => seen.push('error'),
      );
      return answer;
    };
  };
}

const gates: Readonly<Record<string, ServerOptions>> = {
  none: {},
  'at once': { authenticate: () => 'cook', authorize: () => true },
  later: {
    authenticate: async () => {
      await turn();
      return 'cook';
    },
    authorize: async () => {
      await turn();
      return true;
    },
  },
};

const sides = [-1, 1] as const;
const placed = (side: (typeof sides)[number], stage: never) => (side < 0 ? { before: stage } : { after: stage });
/** Whether a place is between the codecs: after `encode` on the client, before `decode` on the server. */
const betweenCodecs = {
  client: (at: number, side: number) => at * 3 + side > clientStages.indexOf('encode') * 3,
  server: (at: number, side: number) => at * 3 + side < serverStages.indexOf('decode') * 3,
};

const policies = Object.keys(gates).flatMap((gate) =>
  (['KEYED', 'NONE'] as const).flatMap((idempotency) => [true, false].map((fails) => ({ gate, idempotency, fails }))),
);

describe('an interceptor at any place', () => {
  it.each(policies)('gates $gate, $idempotency, fails: $fails', async ({ gate, idempotency, fails }) => {
    const Till = tillOf({ idempotency });
    const sell = (request: ReturnType<typeof note>) => {
      if (fails) throw new Error('no cod');
      return request;
    };
    for (const style of Object.keys(styles)) {
      for (const where of ['client', 'server'] as const) {
        const stages = where === 'client' ? clientStages : serverStages;
        for (const [at, stage] of stages.entries()) {
          for (const side of sides) {
            const seen: string[] = [];
            const interceptor = looking(style, seen);
            const place = placed(side, stage as never);
            const { client, server } = await served(
              Till,
              { sell },
              {
                server: { store: memoryStore({ logger: silentLogger }), ...gates[gate] } as ServerOptions,
                client: { interceptors: where === 'client' ? [{ interceptor, ...place }] : [] },
                configure: (each) => void (where === 'server' && each.use(interceptor, place)),
              },
            );
            const call = client.sell(note('cod', 1), idempotency === 'KEYED' ? { idempotencyKey: 'k' } : {});
            const spot = `${where}, ${side < 0 ? 'before' : 'after'} ${stage}, ${style}`;
            if (fails) await expect(call, spot).rejects.toMatchObject({ code: 'INTERNAL' });
            else expect(await call, spot).toEqual(note('cod', 1));
            await turn();
            const bytes = betweenCodecs[where](at, side);
            expect(seen, spot).toEqual([fails ? 'error' : bytes ? 'bytes' : JSON.stringify(note('cod', 1))]);
            await client.$close();
            await server.close({ grace: 0 });
          }
        }
      }
    }
  });
});

const handlers = {
  say: <T>(request: T) => request,
  tell: () => {},
  async *repeat<T>(request: T) {
    yield request;
  },
  collect: () => note('none'),
  async *chat() {},
};

const throwing: Interceptor = () => () => {
  throw new TypeError('a mistake of mine');
};

test.each([
  ...clientStages.flatMap((stage) => [{ before: stage }, { after: stage }]).map((place) => ['client', place] as const),
  ...serverStages.flatMap((stage) => [{ before: stage }, { after: stage }]).map((place) => ['server', place] as const),
])('one that throws at once, at the %s, %o, fails the call as one that rejects does', async (where, place) => {
  const { client } = await served(Echo, handlers, {
    client: { interceptors: where === 'client' ? [{ interceptor: throwing, ...place } as never] : [] },
    configure: (server) => void (where === 'server' && server.use(throwing, place as never)),
  });
  const failure = where === 'client' ? { name: 'TypeError' } : { code: 'INTERNAL' };
  await expect(client.say(note('x'))).rejects.toMatchObject(failure);
  await expect(client.repeat(note('x')).next()).rejects.toMatchObject(failure);
});

test('one that throws at once in a later attempt fails the call, too', async () => {
  const clock = new VirtualClock();
  let attempts = 0;
  const interceptor: Interceptor = () => () => {
    attempts += 1;
    if (attempts % 2 === 0) throw new TypeError('a mistake of mine');
    return Promise.reject(new RpcError('UNAVAILABLE', 'not yet', { disposition: 'not-executed' }));
  };
  const { client } = await served(Echo, handlers, {
    client: { clock, interceptors: [{ interceptor, after: 'retry' }] },
  });
  for (const call of [() => client.say(note('x')), () => client.repeat(note('x')).next()]) {
    // Not `rejects`: what is thrown in a timer would pass for it.
    const failure = await clock.runUntil(rejection(call()));
    expect(failure).toMatchObject({ message: 'a mistake of mine' });
  }
  expect(attempts).toBe(4);
});

test.each(['limiter', 'decode', 'authorize'] as const)('one after %s may return a stream as it is', async (after) => {
  const streaming = (() => () =>
    (async function* () {
      yield note('its own');
    })()) as unknown as Interceptor;
  const { client } = await served(Echo, handlers, { configure: (server) => server.use(streaming, { after }) });
  expect(await client.repeat(note('x')).next()).toEqual({ done: false, value: note('its own') });
});

test('one that computes and throws at once counts as one that rejects, and others wait for their turn', async () => {
  const queued: Record<string, number> = {};
  for (const style of ['throws', 'rejects'] as const) {
    const busy = (): void => {
      for (const until = performance.now() + 15; performance.now() < until; );
      throw new Error('no');
    };
    const interceptor: Interceptor = () => (style === 'throws' ? (busy as never) : async () => busy());
    const { client, server } = await served(Echo, handlers, { configure: (each) => each.use(interceptor) });
    queued[style] = 0;
    server.on('admitted', () => {
      queued[style] = (queued[style] ?? 0) + 1;
    });
    await Promise.allSettled(Array.from({ length: 5 }, () => client.say(note('x'))));
  }
  expect(queued).toEqual({ throws: 4, rejects: 4 });
});

test('one in front of the deadline sees a keyed call end in time, and the key has one effect', async () => {
  const seen: string[] = [];
  const { client, clock, outcomes, runs } = await till({
    configure: (server) => server.use(looking('hands on', seen), { after: 'transport' }),
    handler: async (request, _call, time) => {
      await new Promise<void>((resolve) => time.setTimer(resolve, 120));
      return request;
    },
  });
  const options = { idempotencyKey: 'k', timeout: 50 };
  const first = Promise.resolve(client.sell(note('cod'), options));
  await expect(clock.runUntil(first)).rejects.toMatchObject({ code: 'DEADLINE_EXCEEDED' });
  await clock.advance(200);
  expect(await clock.runUntil(Promise.resolve(client.sell(note('cod'), options)))).toEqual(note('cod'));
  expect(runs).toEqual(['k']);
  expect(outcomes).toEqual(['new', 'replayed']);
  expect(seen).toEqual(['error', 'bytes']);
});
