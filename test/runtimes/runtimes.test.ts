/**
 * Clients on Bun and Deno, against a server on Node: calls, streams and subscriptions over both wires. HAWSER_RUNTIMES is a folder where
 * `npm install --prefix FOLDER --ignore-scripts bun deno` was run; the binaries are in their platform packages.
 */

import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { createServer, silentLogger } from 'hawser';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { FishMarket } from '../../examples/market/sales.js';
import { thriftTradeHistory, tradeHistory } from '../../examples/market/services.js';
import { PriceFeed, Quotes, TradeHistory } from '../../gen/market/v1/market.rpc.js';
import * as thrift from '../../gen/market.js';
import { memoryTopics } from '../../src/stores/memory/topic-store.js';
import { bundle } from '../faults/kills/bundle.js';
import { describeWith } from '../requires.js';
import { repository } from '../support/scratch.js';

const run = promisify(execFile);
const cache = join(repository, 'node_modules/.cache');
let folder: string;
let program: string;

beforeAll(async () => {
  mkdirSync(cache, { recursive: true });
  folder = mkdtempSync(join(cache, 'runtimes-'));
  program = await bundle('test/runtimes/client.ts', folder);
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** The binary that a platform package of `scope` holds. */
function binary(scope: string, name: string): string | undefined {
  const packages = join(process.env.HAWSER_RUNTIMES ?? '', 'node_modules', scope);
  if (process.env.HAWSER_RUNTIMES === undefined || !existsSync(packages)) return undefined;
  const paths = readdirSync(packages).flatMap((one) => [join(packages, one, name), join(packages, one, 'bin', name)]);
  return paths.find((path) => existsSync(path));
}

async function served() {
  const market = new FishMarket();
  const make = () => createServer({ logger: silentLogger, topics: { store: memoryTopics() } });
  const overGrpc = make()
    .add(TradeHistory, tradeHistory(market))
    .add(Quotes, {})
    .add(PriceFeed, {
      async *watchPrices(_request, { signal }) {
        for (let seq = 1n; !signal.aborted; seq++) yield { fish: `fish ${seq}`, price: 1, market: 1, seq };
      },
    });
  const overThrift = make().add(thrift.TradeHistory, thriftTradeHistory(market)).add(thrift.Quotes, {});
  onTestFinished(async () => {
    clearInterval(late);
    await Promise.all([overGrpc, overThrift].map((server) => server.close({ grace: 0 })));
  });
  const { grpc } = await overGrpc.listen({ grpc: '127.0.0.1:0' });
  const { thrift: address } = await overThrift.listen({ thrift: '127.0.0.1:0' });
  const publish = (fish: string, price: number) =>
    Promise.all([
      overGrpc.topic(Quotes.methods.prices).publish({ fish, price, market: 1, seq: 0n }),
      overThrift.topic(thrift.Quotes.methods.prices).publish({ fish, price, market: 1, seq: 0n }),
    ]);
  await publish('cod', 2);
  await publish('halibut', 3);
  const late = setInterval(() => void publish('late', 4), 200);
  return [grpc, address];
}

function client(name: string, binary: string, ...args: string[]): void {
  it(`calls, streams and subscribes over gRPC and Thrift from ${name}`, async () => {
    const addresses = await served();
    const { stdout, stderr } = await run(binary, [...args, program, ...addresses], { timeout: 50_000 });
    expect(stderr).toBe('');
    const prices = { cod: 2, halibut: 3, late: 4 };
    expect(JSON.parse(stdout)).toEqual({
      grpc: ['halibut', 'BadFish'],
      gzip: ['halibut', 'BadFish'],
      stream: ['fish 1', 'fish 2', 'fish 3'],
      subscribed: prices,
      thrift: ['halibut', 'BadFish'],
      theader: ['halibut', 'BadFish'],
      subscribedOverThrift: prices,
    });
  });
}

describe('a client on Node', () => client('Node', process.execPath));

const bun = binary('@oven', 'bun');
describeWith('bun in HAWSER_RUNTIMES', bun !== undefined, 'a client on Bun', () => client('Bun', bun as string, 'run'));

const deno = binary('@deno', 'deno');
describeWith('deno in HAWSER_RUNTIMES', deno !== undefined, 'a client on Deno', () =>
  client('Deno', deno as string, 'run', '--no-config', '--allow-all'),
);
