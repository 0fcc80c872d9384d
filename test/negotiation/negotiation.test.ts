import { describe, expect, it } from 'vitest';
import { isRpcError } from '../../src/index.js';
import { protoMarket } from '../support/market-minors.js';
import { MarketPlace, wires } from '../support/market-served.js';

describe.each(wires)('versions over %s', (wire) => {
  it('are told with the first call, and by a hash from then on', async () => {
    const place = new MarketPlace(wire);
    await place.serve(2);
    const client = place.client(3);
    expect(client.$negotiated()).toEqual([]);
    expect(client.$has('origin')).toBe(false);
    // The handler of the very first call knows the caller: nothing had to be asked before.
    expect(await client.last({ fish: 'cod' })).toMatchObject({ fish: 'cod', origin: 'north by 1.2' });
    await client.last({ fish: 'cod' });
    await client.last({ fish: 'cod' });
    const [first, second, third] = place.seen;
    expect(first).toMatchObject({ version: '1.3.0', features: ['notes', 'origin'] });
    expect(first?.hello).toMatch(
      /^v=1;c=fish\.v1\.Market;fw=0\.1\.0;fp=3{16};min=1\.0;max=1\.3\.0;feat=grades,notes,origin$/,
    );
    expect(second?.hello).toMatch(/^h=[\w-]{16};s=[\w-]{16};min=1\.0;max=1\.3\.0$/);
    expect(second).toMatchObject({ version: '1.3.0', features: ['notes', 'origin'] });
    expect(third?.hello).toBe(second?.hello);
    expect(client.$negotiated()).toEqual([
      {
        address: expect.any(String),
        instance: expect.stringMatching(/^[\w-]{16}$/),
        version: '1.2.0',
        peerVersion: '1.2.0',
        features: ['notes', 'origin'],
        framework: '0.1.0',
        sameSchema: false,
      },
    ]);
    expect([client.$has('origin'), client.$has('grades')]).toEqual([true, false]);
  });

  it('are noticed when the server is another one, newer or older', async () => {
    const place = new MarketPlace(wire);
    await place.serve(1);
    const client = place.client(3, { attemptTimeout: '2s', methods: { last: { idempotency: 'IDEMPOTENT' } } });
    const answer = () => client.last({ fish: 'cod' }, { timeout: '10s' });
    await answer();
    expect(client.$negotiated().at(-1)?.peerVersion).toBe('1.1.0');
    await place.serve(3);
    // It knows the client by hash only, or not at all: an answer without features, never a failure.
    await answer();
    expect(await answer()).toMatchObject({ origin: 'north by 1.3', grade: 3 });
    expect(client.$negotiated().at(-1)?.peerVersion).toBe('1.3.0');
    await place.serve(0);
    await answer();
    expect(Object.keys(await answer())).toEqual(['fish']);
    expect(client.$negotiated().at(-1)).toMatchObject({ peerVersion: '1.0.0', features: [] });
  });

  it('that do not meet end in an error that names both ranges', async () => {
    const place = new MarketPlace(wire);
    await place.serve(3, { versions: { min: '1.2' } });
    const error = await place
      .client(1)
      .last({ fish: 'cod' })
      .catch((thrown: unknown) => thrown);
    if (!isRpcError(error)) throw error;
    expect(error).toMatchObject({
      code: 'FAILED_PRECONDITION',
      reason: 'VERSION_UNSUPPORTED',
      disposition: 'not-executed',
    });
    expect(error.message).toBe(
      'the client speaks fish.v1.Market 1.0 to 1.1.0 and this server 1.2 to 1.3.0; upgrade the client',
    );
    const tooNew = await place
      .client(3, { versions: { min: '1.3' } })
      .last({ fish: 'cod' })
      .then(() => place.serve(2))
      .then(() => place.client(3, { versions: { min: '1.3' } }).last({ fish: 'cod' }))
      .catch((thrown: unknown) => thrown);
    expect(tooNew).toMatchObject({
      reason: 'VERSION_UNSUPPORTED',
      message: 'the client speaks fish.v1.Market 1.3.0 and this server 1.0 to 1.2.0; upgrade the server',
    });
    expect(place.seen).toHaveLength(1);
  });
});

describe('a service without a version', () => {
  it('sends nothing and checks nothing', async () => {
    const place = new MarketPlace('grpc');
    const market = protoMarket(3, { version: undefined });
    await place.serve(3, { versions: {} }, market);
    const client = place.client(3, {}, market);
    const call = client.last({ fish: 'cod' });
    await call;
    expect((await call.headers).has('hawser-hello')).toBe(false);
    expect(place.seen[0]).toMatchObject({ hello: undefined, version: undefined, features: [] });
    expect(client.$negotiated()).toEqual([]);
  });
});

describe('a peer without a hello', () => {
  it('counts as minor 0 at the server, and is not refused for it', async () => {
    const place = new MarketPlace('grpc');
    await place.serve(3, { versions: { min: '1.3' } });
    const client = place.client(3, {}, protoMarket(3, { version: undefined }));
    const call = client.last({ fish: 'cod' });
    expect(await call).toEqual({ fish: 'cod' });
    expect((await call.headers).has('hawser-hello')).toBe(false);
  });

  it('is introduced to with every call by the client, and has no feature', async () => {
    const place = new MarketPlace('grpc');
    await place.serve(3, {}, protoMarket(3, { version: undefined }));
    const client = place.client(3);
    await client.last({ fish: 'cod' });
    await client.last({ fish: 'cod' });
    expect(place.seen.map(({ hello }) => hello?.slice(0, 4))).toEqual(['v=1;', 'v=1;']);
    expect([client.$has('notes'), client.$negotiated()]).toEqual([false, []]);
  });

  it('is noticed where there was one with it', async () => {
    const place = new MarketPlace('memory');
    await place.serve(3);
    const client = place.client(3);
    await client.last({ fish: 'cod' });
    expect(client.$has('notes')).toBe(true);
    await place.serve(3, {}, protoMarket(3, { version: undefined }));
    await client.last({ fish: 'cod' });
    expect([client.$has('notes'), client.$negotiated()]).toEqual([false, []]);
  });
});

describe('options', () => {
  it('that cannot be meant are refused with a sentence', async () => {
    const place = new MarketPlace('memory');
    expect(() => place.client(3, { versions: { min: '2.0' } })).toThrow(
      /versions\.min is 2\.0, and fish\.v1\.Market is 1\.3\.0 here; write one from 1\.0 to 1\.3\.0/,
    );
    expect(() => place.client(3, { versions: { min: 'x' } })).toThrow(/versions\.min is "x"/);
    expect(() => place.client(3, { features: { active: ['grade'] } })).toThrow(
      /"grade".*there is grades, notes, origin/,
    );
    expect(() => place.client(3, { features: { active: 'none' as 'all' } })).toThrow(/features\.active is "none"/);
    await expect(place.serve(3, { versions: { min: { 'fish.v2.Market': '1.0' } } })).rejects.toThrow(
      /"fish\.v2\.Market"/,
    );
    await expect(place.serve(3, { features: { active: ['x'] } })).rejects.toThrow(/"x", which no IDL/);
    await expect(place.serve(3, { features: { activation: 'later' as 'at-once' } })).rejects.toThrow(
      /features\.activation is "later"/,
    );
    await expect(place.serve(3, { features: { drain: -1 } })).rejects.toThrow(/features\.drain is -1/);
  });
});
