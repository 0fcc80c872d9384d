import { createServer } from 'hawser';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { FishMarket } from '../../examples/market/sales.js';
import { priceFeed, thriftTradeHistory, tradeHistory } from '../../examples/market/services.js';
import { PriceFeed, TradeHistory } from '../../gen/market/v1/market.rpc.js';
import * as thrift from '../../gen/market.js';
import { hawser } from '../support/program.js';

const market = new FishMarket();
const traces: unknown[] = [];
const server = createServer()
  .use((_method, next) => (call) => {
    const trace = call.headers.getBinary('x-trace-bin');
    if (trace !== undefined) traces.push(Buffer.from(trace));
    return next(call);
  })
  .add(TradeHistory, tradeHistory(market))
  .add(PriceFeed, priceFeed(market))
  .add(thrift.TradeHistory, thriftTradeHistory(market));
let grpc: string;
let thriftAddress: string;

beforeAll(async () => {
  ({ grpc, thrift: thriftAddress } = await server.listen({ grpc: '127.0.0.1:0', thrift: '127.0.0.1:0' }));
});
afterAll(() => server.close({ grace: 0 }));

describe('hawser call', () => {
  it('lists the services of a gRPC server, and the methods of one', async () => {
    const services = await hawser('call', grpc);
    expect(services.stdout.split('\n')).toContain('market.v1.TradeHistory');
    const methods = await hawser('call', grpc, 'market.v1.PriceFeed');
    expect(methods.stdout).toBe(
      'market.v1.PriceFeed/WatchPrices(market.v1.WatchPricesRequest) -> stream market.v1.Price\n',
    );
  });

  it.each([
    ['--timeout', '5parsecs', /^hawser call: --timeout is "5parsecs"; write a number of milliseconds/],
    ['--timeout', '0', /^hawser call: --timeout is 0 ms; it is more than 0/],
    ['--timeout', '-5s', /--timeout/],
    ['--ca', '/no/such/file.pem', /^hawser call: --ca \/no\/such\/file\.pem cannot be read/],
    ['--header', 'a b=c', /^hawser call: header name "a b" is not legal: .+ See hawser call --help\.\n$/],
    ['--header', 'x=two\nlines', /^hawser call: the value of header x must be printable ASCII text/],
    ['--header', 'x-bin=?', /^hawser call: --header x-bin has bytes, so its text is base64, and "\?" is not/],
  ])(
    'says what is wrong with %s %s, and ends with 2',
    async (option, value, sentence) => {
      const { stdout, stderr, code } = await hawser(
        'call',
        grpc,
        'market.v1.TradeHistory/GetLastSale',
        '{}',
        option,
        value,
      );
      expect(stderr).toMatch(sentence);
      expect({ stdout, code }).toEqual({ stdout: '', code: 2 });
    },
    60_000,
  );

  it.each(['null', '[]', '{"fishes":"cod"}'])(
    'takes the request %s, which does not fit its type, for a wrong command line',
    async (json) => {
      const { stdout, stderr, code } = await hawser('call', grpc, 'market.v1.TradeHistory/GetLastSale', json);
      expect(stderr).toMatch(/^hawser call: market\.v1\.GetLastSaleRequest.+ See hawser call --help\.\n$/);
      expect({ stdout, code }).toEqual({ stdout: '', code: 2 });
    },
  );

  it('sends a header of bytes that is given in base64', async () => {
    const method = 'market.v1.TradeHistory/GetLastSale';
    const { stderr, code } = await hawser('call', grpc, method, '{"fish":"halibut"}', '--header', 'x-trace-bin=AQID');
    expect([stderr, code]).toEqual(['', 0]);
    expect(traces.at(-1)).toEqual(Buffer.from([1, 2, 3]));
  });

  it('tells its version', async () => {
    const { version } = (await import('../../package.json', { with: { type: 'json' } })).default;
    expect(await hawser('--version')).toMatchObject({ stdout: `${version}\n`, stderr: '', code: 0 });
  });

  it('calls over gRPC by reflection', async () => {
    const { stdout, stderr, code } = await hawser(
      'call',
      grpc,
      'market.v1.TradeHistory/GetLastSale',
      '{"fish":"halibut"}',
    );
    expect(stderr).toBe('');
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ fish: 'halibut', market: 'MARKET_PORTLAND' });
  });

  it('calls over gRPC by --proto', async () => {
    const method = 'market.v1.TradeHistory/GetLastSale';
    const { stdout } = await hawser('call', grpc, method, '{"fish":"salmon"}', '--proto', 'proto');
    expect(JSON.parse(stdout)).toMatchObject({ fish: 'salmon' });
  });

  it('calls over Thrift, in each of its wires', async () => {
    for (const wire of ['binary', 'compact', 'header']) {
      const { stdout, stderr } = await hawser(
        ...['call', `thrift://${thriftAddress}?wire=${wire}`, '--thrift', 'idl/market.thrift'],
        ...['market.v1.TradeHistory/GetLastSaleList', '{"fish":["salmon"]}'],
      );
      expect(stderr).toBe('');
      expect(JSON.parse(stdout)).toMatchObject([{ fish: 'salmon', market: 'Seattle' }]);
    }
  }, 60_000);

  it('prints an error with its code and reason, and ends with 1', async () => {
    const { stdout, stderr, code } = await hawser(
      'call',
      grpc,
      'market.v1.TradeHistory/GetLastSale',
      '{"fish":"unicorn"}',
    );
    expect(code).toBe(1);
    expect(stdout).toBe('');
    expect(stderr).toContain('FAILED_PRECONDITION');
    expect(stderr).toContain('market.v1.BadFish {"fish":"unicorn","errorCode":404}');
  });

  it('prints a declared exception of Thrift with its fields', async () => {
    const { stderr, code } = await hawser(
      ...['call', thriftAddress, '--thrift', 'idl/market.thrift', 'TradeHistory/GetLastSale', '{"fish":"unicorn"}'],
    );
    expect(code).toBe(1);
    expect(stderr).toContain('market.v1.BadFish {"fish":"unicorn","error_code":404}');
  });

  it.each([
    [[], 'an ADDRESS is needed'],
    [['h:1', 'a/b/c'], 'a/b/c is not pkg.Service/Method'],
    [['h:1', 'a/b', '{'], 'the request is not JSON'],
    [['thrift://h:1', 'a/b'], 'name its .thrift file with --thrift'],
    [['nowhere', 'a/b', '--proto', 'proto'], 'is not understood'],
  ] as const)(
    'refuses %j with a sentence and ends with 2',
    async (args, message) => {
      const { stderr, code } = await hawser('call', ...args);
      expect(stderr).toContain(message);
      expect(code).toBe(2);
    },
    60_000,
  );

  it('names the methods there are when there is none of that name', async () => {
    const { stderr, code } = await hawser('call', grpc, 'market.v1.TradeHistory/Nope');
    expect(code).toBe(2);
    expect(stderr).toContain('it has GetLastSale, GetLastSaleList');
  });

  it('says so when nobody answers', async () => {
    const { stderr, code } = await hawser('call', '127.0.0.1:1', 'a.B/C', '--timeout', '2s');
    expect(code).toBe(1);
    expect(stderr).toContain('UNAVAILABLE');
  });
});
