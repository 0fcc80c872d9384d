/** What a person sees who calls with grpcurl: errors as they were thrown, their details read by reflection, and no base64. */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { createServer, RpcError, silentLogger } from 'hawser';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { QuotaFailure } from '../../gen/google/rpc/error_details.js';
import { BadFish, TradeHistory } from '../../gen/market/v1/market.rpc.js';
import { describeWith, hasTool } from '../requires.js';

const run = promisify(execFile);

const quota = QuotaFailure.encode(QuotaFailure.create({ violations: [{ subject: 'cod', description: '3 tons' }] }));

const thrown: Readonly<Record<string, () => Error>> = {
  plain: () => new RpcError('ABORTED', 'the market is closed'),
  reason: () => new RpcError('ABORTED', 'the price is old', { reason: 'STALE_PRICE', metadata: { fish: 'cod' } }),
  details: () =>
    new RpcError('RESOURCE_EXHAUSTED', 'sold out', { details: [{ type: 'google.rpc.QuotaFailure', value: quota }] }),
  declared: () => new BadFish({ fish: 'whale', errorCode: 3 }),
  crash: () => new Error('a secret'),
};

describeWith('grpcurl', hasTool('grpcurl', ['-version']), 'grpcurl', () => {
  const server = createServer({ logger: silentLogger });
  let address = '';
  beforeAll(async () => {
    server.add(TradeHistory, {
      getLastSale({ fish }: { fish: string }) {
        const error = thrown[fish];
        if (error !== undefined) throw error();
        return { fish, price: 4, market: 1 };
      },
      getLastSaleList: () => ({}),
    } as never);
    ({ grpc: address } = await server.listen({ grpc: '127.0.0.1:0' }));
  });
  afterAll(() => server.close({ grace: 0 }));

  async function call(fish: string, headers: readonly string[] = []): Promise<string> {
    const request = ['-d', JSON.stringify({ fish }), address, 'market.v1.TradeHistory/GetLastSale'];
    const args = ['-plaintext', '-max-time', '20', ...headers.flatMap((one) => ['-H', one]), ...request];
    const { stdout, stderr } = await run('grpcurl', args, { timeout: 30_000 }).catch(
      (failed: { stdout: string; stderr: string }) => failed,
    );
    return stdout + stderr;
  }

  it('lists the services and calls them by reflection', async () => {
    const { stdout } = await run('grpcurl', ['-plaintext', address, 'list'], { timeout: 30_000 });
    expect(stdout.split('\n')).toContain('market.v1.TradeHistory');
    expect(JSON.parse(await call('cod'))).toMatchObject({ fish: 'cod' });
  });

  it('prints an error without details as code and message', async () => {
    expect(await call('plain')).toBe('ERROR:\n  Code: Aborted\n  Message: the market is closed\n');
  });

  it.each([
    [
      'reason',
      'google.rpc.ErrorInfo',
      { reason: 'STALE_PRICE', domain: 'market.v1.TradeHistory', metadata: { fish: 'cod' } },
    ],
    ['details', 'google.rpc.QuotaFailure', { violations: [{ subject: 'cod', description: '3 tons' }] }],
  ])('prints the details that were given, and no others: %s', async (fish, type, fields) => {
    expect(detailsIn(await call(fish))).toEqual([{ '@type': `type.googleapis.com/${type}`, ...fields }]);
  });

  it('prints a declared error beside the word that it is one', async () => {
    expect(detailsIn(await call('declared'))).toEqual([
      expect.objectContaining({ domain: 'hawser', reason: 'DECLARED_ERROR' }),
      { '@type': 'type.googleapis.com/market.v1.BadFish', fish: 'whale', errorCode: 3 },
    ]);
  });

  it('prints of a handler that crashed what the caller may know', async () => {
    const text = await call('crash');
    expect(text).not.toContain('secret');
    expect(detailsIn(text)).toEqual([
      { '@type': 'type.googleapis.com/google.rpc.ErrorInfo', domain: 'hawser', reason: 'HANDLER_FAILED' },
      { '@type': 'type.googleapis.com/google.rpc.RequestInfo', requestId: expect.stringMatching(/^[0-9a-f]{32}$/) },
    ]);
  });
});

/** What stands below `Details:`; a detail that grpcurl cannot read has an `@value` in base64. */
function detailsIn(text: string): unknown[] {
  return [...text.matchAll(/^ {2}\d+\)\t(\{.*?^ {4}\t\})/gms)].map(([, json]) => JSON.parse(json ?? ''));
}
