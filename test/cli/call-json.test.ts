/** The JSON that `hawser call` sends and prints, with messages that are awkward. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { protoService, registryOf } from '../../src/cli/dynamic-proto.js';
import { thriftService } from '../../src/cli/dynamic-thrift.js';
import { loadProto } from '../../src/codegen/proto/load.js';
import { createServer } from '../../src/server/create-server.js';
import type { Handlers } from '../../src/server/handlers.js';
import { hawser } from '../support/program.js';

const folder = mkdtempSync(join(tmpdir(), 'hawser-call-json-'));
const server = createServer();
let grpc: string;
let thrift: string;

beforeAll(async () => {
  writeFileSync(
    join(folder, 'echo.proto'),
    `syntax = "proto3";
package x;
import "google/protobuf/any.proto";
import "google/protobuf/timestamp.proto";
message M {
  string delete = 1;
  oneof delete_ { string with2 = 2; int64 in_2 = 3; }
  int64 id = 4;
  uint64 big = 5;
  double ratio = 6;
  map<int64, M> by_id = 7;
  google.protobuf.Any any = 8;
  google.protobuf.Timestamp at = 9;
  string toString = 10;
  map<string, string> texts = 11;
}
service S { rpc Echo(M) returns (M); }
`,
  );
  writeFileSync(
    join(folder, 'echo.thrift'),
    `namespace * x
struct M { 1: i64 id, 2: double ratio, 3: map<i64, string> names }
exception Broken { 1: i64 id, 2: binary data }
service T { M echo(1: M m) throws (1: Broken broken) }
`,
  );
  const echo = protoService(registryOf(await loadProto([folder], [])), 'x.S');
  const thriftEcho = thriftService('x.T', [join(folder, 'echo.thrift')], []);
  server.add(echo, { Echo: async (request: unknown) => request } as unknown as Handlers<typeof echo>);
  server.add(thriftEcho, {
    echo: async ({ m }: { m: { id: bigint } }) => {
      if (m.id !== 13n) return m;
      throw thriftEcho.methods.echo?.errors[0]?.type.codec.fromJSON({ id: '9007199254740993', data: 'AQI=' });
    },
  } as unknown as Handlers<typeof thriftEcho>);
  ({ grpc, thrift } = (await server.listen({ grpc: '127.0.0.1:0', thrift: '127.0.0.1:0' })) as never);
});
afterAll(async () => {
  await server.close({ grace: 0 });
  rmSync(folder, { recursive: true, force: true });
});

async function call(json: string): Promise<unknown> {
  const { stdout, stderr, code } = await hawser('call', grpc, 'x.S/Echo', json, '--proto', folder);
  expect({ stderr, code }).toEqual({ stderr: '', code: 0 });
  return JSON.parse(stdout);
}

it('keeps all digits of numbers that are not quoted', async () => {
  expect(
    await call(
      '{"id": 9007199254740993, "big": 18446744073709551615, "ratio": 9007199254740993, "by_id": {"9007199254740993": {"id": -9223372036854775808}}}',
    ),
  ).toEqual({
    id: '9007199254740993',
    big: '18446744073709551615',
    ratio: 9007199254740992,
    byId: { '9007199254740993': { id: '-9223372036854775808' } },
  });
  const { stdout } = await hawser(
    'call',
    `thrift://${thrift}`,
    'x.T/echo',
    '{"m": {"id": 9007199254740993, "ratio": 9007199254740993, "names": {"9007199254740993": "a"}}}',
    '--thrift',
    join(folder, 'echo.thrift'),
  );
  expect(JSON.parse(stdout)).toEqual({
    id: '9007199254740993',
    ratio: 9007199254740992,
    names: { '9007199254740993': 'a' },
  });
});

it('prints the fields of a declared error, numbers and bytes too', async () => {
  const { stderr, code } = await hawser(
    'call',
    `thrift://${thrift}`,
    'x.T/echo',
    '{"m": {"id": 13}}',
    '--thrift',
    join(folder, 'echo.thrift'),
  );
  expect(stderr).toBe('hawser call: x.Broken {"id":"9007199254740993","data":"AQI="}\n');
  expect(code).toBe(1);
});

it('prints a field and a oneof whose names are one in camel case, and a field that all objects have', async () => {
  expect(await call('{"id": 5}')).toEqual({ id: '5' });
  expect(await call('{"delete": "a", "in2": 7}')).toEqual({ delete: 'a', in2: '7' });
  expect(await call('{"toString": "x"}')).toEqual({ toString: 'x' });
});

it('prints well-known types to the last digit, and what an Any holds', async () => {
  const json = {
    at: '2026-05-29T08:35:13.700719321Z',
    any: { '@type': 'type.googleapis.com/x.M', id: '9007199254740993', at: '0001-01-01T00:00:00Z' },
    texts: { toString: 'a' },
  };
  expect(await call(JSON.stringify(json))).toEqual(json);
});

it('refuses JSON that repeats a name or fits no field, and sends nothing', async () => {
  for (const [json, sentence] of [
    ['{"id": 1, "id": 2}', 'the request is not JSON: line 1, column 11: the name "id" is there twice'],
    ['{"id": 18446744073709551615}', 'x.M.id: 18446744073709551615n is not an int64'],
    ['{"idd": 1}', 'x.M.idd: x.M has no such field; it has delete, '],
  ] as const) {
    const { stdout, stderr, code } = await hawser('call', grpc, 'x.S/Echo', json, '--proto', folder);
    expect(stderr).toContain(sentence);
    expect({ stdout, code }).toEqual({ stdout: '', code: 2 });
  }
});
