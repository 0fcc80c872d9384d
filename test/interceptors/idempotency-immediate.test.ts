/** A handler that answers or throws at once is run as one whose promise comes later. */
import { type Clock, createClient, createServer, type Handlers, memoryStore, RpcError, silentLogger } from 'hawser';
import { describe, expect, it } from 'vitest';
import { note, Refused } from '../support/echo.js';
import { rejection } from '../support/scripted.js';
import { till } from '../support/till.js';

type Sell = Handlers<Awaited<ReturnType<typeof till>>['Till']>['sell'];

/** A client of a server of its own whose handler is `sell`, as it is. */
async function selling(sell: Sell) {
  const { Till, network, clock: virtual } = await till();
  const outcomes: string[] = [];
  const computed = { ms: 0 };
  const clock: Clock = {
    now: () => virtual.now() + computed.ms,
    wallTime: () => virtual.wallTime(),
    setTimer: (fn, ms) => virtual.setTimer(fn, ms),
  };
  const server = createServer({
    clock,
    logger: silentLogger,
    store: memoryStore({ clock, logger: silentLogger }),
    admission: false,
  });
  server.on('idempotency', ({ outcome }) => outcomes.push(outcome));
  server.add(Till, { sell });
  await server.listen({ memory: network.node('own') });
  return {
    client: createClient(Till, network.node('own'), { clock, logger: silentLogger, retry: false }),
    outcomes,
    computed,
  };
}

const key = { headers: { 'idempotency-key': 'k' } };

/** The same handler twice: at once, and by a promise. */
const ways: readonly (readonly [string, (sell: (text: string) => never | ReturnType<typeof note>) => Sell])[] = [
  ['at once', (sell) => (request) => sell(request.text)],
  ['by a promise', (sell) => async (request) => sell(request.text)],
];

describe.each(ways)('a keyed handler that ends %s', (_, handler) => {
  it('has its answer recorded', async () => {
    let runs = 0;
    const { client, outcomes } = await selling(handler((text) => note(text, ++runs)));
    expect(await client.sell(note('cod'), key)).toEqual(note('cod', 1));
    expect(await client.sell(note('cod'), key)).toEqual(note('cod', 1));
    expect(outcomes).toEqual(['new', 'replayed']);
  });

  it('has an error recorded that the IDL declares', async () => {
    let runs = 0;
    const { client, outcomes } = await selling(
      handler(() => {
        throw new Refused(`refusal ${++runs}`);
      }),
    );
    for (let n = 0; n < 2; n++) {
      expect(await rejection(client.sell(note('cod'), key))).toMatchObject({ text: 'refusal 1' });
    }
    expect(outcomes).toEqual(['new', 'replayed']);
  });

  it('has any other error thrown on, and runs again', async () => {
    let runs = 0;
    const { client, outcomes } = await selling(
      handler((text) => {
        runs += 1;
        if (runs === 1) throw new RpcError('FAILED_PRECONDITION', 'the till is closed');
        return note(text, runs);
      }),
    );
    expect(await rejection(client.sell(note('cod'), key))).toMatchObject({ code: 'FAILED_PRECONDITION' });
    expect(await client.sell(note('cod'), key)).toEqual(note('cod', 2));
    expect(outcomes).toEqual(['failed', 'new']);
  });
});

it('a keyed handler that computes beyond its time has no effect', async () => {
  let runs = 0;
  const { client, computed, outcomes } = await selling((request) => {
    runs += 1;
    if (runs === 1) computed.ms = 36_000_000;
    return request;
  });
  expect(await rejection(client.sell(note('cod'), key))).toMatchObject({
    code: 'DEADLINE_EXCEEDED',
  });
  expect(await client.sell(note('cod'), key)).toEqual(note('cod'));
  expect(outcomes).toEqual(['failed', 'new']);
});
