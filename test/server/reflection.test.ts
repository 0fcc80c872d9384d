import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { promisify } from 'node:util';
import { fromBinary } from '@bufbuild/protobuf';
import { FileDescriptorProtoSchema } from '@bufbuild/protobuf/wkt';
import { expect, onTestFinished, test } from 'vitest';
import type { ServerReflectionRequest } from '../../gen/grpc/reflection/v1/reflection.js';
import { ServerReflection } from '../../gen/grpc/reflection/v1/reflection.rpc.js';
import { ServerReflection as Alpha } from '../../gen/grpc/reflection/v1alpha/reflection.rpc.js';
import { TradeHistory } from '../../gen/market/v1/market.rpc.js';
import type { ServiceType } from '../../src/contract/service.js';
import { healthService } from '../../src/server/health.js';
import { reflectionServices } from '../../src/server/reflection.js';
import { listenGrpc } from '../../src/transports/grpc/server.js';
import { describeWith } from '../requires.js';
import { clientOf, dispatcher, transport } from '../transports/grpc/wire.js';

async function reflecting() {
  const services: ServiceType[] = [];
  const { v1, v1alpha } = reflectionServices(() => services);
  const health = healthService([]);
  const known = dispatcher<ServiceType>([
    [health.service, health.handlers],
    [v1.service, v1.handlers],
    [v1alpha.service, v1alpha.handlers],
  ] as never);
  services.push(...known.services, TradeHistory);
  const listener = await listenGrpc(known, { address: '127.0.0.1:0' });
  onTestFinished(() => listener.close(0));
  const over = transport(listener.address);
  return { address: listener.address, client: clientOf(ServerReflection, over), alpha: clientOf(Alpha, over) };
}

type Question = ServerReflectionRequest['messageRequest'];

async function ask(client: Awaited<ReturnType<typeof reflecting>>['client'], ...questions: Question[]) {
  const answers = [];
  const requests = questions.map((messageRequest) => ({ host: 'h', messageRequest }) as ServerReflectionRequest);
  for await (const response of client.serverReflectionInfo(requests)) answers.push(response.messageResponse);
  return answers;
}

function names(answer: Awaited<ReturnType<typeof ask>>[number]): string[] {
  if (answer?.$case !== 'fileDescriptorResponse') throw new Error(`not files but ${answer?.$case}`);
  return answer.value.fileDescriptorProto.map((bytes) => fromBinary(FileDescriptorProtoSchema, bytes).name);
}

test('the services are listed by name, in v1 and v1alpha', async () => {
  const { client, alpha } = await reflecting();
  const [listed] = await ask(client, { $case: 'listServices', value: '' });
  const expected = [
    'grpc.health.v1.Health',
    'grpc.reflection.v1.ServerReflection',
    'grpc.reflection.v1alpha.ServerReflection',
    'market.v1.TradeHistory',
  ];
  expect(listed?.value).toMatchObject({ service: expected.map((name) => ({ name })) });
  const [again] = await ask(alpha as never, { $case: 'listServices', value: '*' });
  expect(again?.value).toMatchObject({ service: expected.map((name) => ({ name })) });
});

test('a file is found by name and by each symbol in it, and comes with what it imports', async () => {
  const { client } = await reflecting();
  const symbols = ['TradeHistory', 'TradeHistory.GetLastSale', 'Trade', 'Trade.fish'].map(
    (name) => `market.v1.${name}`,
  );
  for (const value of [...symbols, '.market.v1.Trade']) {
    const [answer] = await ask(client, { $case: 'fileContainingSymbol', value });
    const found = names(answer);
    expect(found[0]).toBe('market/v1/market.proto');
    expect(new Set(found).size).toBe(found.length);
    expect(found).toContain('google/protobuf/descriptor.proto');
  }
  const [file] = await ask(client, { $case: 'fileByFilename', value: 'grpc/health/v1/health.proto' });
  expect(names(file)).toEqual(['grpc/health/v1/health.proto']);
});

test('what a stream has sent it does not send again, but for the file that was asked for', async () => {
  const { client } = await reflecting();
  const question: Question = { $case: 'fileContainingSymbol', value: 'market.v1.Trade' };
  const [first, second] = await ask(client, question, question);
  expect(names(first).length).toBeGreaterThan(1);
  expect(names(second)).toEqual(['market/v1/market.proto']);
});

test("google.rpc's error details are there, though no service names them", async () => {
  const { client } = await reflecting();
  const types = [
    'ErrorInfo',
    'RetryInfo',
    'DebugInfo',
    'QuotaFailure',
    'PreconditionFailure',
    'BadRequest',
    'RequestInfo',
  ];
  for (const type of [...types, 'ResourceInfo', 'Help', 'LocalizedMessage']) {
    const [answer] = await ask(client, { $case: 'fileContainingSymbol', value: `google.rpc.${type}` });
    expect(names(answer)).toEqual(['google/rpc/error_details.proto', 'google/protobuf/duration.proto']);
  }
  const [status] = await ask(client, { $case: 'fileContainingSymbol', value: 'google.rpc.Status' });
  expect(names(status)).toEqual(['google/rpc/status.proto', 'google/protobuf/any.proto']);
});

test('extensions are found by message and number', async () => {
  const { client } = await reflecting();
  const message = 'google.protobuf.MethodOptions';
  const [numbers] = await ask(client, { $case: 'allExtensionNumbersOfType', value: message });
  if (numbers?.$case !== 'allExtensionNumbersResponse') throw new Error(String(numbers?.$case));
  const [number] = numbers.value.extensionNumber;
  expect(number).toBeGreaterThan(0);
  const [file] = await ask(client, {
    $case: 'fileContainingExtension',
    value: { containingType: message, extensionNumber: number ?? 0 },
  });
  expect(names(file)[0]).toMatch(/^hawser\/policy\//);
  const [none] = await ask(client, { $case: 'allExtensionNumbersOfType', value: 'market.v1.Trade' });
  expect(none?.value).toMatchObject({ extensionNumber: [] });
});

test('what is not there is an error in the answer, and the stream goes on', async () => {
  const { client } = await reflecting();
  const answers = await ask(
    client,
    { $case: 'fileByFilename', value: 'no.proto' },
    { $case: 'fileContainingSymbol', value: 'no.Symbol' },
    { $case: 'fileContainingExtension', value: { containingType: 'no.M', extensionNumber: 1 } },
    { $case: 'allExtensionNumbersOfType', value: 'no.M' },
    undefined,
    { $case: 'listServices', value: '' },
  );
  expect(answers.map((answer) => answer?.$case)).toEqual([...Array(5).fill('errorResponse'), 'listServicesResponse']);
  expect(answers.slice(0, 5).map((one) => (one?.value as { errorCode: number } | undefined)?.errorCode)).toEqual([
    5, 5, 5, 5, 3,
  ]);
});

const buf = 'node_modules/.bin/buf';

describeWith('buf', existsSync(buf), 'buf curl', () => {
  test('calls a service that it knows by reflection alone', async () => {
    const { address } = await reflecting();
    const url = `http://${address}/grpc.health.v1.Health/Check`;
    const { stdout } = await promisify(execFile)(buf, ['curl', '--protocol', 'grpc', '--http2-prior-knowledge', url]);
    expect(JSON.parse(stdout)).toEqual({ status: 'SERVING' });
  });
});
