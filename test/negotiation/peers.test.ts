/** Who else may be at the other end: several servers behind one address, and peers that say anything at all. */
import fc from 'fast-check';
import { describe, expect, it, onTestFinished } from 'vitest';
import {
  createClient,
  createServer,
  HeaderMap,
  MemoryNetwork,
  type MemoryNode,
  type ServerOptions,
  silentLogger,
} from '../../src/index.js';
import { hashOf, longestHello } from '../../src/interceptors/hello.js';
import { protoMarket } from '../support/market-minors.js';
import { MarketPlace, marketHandlers, type Seen } from '../support/market-served.js';
import { runs } from '../support/soak.js';

async function memoryServer(minor: number, options: ServerOptions = {}, market = protoMarket(minor)) {
  const network = new MemoryNetwork();
  const seen: Seen[] = [];
  const server = createServer({ logger: silentLogger, ...options });
  server.add(market, marketHandlers(minor, seen));
  await server.listen({ memory: network });
  onTestFinished(() => server.close({ grace: 0 }));
  return { network, seen };
}

/** A proxy that understands calls: one address, and `pick` says which of the servers behind it takes the next. */
function proxy(networks: readonly MemoryNetwork[], pick: () => number): MemoryNode {
  return {
    address: 'proxy',
    listen: () => {
      throw new Error('nobody listens at a proxy');
    },
    connect(service) {
      const behind = networks.map((one) => one.connect(service));
      const [first] = behind;
      if (first === undefined) throw new Error('a proxy needs servers');
      return {
        encoding: first.encoding,
        address: 'proxy',
        bind(method) {
          const handlers = behind.map((one) => one.bind(method));
          return (call) => (handlers[pick() % handlers.length] ?? first.bind(method))(call);
        },
        close: async (grace) => {
          for (const one of behind) await one.close(grace);
        },
      };
    },
  };
}

function marketClient(minor: number, at: MemoryNode) {
  const client = createClient(protoMarket(minor), at, { logger: silentLogger });
  onTestFinished(() => client.$close());
  return client;
}

const ask = { fish: 'cod' };

describe('two servers behind one address', () => {
  it('are both known, and each knows the client, though calls go now here, now there', async () => {
    const [a, b] = [await memoryServer(1), await memoryServer(3)];
    let next = 0;
    const client = marketClient(
      3,
      proxy([a.network, b.network], () => next++),
    );
    for (let i = 0; i < 20; i++) await client.last(ask);
    const agreed = client.$negotiated();
    expect(agreed.map(({ peerVersion }) => peerVersion).sort()).toEqual(['1.1.0', '1.3.0']);
    expect([client.$has('notes'), client.$has('grades')]).toEqual([true, false]);
    // Both were told in full before long, and by the hash from then on.
    for (const { seen } of [a, b]) {
      expect(seen.slice(4).every(({ hello, version }) => hello?.startsWith('h=') && version === '1.3.0')).toBe(true);
    }
    expect(b.seen.at(-1)?.features).toEqual(['notes', 'origin', 'grades']);
  });

  it('are forgotten when they have not answered for a while', async () => {
    const [a, b] = [await memoryServer(1), await memoryServer(3)];
    let to = 0;
    const client = marketClient(
      3,
      proxy([a.network, b.network], () => to),
    );
    await client.last(ask);
    to = 1;
    await client.last(ask);
    expect(client.$has('grades')).toBe(false);
    for (let i = 0; i < 64; i++) await client.last(ask);
    expect(client.$negotiated().map(({ peerVersion }) => peerVersion)).toEqual(['1.3.0']);
    expect(client.$has('grades')).toBe(true);
  });

  it('in any order and number end with each knowing the client', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.nat(2), { minLength: 1, maxLength: 40 }), async (order) => {
        const servers = [await memoryServer(0), await memoryServer(2), await memoryServer(3)];
        let at = 0;
        const client = marketClient(
          3,
          proxy(
            servers.map(({ network }) => network),
            () => order[at++] ?? at,
          ),
        );
        for (let i = 0; i < order.length + 12; i++) await client.last(ask);
        for (const { seen } of servers) expect(seen.at(-1)).toMatchObject({ version: '1.3.0' });
        expect(servers[2]?.seen.at(-1)?.features).toEqual(['notes', 'origin', 'grades']);
        expect(client.$negotiated()).toHaveLength(3);
      }),
      { numRuns: runs(20) },
    );
  });
});

describe('a server of another minimum', () => {
  it('refuses a client that it knows by hash only', async () => {
    const [before, after] = [await memoryServer(1), await memoryServer(3, { versions: { min: '1.2' } })];
    let to = 0;
    const client = marketClient(
      1,
      proxy([before.network, after.network], () => to),
    );
    await client.last(ask);
    await client.last(ask);
    to = 1;
    await expect(client.last(ask)).rejects.toMatchObject({
      code: 'FAILED_PRECONDITION',
      reason: 'VERSION_UNSUPPORTED',
      info: {
        metadata: {
          service: 'fish.v1.Market',
          clientMin: '1.0',
          clientMax: '1.1.0',
          serverMin: '1.2',
          serverMax: '1.3.0',
        },
      },
    });
    expect(after.seen).toEqual([]);
  });
});

/** What a hostile peer may put into the header. */
const good = `v=1;c=fish.v1.Market;fw=0.1.0;fp=${'3'.repeat(16)};min=1.0;max=1.3.0;feat=grades,notes,origin`;
const hash = hashOf(good);
const hostile = fc.oneof(
  fc.string({ maxLength: 2_000, unit: 'grapheme-ascii' }),
  fc.constantFrom(
    '',
    'v=1;',
    'x'.repeat(longestHello + 1),
    good.repeat(2),
    `${good};ask=1`,
    `${good};id=`,
    `${good},${good}`,
    good.replace('1.3.0', '1.999999'),
    good.replace('fish.v1.Market', 'other.Market'),
    'h=;s=',
    `h=${hash};s=${hash}`,
    `h=${hash};s=${hash};min=2.0;max=1.0`,
    `h=${'a'.repeat(16)};s=${hash};min=1.0;max=1.3.0`,
    `s=${hash}`,
    '__proto__',
    'h=constructor......;s=x',
  ),
  fc
    .tuple(fc.nat(good.length), fc.string({ maxLength: 3, unit: 'grapheme-ascii' }))
    .map(([at, piece]) => good.slice(0, at) + piece + good.slice(at + 1)),
);

describe('a hostile hello', () => {
  it('never fails a call for another reason than its versions, and changes nothing for others', async () => {
    const { network, seen } = await memoryServer(3);
    const honest = marketClient(3, network);
    await honest.last(ask);
    const stranger = createClient(protoMarket(3, { version: undefined }), network, { logger: silentLogger });
    onTestFinished(() => stranger.$close());
    await fc.assert(
      fc.asyncProperty(fc.array(hostile, { minLength: 1, maxLength: 3 }), async (values) => {
        const headers = new HeaderMap();
        for (const value of values) {
          try {
            headers.append('hawser-hello', value);
          } catch {
            // No header at all: nobody can send it.
          }
        }
        const failure = await stranger.last(ask, { headers }).then(
          () => undefined,
          (error: { reason: string }) => error.reason,
        );
        expect([undefined, 'VERSION_UNSUPPORTED']).toContain(failure);
        if (values.length > 1 && headers.getAll('hawser-hello').length > 1) {
          expect(seen.at(-1)).toMatchObject({ version: undefined, features: [] });
        }
        const answer = await honest.last(ask);
        expect(answer).toMatchObject({ origin: 'north by 1.3', grade: 3 });
        expect(seen.at(-1)?.hello).toMatch(/^h=/);
      }),
      { numRuns: runs(200) },
    );
    expect(honest.$has('grades')).toBe(true);
  });

  it('by the thousand costs others one introduction, not more memory without end', async () => {
    const { network, seen } = await memoryServer(3);
    const honest = marketClient(3, network);
    await honest.last(ask);
    const stranger = createClient(protoMarket(3, { version: undefined }), network, { logger: silentLogger });
    onTestFinished(() => stranger.$close());
    for (let i = 0; i < 2_000; i++) {
      await stranger.last(ask, { headers: { 'hawser-hello': good.replace('0.1.0', `0.${i}.0`) } });
    }
    await honest.last(ask);
    await honest.last(ask);
    expect(seen.at(-1)).toMatchObject({ version: '1.3.0', features: ['notes', 'origin', 'grades'] });
    expect(seen.slice(-2).some(({ hello }) => hello?.startsWith('v=1;'))).toBe(true);
  });

  it('of a server is no agreement, and the call succeeds all the same', async () => {
    const network = new MemoryNetwork();
    const server = createServer({ logger: silentLogger });
    let said: readonly string[] = [];
    server.add(protoMarket(3, { version: undefined }), {
      last({ fish }, call) {
        for (const one of said) call.responseHeaders.append('hawser-hello', one);
        return { fish };
      },
    });
    await server.listen({ memory: network });
    const client = marketClient(3, network);
    onTestFinished(() => server.close({ grace: 0 }));
    await fc.assert(
      fc.asyncProperty(fc.array(hostile, { maxLength: 3 }), async (values) => {
        said = values.filter((value) => {
          try {
            return new HeaderMap({ x: value }).size > 0;
          } catch {
            return false;
          }
        });
        expect(await client.last(ask)).toMatchObject({ fish: 'cod' });
        for (const one of client.$negotiated()) expect(one.instance).toMatch(/^[\w-]{1,32}$/);
      }),
      { numRuns: runs(200) },
    );
  });
});

describe('the first contact', () => {
  it.each(['grpc', 'theader'] as const)(
    'costs no round trip: the server sees one call for each over %s',
    async (wire) => {
      const place = new MarketPlace(wire);
      await place.serve(3);
      const client = place.client(3);
      for (let i = 0; i < 5; i++) await client.last(ask);
      expect(place.seen).toHaveLength(5);
      expect(place.seen.map(({ hello }) => hello?.slice(0, 2))).toEqual(['v=', 'h=', 'h=', 'h=', 'h=']);
    },
  );
});
