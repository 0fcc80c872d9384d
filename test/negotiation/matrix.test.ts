/** Every client with every server of four minor versions, and a fleet that rolls from the oldest to the newest under load. */
import { describe, expect, it, onTestFinished } from 'vitest';
import { type ClientAddress, createClient, silentLogger } from '../../src/index.js';
import { featuresIn } from '../support/market-minors.js';
import { MarketPlace, marketOn, plainWires, wires } from '../support/market-served.js';

const minors = [0, 1, 2, 3];
const ask = { fish: 'cod' };
const thrift = { introduce: true };

describe.each([...wires, ...plainWires])('four minors over %s', (wire) => {
  it('speak with each other, of what both have', async () => {
    for (const server of minors) {
      const place = new MarketPlace(wire);
      await place.serve(server);
      for (const minor of minors) {
        const client = place.client(minor, { thrift });
        await client.last(ask);
        const common = featuresIn(Math.min(server, minor));
        const note = client.$has('notes') ? { note: 'fresh' } : {};
        const answer = await client.last({ ...ask, ...note });
        expect(place.seen.at(-1)).toMatchObject({
          version: `1.${minor}.0`,
          features: common.filter((one) => featuresIn(3).includes(one)),
        });
        expect(answer).toEqual({
          ...ask,
          ...(common.includes('origin') ? { origin: `north by 1.${server}` } : {}),
          ...(common.includes('grades') ? { grade: server } : {}),
        });
        // Thrift's args have every argument; what was not given reads as its default.
        expect(place.seen.at(-1)?.note || undefined).toBe(common.includes('notes') ? 'fresh' : undefined);
        expect(client.$negotiated()).toMatchObject([
          { version: `1.${Math.min(server, minor)}.0`, features: [...common].sort() },
        ]);
        await client.$close();
      }
      await place.stop();
    }
  });

  it('are refused with both ranges when too old or too new', async () => {
    const place = new MarketPlace(wire);
    for (const server of minors) {
      for (const minor of minors) {
        if (server === minor) continue;
        const [serverMin, clientMin] = server > minor ? [server, 0] : [0, minor];
        await place.serve(server, { versions: { min: `1.${serverMin}` } });
        const client = place.client(minor, { thrift, versions: { min: `1.${clientMin}` } });
        const error = await client.last(ask).catch((thrown: unknown) => thrown);
        expect(error).toMatchObject({
          code: 'FAILED_PRECONDITION',
          reason: 'VERSION_UNSUPPORTED',
          info: {
            metadata: {
              clientMin: `1.${clientMin}`,
              clientMax: `1.${minor}.0`,
              serverMin: `1.${serverMin}`,
              serverMax: `1.${server}.0`,
            },
          },
        });
        await client.$close();
      }
    }
    expect(place.seen).toEqual([]);
  });
});

describe.each(['grpc', 'theader', 'binary'] as const)('a fleet over %s', (wire) => {
  it('rolls through four minors and back under load: no call fails, and no feature is used before it is switched on', async () => {
    const places = [new MarketPlace(wire), new MarketPlace(wire)];
    for (const place of places) await place.serve(0, { features: { active: [] } });
    const addresses = places.map(({ address }) => address) as ClientAddress;
    const failures: unknown[] = [];
    const violations: unknown[] = [];
    const used = new Set<string>();
    let on = false;
    let running = true;
    let answered = 0;
    const load = minors.map(async (minor) => {
      const client = createClient(marketOn(wire, minor), addresses, {
        logger: silentLogger,
        timeout: '20s',
        retry: { maxAttempts: 5, initialBackoff: 20, maxBackoff: 500 },
        methods: { last: { idempotency: 'IDEMPOTENT' } },
        breaker: false,
        throttle: false,
        // The next server goes down some ms after the one before is up: no time to wait before that is asked again.
        grpc: { reconnect: { initial: 10, max: 20 } },
        thrift,
      });
      onTestFinished(() => client.$close());
      const may: readonly string[] = featuresIn(minor);
      while (running) {
        const before = on;
        await client.last(ask).then(
          (answer) => {
            answered++;
            const uses = [...('origin' in answer ? ['origin'] : []), ...('grade' in answer ? ['grades'] : [])];
            for (const one of uses) {
              used.add(`${minor} ${one}`);
              if (!on || !may.includes(one)) violations.push({ minor, answer, before });
            }
          },
          (error: unknown) => failures.push(error),
        );
        if (!on && may.some((one) => client.$has(one))) violations.push({ minor, has: true });
      }
    });
    const progress = async (calls: number) => {
      const until = answered + calls;
      await expect.poll(() => answered >= until || failures.length > 0, { timeout: 20_000, interval: 5 }).toBe(true);
    };
    const roll = async (minor: number, active: 'all' | []) => {
      for (const place of places) {
        await place.serve(minor, { features: { active } });
        await progress(40);
      }
    };
    for (const minor of [1, 2, 3]) await roll(minor, []);
    on = true;
    await roll(3, 'all');
    // Rolled back under live clients: what the older one lacks is used no more once it is the only one.
    await roll(1, 'all');
    await progress(200);
    used.clear();
    await progress(40);
    const late = new Set(used);
    running = false;
    await Promise.all(load);
    expect(failures).toEqual([]);
    expect(violations).toEqual([]);
    expect([...late]).toEqual([]);
  }, 60_000);
});
