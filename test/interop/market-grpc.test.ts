/** Foreign gRPC clients against the market: Python's grpcio, buf curl by reflection, raw grpc-js. */
import { execFile } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import grpc from '@grpc/grpc-js';
import { createServer } from 'hawser';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { FishMarket } from '../../examples/market/sales.js';
import { priceFeed, tradeHistory } from '../../examples/market/services.js';
import { GetLastSaleRequest, Trade } from '../../gen/market/v1/market.js';
import { PriceFeed, TradeHistory } from '../../gen/market/v1/market.rpc.js';
import { describeWith, hasTool } from '../requires.js';
import { repository, scratchFolder } from '../support/scratch.js';

const run = promisify(execFile);
const market = new FishMarket();
const server = createServer().add(TradeHistory, tradeHistory(market)).add(PriceFeed, priceFeed(market));
let address: string;
let trading: NodeJS.Timeout;

beforeAll(async () => {
  ({ grpc: address } = await server.listen({ grpc: '127.0.0.1:0' }));
  trading = setInterval(() => market.trade(), 10);
});

afterAll(async () => {
  clearInterval(trading);
  await server.close({ grace: 0 });
});

describeWith(
  "Python's grpcio and grpcio-tools (Debian: python3-grpcio, python3-grpc-tools)",
  hasTool('/usr/bin/python3', ['-c', 'import grpc, grpc_tools']),
  'grpcio',
  () => {
    it('calls, streams, cancels, and reads the errors', async () => {
      const scratch = scratchFolder('python');
      try {
        mkdirSync(join(scratch.path, 'stubs'));
        const protos = ['market/v1/market.proto', 'hawser/policy/v1/policy.proto'];
        await run('/usr/bin/python3', [
          ...['-m', 'grpc_tools.protoc', '-I', join(repository, 'proto')],
          ...[`--python_out=${scratch.path}/stubs`, `--grpc_python_out=${scratch.path}/stubs`, ...protos],
        ]);
        const { stdout } = await run(
          '/usr/bin/python3',
          [join(import.meta.dirname, 'python/market_client.py'), join(scratch.path, 'stubs'), address],
          { timeout: 60_000 },
        );
        expect(JSON.parse(stdout)).toEqual({
          fish: 'halibut',
          pounds: expect.any(Number),
          market: 1,
          list: ['salmon', 'lingcod'],
          error: { code: 'FAILED_PRECONDITION', disposition: 'executed', details: true },
          ordered: true,
          expired: 'DEADLINE_EXCEEDED',
        });
      } finally {
        scratch.remove();
      }
    }, 90_000);
  },
);

describe('buf curl', () => {
  const curl = (...args: string[]) =>
    run(join(repository, 'node_modules/.bin/buf'), ['curl', '--protocol', 'grpc', '--http2-prior-knowledge', ...args], {
      timeout: 60_000,
    });

  it('calls by reflection alone', async () => {
    const { stdout } = await curl('-d', '{"fish":"halibut"}', `http://${address}/market.v1.TradeHistory/GetLastSale`);
    expect(JSON.parse(stdout)).toMatchObject({ fish: 'halibut', market: 'MARKET_PORTLAND' });
  });

  it('lists the services', async () => {
    const { stdout } = await curl('--list-methods', `http://${address}`);
    expect(stdout).toContain('market.v1.TradeHistory/GetLastSale');
    expect(stdout).toContain('market.v1.PriceFeed/WatchPrices');
  });

  it('shows a declared error with its details', async () => {
    const failed = await curl('-d', '{"fish":"unicorn"}', `http://${address}/market.v1.TradeHistory/GetLastSale`).catch(
      (error: { stderr: string }) => error,
    );
    const { code, details } = JSON.parse(failed.stderr) as { code: string; details: { type: string }[] };
    expect(code).toBe('failed_precondition');
    expect(details.map((one) => one.type)).toContain('market.v1.BadFish');
  });
});

describe('raw grpc-js', () => {
  it('calls with nothing but the messages', async () => {
    const client = new grpc.Client(address, grpc.credentials.createInsecure());
    try {
      const trade = await new Promise<Trade>((resolve, reject) =>
        client.makeUnaryRequest(
          '/market.v1.TradeHistory/GetLastSale',
          (request: GetLastSaleRequest) => Buffer.from(GetLastSaleRequest.encode(request)),
          (bytes) => Trade.decode(bytes),
          { fish: 'salmon' },
          (error, response) => (error === null && response !== undefined ? resolve(response) : reject(error)),
        ),
      );
      expect(trade.fish).toBe('salmon');
    } finally {
      client.close();
    }
  });
});
