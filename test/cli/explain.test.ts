import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { hawser } from '../support/program.js';

const folder = mkdtempSync(join(tmpdir(), 'hawser-explain-'));
const idl = join(folder, 'orders.thrift');

beforeAll(() => {
  mkdirSync(folder, { recursive: true });
  writeFileSync(
    idl,
    `namespace * shop.v1
service Orders {
  string find(1: string id) (hawser.timeout = "250ms", hawser.idempotency = "NO_SIDE_EFFECTS",
    hawser.retry.max_attempts = "4", hawser.hedge.delay = "40ms"),
  void place(1: string order),
} (hawser.timeout = "2s", hawser.retry.initial_backoff = "20ms", hawser.max_timeout = "1m")
`,
  );
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Option to value and source. */
function table(stdout: string): Record<string, string> {
  return Object.fromEntries(
    [...stdout.matchAll(/^ {2}([a-z_.]+) {2,}(.+?) {2,}(method|service|default)$/gm)].map(
      ([, option, value, source]) => [option, `${value} (${source})`],
    ),
  );
}

describe('hawser explain', () => {
  it('tells each value and who said so: the method, its service, or nobody', async () => {
    const { stdout, stderr, code } = await hawser('explain', 'shop.v1.Orders/find', '--thrift', idl);
    expect({ stderr, code }).toEqual({ stderr: '', code: 0 });
    expect(stdout.split('\n')[0]).toBe('shop.v1.Orders/find (unary)');
    expect(table(stdout)).toEqual({
      throttle: 'up to 80 % of the calls while fewer than 1 of 2 is taken, over 30 s, from 5 calls/s (default)',
      timeout: '250 ms (method)',
      attempt_timeout: 'none (default)',
      max_timeout: '1 min (service)',
      idempotency: 'NO_SIDE_EFFECTS (method)',
      'retry.max_attempts': '4 (method)',
      'retry.initial_backoff': '20 ms (service)',
      'retry.max_backoff': '5 s (default)',
      'retry.codes': 'UNAVAILABLE (default)',
      hedge: 'after 40 ms, 2 copies (method)',
    });
  });

  it('says what follows for a method that may not run twice', async () => {
    const { stdout } = await hawser('explain', 'shop.v1.Orders/place', '--thrift', idl);
    expect(table(stdout)).toMatchObject({
      timeout: '2 s (service)',
      idempotency: 'NONE (default)',
      hedge: 'none (default)',
    });
    expect(stdout).toContain('one that may have run is not, because the method is NONE.');
  });

  it('says that a service’s timeout bounds no stream of it', async () => {
    const proto = join(folder, 'proto');
    mkdirSync(proto, { recursive: true });
    writeFileSync(
      join(proto, 'feed.proto'),
      `syntax = "proto3";
package shop.v1;
import "hawser/policy/v1/policy.proto";
service Feed {
  option (hawser.policy.v1.service) = { timeout: "2s" };
  rpc Follow(Item) returns (stream Item);
  rpc Short(Item) returns (stream Item) { option (hawser.policy.v1.method) = { timeout: "5s" }; }
}
message Item {}
`,
    );
    const { stdout, stderr } = await hawser('explain', 'shop.v1.Feed', '--proto', proto);
    expect(stderr).toBe('');
    const [follow = '', short = ''] = stdout.split('shop.v1.Feed/Short');
    expect(table(follow)).toMatchObject({ timeout: 'none (default)' });
    expect(follow).toContain("The service's timeout of 2 s is for its unary methods; a stream has its own or none.");
    expect(table(short)).toMatchObject({ timeout: '5 s (method)' });
    expect(short).not.toContain('is for its unary methods');
  });

  it('explains every method of a service, from .proto too', async () => {
    const { stdout } = await hawser('explain', 'market.v1.TradeHistory', '--proto', 'proto');
    expect(stdout.match(/^market\.v1\.TradeHistory\/\w+ \(unary\)$/gm)).toHaveLength(2);
    expect(stdout).toMatch(/timeout +500 ms +method/);
  });

  it.each([
    [['nope.Service/M', '--thrift', idl], 'There is no service nope.Service; there is shop.v1.Orders.'],
    [['shop.v1.Orders/nope', '--thrift', idl], 'shop.v1.Orders has no method nope; it has find, place.'],
    [['shop.v1.Orders'], 'Name the IDL with --proto or --thrift.'],
    [[], 'Name a method'],
  ])('%j cannot be meant', async (args, message) => {
    const { stderr, code } = await hawser('explain', ...args);
    expect(code).toBe(2);
    expect(stderr).toContain(message);
  });
});
