import http2, { type ClientHttp2Session, type OutgoingHttpHeaders, type ServerHttp2Stream } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { createClient, createServer, silentLogger } from 'hawser';
import { expect, it, onTestFinished, vi } from 'vitest';
import { TradeHistory } from '../../../gen/market/v1/market.rpc.js';
import { Echo, note } from '../../support/echo.js';

it('sends no header whose value is undefined, on calls of any kind: Bun refuses such a request', async () => {
  const server = createServer({ logger: silentLogger })
    .add(Echo, {
      say: (request) => request,
      tell() {},
      repeat: (request) => [request],
      collect: () => note('all'),
      chat: (requests) => requests,
    })
    .add(TradeHistory, {
      getLastSale: ({ fish }) => ({ fish, price: 1, market: 0 as const }),
      getLastSaleList: () => ({ trades: [] }),
    });
  onTestFinished(() => server.close({ grace: 0 }));
  const { grpc } = await server.listen({ grpc: '127.0.0.1:0' });

  const sent: OutgoingHttpHeaders[] = [];
  const probe = http2.connect(`http://${grpc}`).on('error', () => {});
  const prototype = Object.getPrototypeOf(probe) as ClientHttp2Session;
  probe.destroy();
  const { request } = prototype;
  const spy = vi.spyOn(prototype, 'request').mockImplementation(function (this: ClientHttp2Session, headers, options) {
    sent.push(headers as OutgoingHttpHeaders);
    return request.call(this, headers, options);
  });
  onTestFinished(() => spy.mockRestore());

  for (const options of [
    { grpc: { engine: 'node' } },
    { telemetry: false, grpc: { engine: 'node' } },
    { retry: false, grpc: { engine: 'node', gzip: true }, headers: { 'x-a': undefined } },
  ] as const) {
    const echo = createClient(Echo, grpc, { logger: silentLogger, ...options });
    const trades = createClient(TradeHistory, grpc, { logger: silentLogger, ...options });
    onTestFinished(() => Promise.all([echo.$close(), trades.$close()]).then(() => {}));
    for (const call of [{}, { timeout: '5s' }, { headers: { 'x-b': undefined, 'x-c': 'c' } }]) {
      await echo.say(note('x'), call);
      await trades.getLastSale({ fish: 'cod' }, call);
      for await (const _ of echo.repeat(note('x'), call));
      await echo.collect([note('x')], call);
      for await (const _ of echo.chat([note('x')], call));
    }
  }
  expect(sent.length).toBe(45);
  for (const headers of sent) {
    const undefinedOnes = Reflect.ownKeys(headers).filter((name) => headers[name as string] === undefined);
    expect(undefinedOnes).toEqual([]);
  }
});

it.each(['node', 'own'] as const)(
  'sends one value of what may have one only, the caller’s own (engine %s)',
  async (engine) => {
    const raw = http2.createServer();
    const heads: string[][] = [];
    raw.on('stream', (stream: ServerHttp2Stream, _headers: object, _flags: number, lines: string[]) => {
      heads.push(lines);
      stream.respond({ ':status': 200, 'content-type': 'application/grpc', 'grpc-status': '5' }, { endStream: true });
    });
    await new Promise<void>((resolve) => raw.listen(0, '127.0.0.1', resolve));
    onTestFinished(() => void raw.close());
    const address = `127.0.0.1:${(raw.address() as AddressInfo).port}`;
    const client = createClient(Echo, address, { logger: silentLogger, grpc: { engine } });
    onTestFinished(() => client.$close());

    await expect(client.say(note('x'))).rejects.toMatchObject({ code: 'NOT_FOUND' });
    const headers = { 'user-agent': 'till/2', authorization: ['old', 'new'], 'x-many': ['a', 'b'] };
    await expect(client.say(note('x'), { headers })).rejects.toMatchObject({ code: 'NOT_FOUND' });
    const values = (lines: string[], name: string) => lines.filter((_, at) => at % 2 === 1 && lines[at - 1] === name);
    const [usual = [], own = []] = heads;
    expect(values(usual, 'user-agent')).toEqual(['hawser']);
    expect(values(own, 'user-agent')).toEqual(['till/2']);
    expect(values(own, 'authorization')).toEqual(['new']);
    expect(values(own, 'x-many')).toEqual(['a', 'b']);
  },
);
