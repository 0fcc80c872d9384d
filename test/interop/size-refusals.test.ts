/** A message above the limit of a foreign gRPC server: a reason of its own, whatever library refuses it, and no word on the address. */
import grpc from '@grpc/grpc-js';
import { createClient, silentLogger } from 'hawser';
import { afterEach, expect, it } from 'vitest';
import { outcomeOf } from '../../src/interceptors/breaker.js';
import { errorOf } from '../../src/transports/grpc/received-status.js';
import { Echo, note } from '../support/echo.js';

const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

const bytes = (value: Buffer): Buffer => value;
const path = { path: '/test.Echo/Say', requestStream: false, responseStream: false };

it.each([
  ['receives', { 'grpc.max_receive_message_length': 1_000 }, {}],
  ['receives compressed', { 'grpc.max_receive_message_length': 1_000 }, { grpc: { gzip: true } }],
  ['sends', { 'grpc.max_send_message_length': 1_000 }, {}],
])('grpc-js, of what it %s', async (_what, limits, options) => {
  const server = new grpc.Server(limits);
  server.addService(
    {
      say: {
        ...path,
        requestSerialize: bytes,
        requestDeserialize: bytes,
        responseSerialize: bytes,
        responseDeserialize: bytes,
      },
    },
    {
      say: (call: { request: Buffer }, answer: grpc.sendUnaryData<Buffer>) => {
        const big = call.request.includes('fill');
        answer(null, Buffer.from(JSON.stringify(note('x'.repeat(big ? 5_000 : 1)))));
      },
    },
  );
  closers.push(() => server.forceShutdown());
  const port = await new Promise<number>((resolve, reject) =>
    server.bindAsync('127.0.0.1:0', grpc.ServerCredentials.createInsecure(), (error, bound) =>
      error === null ? resolve(bound) : reject(error),
    ),
  );
  const client = createClient(Echo, `grpc://127.0.0.1:${port}`, { logger: silentLogger, retry: false, ...options });
  closers.push(() => client.$close());
  const text = 'grpc.max_send_message_length' in limits ? 'fill' : 'x'.repeat(5_000);
  await expect(client.say(note(text))).rejects.toMatchObject({
    code: 'RESOURCE_EXHAUSTED',
    reason: 'MESSAGE_TOO_LARGE',
    domain: 'hawser',
  });
});

const trailers = (message: string) =>
  ({
    text: (name: string) => (name === 'grpc-status' ? '8' : name === 'grpc-message' ? message : undefined),
    bytes: () => undefined,
  }) as unknown as Parameters<typeof errorOf>[0];

it.each([
  ['C++ and Python', 'Received message larger than max (5000 vs. 1000)'],
  ['C++ and Python', 'Sent message larger than max (20000 vs. 1000)'],
  ['C++ and Python', 'SERVER: Received message larger than max (5000 vs. 1000)'],
  ['Go', 'grpc: received message larger than max (5000 vs. 1000)'],
  ['Go', 'grpc: received message larger than max length allowed on current machine (5000 vs. 1000)'],
  ['Go', 'grpc: received message after decompression larger than max 1000'],
  ['Go', 'grpc: message after decompression larger than max (5000 vs. 1000)'],
  ['Go', 'grpc: trying to send message larger than max (5000 vs. 1000)'],
  ['Node', 'Received message that decompresses to a size larger than 1000'],
  ['Node', 'Attempted to send message with a size larger than 1000'],
  ['Java', 'gRPC message exceeds maximum size 1000: 5000'],
  ['Java', 'Decompressed gRPC message exceeds maximum size 1000'],
  ['.NET', 'Received message exceeds the maximum configured message size.'],
  ['.NET', 'Sending message exceeds the maximum configured message size.'],
  ['connect-go', 'message size 5000 is larger than configured max 1000'],
  ['Rust', 'Error, encoded message length too large: found 5000 bytes, the limit is: 1000 bytes'],
])('the words of %s: %s', (_library, message) => {
  const error = errorOf(trailers(message));
  expect(error).toMatchObject({ reason: 'MESSAGE_TOO_LARGE', domain: 'hawser' });
  expect(outcomeOf(error)).toBe('neutral');
});

it.each(['quota of the message queue exceeded', 'the catch is larger than the hold', 'too many messages'])(
  'other words are no size: %s',
  (message) => expect(errorOf(trailers(message))?.info).toBeUndefined(),
);
