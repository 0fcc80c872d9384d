import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { createServer } from 'hawser';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Quotes } from '../../gen/market/v1/market.rpc.js';
import { Quotes as ThriftQuotes } from '../../gen/market.js';
import { run } from '../../src/cli/subscribe.js';
import { UsageError } from '../../src/cli/usage.js';
import { hawser, startProgram } from '../support/program.js';

const topic = 'market.v1.Quotes/Prices';
const server = createServer().add(Quotes, {});
const prices = server.topic(Quotes.methods.prices);
let grpc: string;

beforeAll(async () => {
  ({ grpc } = await server.listen({ grpc: '127.0.0.1:0' }));
  for (const [at, fish] of ['cod', 'eel', 'cod', 'hake'].entries()) {
    await prices.publish({ fish, price: at + 1, market: 1, seq: BigInt(at + 1) });
  }
});
afterAll(() => server.close({ grace: 0 }));

describe('hawser subscribe', () => {
  it('prints what a topic holds, known by reflection', async () => {
    const { code, stdout, stderr } = await hawser('subscribe', grpc, topic, '--count', '3');
    expect(stderr).toBe('');
    expect(code).toBe(0);
    expect(stdout).toMatch(/^ +3 {2}held {4}cod {11}\{"fish":"cod","price":3,.*\} {2}lag 0 {2}skipped \d/m);
    expect(stdout).toMatch(/^-- ready: FRESH at 4 of [0-9a-f]{8}$/m);
  });

  it('prints JSON, from an update on, of some keys, known by --proto', async () => {
    const args = ['--from', 'seq:1', '--keys', 'cod', '--mode', 'EVERY', '--count', '2', '--json', '--proto', 'proto'];
    const { code, stdout, stderr } = await hawser('subscribe', grpc, topic, ...args);
    expect({ stderr, code }).toEqual({ stderr: '', code: 0 });
    const lines = stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    const changes = lines.filter(({ type }) => type !== undefined);
    expect(changes).toMatchObject([
      { type: 'set', key: 'cod', seq: 1, value: { fish: 'cod', price: 1 } },
      { type: 'set', key: 'cod', seq: 3, value: { fish: 'cod', price: 3 } },
    ]);
    expect(Object.keys(changes[0])).toEqual(expect.arrayContaining(['position', 'lag', 'skipped', 'gapped']));
  });

  it('polls a Thrift server, by its .thrift file', async () => {
    const other = createServer().add(ThriftQuotes, {});
    const { thrift } = await other.listen({ thrift: '127.0.0.1:0' });
    const sales = other.topic(ThriftQuotes.methods.prices);
    for (const [at, fish] of ['cod', 'eel', 'cod'].entries()) {
      await sales.publish({ fish, price: at + 1, market: 1, seq: BigInt(at + 1) });
    }
    const known = ['--thrift', 'idl/market.thrift'];
    const held = await hawser('subscribe', `thrift://${thrift}`, topic, ...known, '--count', '2');
    expect({ stderr: held.stderr, code: held.code }).toEqual({ stderr: '', code: 0 });
    expect(held.stdout).toMatch(/^ +3 {2}held {4}cod {11}\{"fish":"cod","price":3.*\} {2}lag 0/m);
    const json = await hawser('subscribe', thrift, topic, ...known, '--from', 'seq:2', '--count', '2', '--json');
    const changes = json.stdout.split('\n').filter((line) => line.includes('"type":"set"'));
    expect(changes.map((line) => JSON.parse(line))).toMatchObject([
      { key: 'eel', seq: 2, value: { fish: 'eel', price: 2 } },
      { key: 'cod', seq: 3, value: { fish: 'cod', price: 3 } },
    ]);
    const refused = await hawser('subscribe', thrift, topic, ...known, '--min-interval', '1s');
    expect(refused.stderr).toContain('minInterval');
    expect(refused.code).toBe(2);
    await other.close({ grace: 0 });
  });

  it('goes on until Ctrl-C, and ends with 0', async () => {
    const program = startProgram('src/cli/main.ts', ['subscribe', grpc, topic, '--from', 'head']);
    const ended = once(program, 'exit');
    for await (const line of createInterface(program.stdout)) {
      if (line.startsWith('-- ready')) await prices.delete('eel');
      if (line.includes('deleted')) program.kill('SIGINT');
    }
    expect(await ended).toEqual([0, null]);
  });

  it.each([
    [[], 'an ADDRESS is needed'],
    [['h:1'], 'name a topic'],
    [['h:1', topic, '--from', 'yesterday'], '--from is "yesterday"; it is snapshot, head'],
    [['h:1', topic, '--from', 'seq:x'], '--from seq is "x", and no whole number'],
    [['h:1', topic, '--from', 'committed'], 'there is no name'],
    [['h:1', topic, '--mode', 'SOME'], 'mode is "SOME"; it is "EVERY" or "LATEST"'],
    [['thrift://h:1', topic], 'name its .thrift file with --thrift'],
    [['thrift://h:1', topic, '--thrift', 'idl/market.thrift', '--count', 'x'], '--count is "x"'],
  ] as const)('refuses %j with a sentence', async (args, message) => {
    const refused = run(args);
    await expect(refused).rejects.toThrow(UsageError); // which the program ends with 2 for
    await expect(refused).rejects.toThrow(message);
  });

  it('says that a method is no topic', async () => {
    const { stderr, code } = await hawser('subscribe', grpc, 'hawser.subscription.v1.Subscriptions/Connect');
    expect(stderr).toContain('declares no topic');
    expect(code).toBe(2);
  });
});
