/** What a client owes its caller when something of the user's stands between it and the wire. */
import {
  type ClientOptions,
  type ClientTransport,
  createClient,
  type Interceptor,
  MemoryNetwork,
  RpcError,
} from 'hawser';
import { VirtualClock } from 'hawser/testing';
import { expect, test } from 'vitest';
import { Echo, note } from '../support/echo.js';

const forever = (): Promise<never> => new Promise(() => {});

/** A transport as somebody writes one who knows nothing of aborts. */
const deaf: ClientTransport = { encoding: 'proto', address: 'deaf', bind: () => forever, close: async () => {} };
const stuck: Interceptor = () => forever;

const standing: readonly [string, ClientTransport | MemoryNetwork, ClientOptions['interceptors']][] = [
  ['a transport that never settles', deaf, []],
  [
    'an interceptor inside the retries that never settles',
    new MemoryNetwork(),
    [{ interceptor: stuck, after: 'retry' }],
  ],
];

test.each(
  standing.flatMap(([what, target, interceptors = []]) =>
    ([{}, { retry: false }] as const).map((options) => [what, options, target, interceptors] as const),
  ),
)('%s cannot keep a call beyond its deadline, with the options %o', async (_what, options, target, interceptors) => {
  const clock = new VirtualClock();
  const client = createClient(Echo, target, { ...options, clock, interceptors, timeout: 100 });
  const call = Promise.resolve(client.say(note('x'))).catch((error: unknown) => error);
  await clock.advance(100);
  expect(await Promise.race([call, 'still waiting'])).toMatchObject({ code: 'DEADLINE_EXCEEDED' });
  expect(clock.timers).toBe(0);
});

test('a transport that fails an attempt is asked again, as often as those of ours', async () => {
  const clock = new VirtualClock();
  let attempts = 0;
  const failing: ClientTransport = {
    ...deaf,
    bind: () => async () => {
      attempts += 1;
      throw new RpcError('UNAVAILABLE', 'not there', { disposition: 'not-executed' });
    },
  };
  const client = createClient(Echo, failing, { clock });
  await expect(clock.runUntil(Promise.resolve(client.say(note('x'))))).rejects.toMatchObject({ code: 'UNAVAILABLE' });
  expect(attempts).toBe(3);
});
