/**
 * `client.ts SEED CALLS ADDRESSES`: so many calls with gzip both ways, of every kind, that are read to the end, left early, aborted,
 * late, too large or cut off, many at a time. Prints what became of them as a line of JSON.
 */
import { type ClientOptions, createClient, isRpcError, silentLogger } from 'hawser';
import { seededRandom } from 'hawser/testing';
import { Echo } from '../../support/echo.js';

const [seed, calls, addresses] = process.argv.slice(2);
const where = JSON.parse(addresses as string) as Readonly<Record<'straight' | 'cut' | 'crooked', string>>;
const random = seededRandom(`gzip client ${seed}`);
const upTo = (most: number): number => Math.floor(random.next() * most);

const options: ClientOptions = { logger: silentLogger, retry: false, breaker: false, throttle: false, timeout: '20s' };
const connect = (address: string, maxReceiveBytes = 1_000_000) => {
  const reconnect = { initial: 1, max: 5 };
  return createClient(Echo, address, { ...options, grpc: { gzip: true, maxReceiveBytes, reconnect } });
};
const ends = [connect(where.straight), connect(where.cut), connect(where.cut, 1_400), connect(where.crooked)];
const pick = () => ends[upTo(ends.length)] as (typeof ends)[number];
const large = () => 'y'.repeat(upTo(8) === 0 ? 100_000 : 200 + upTo(3_000));
const text = () => (upTo(2) === 0 ? 'slow' : '');

const acts: readonly (() => Promise<unknown>)[] = [
  () => pick().say({ text: large(), count: 1 }),
  () => pick().say({ text: large(), count: 1 }),
  () => pick().say({ text: large(), count: 1 }, { timeout: 1 + upTo(5) }),
  () => pick().collect([1, 2, 3].map((count) => ({ text: large(), count }))),
  async () => {
    for await (const _ of pick().repeat({ text: 'error', count: 10 }));
  },
  async () => {
    let left = 1 + upTo(4);
    for await (const _ of pick().repeat({ text: text(), count: 20 })) if (--left === 0) break;
  },
  async () => {
    const stop = new AbortController();
    setTimeout(() => stop.abort(), upTo(8));
    for await (const _ of pick().repeat({ text: text(), count: 20 }, { signal: stop.signal }));
  },
  async () => {
    for await (const _ of pick().repeat({ text: text(), count: 20 }, { timeout: 1 + upTo(12) }));
  },
  async () => {
    const requests = Array.from({ length: 4 }, (_, count) => ({ text: large(), count }));
    for await (const _ of pick().chat(requests));
  },
];

const became: Record<string, number> = {};
const count = (what: string): void => {
  became[what] = (became[what] ?? 0) + 1;
};
let left = Number(calls);
await Promise.all(
  Array.from({ length: 40 }, async () => {
    while (left > 0) {
      left -= 1;
      const act = acts[upTo(acts.length)] as () => Promise<unknown>;
      await act().then(
        () => count('ended'),
        (error: unknown) => count(isRpcError(error) ? error.code : String(error)),
      );
    }
  }),
);
await Promise.all(ends.map((client) => client.$close()));
console.log(JSON.stringify(became));
// What is still held must be whole when it is freed, too.
globalThis.gc?.();
