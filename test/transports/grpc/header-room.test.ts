/** What the headers of calls that are open may hold on one connection. */
import { connect } from 'node:http2';
import { createClient, createServer, silentLogger } from 'hawser';
import { expect, it } from 'vitest';
import { Echo, note } from '../../support/echo.js';

it('headers of open calls have room for ten thousand ordinary ones on a connection, and a bound', async () => {
  let began = 0;
  // Hawser's own HTTP/2 has the bound.
  const grpcOptions = { engine: 'own' } as const;
  const server = createServer({ logger: silentLogger, admission: { limit: 100_000 }, grpc: grpcOptions });
  server.add(Echo, {
    say: () => {
      began += 1;
      return new Promise<never>(() => {});
    },
    tell: () => {},
    async *repeat() {},
    collect: async () => note('none'),
    async *chat() {},
  });
  const { grpc } = await server.listen({ grpc: '127.0.0.1:0' });
  const client = createClient(Echo, `grpc://${grpc}`, { logger: silentLogger, retry: false, grpc: grpcOptions });
  const errors: unknown[] = [];
  for (let i = 0; i < 9_000; i++) client.say(note('wait'), { timeout: '60s' }).catch((error) => errors.push(error));
  while (began + errors.length < 9_000) await new Promise((resolve) => setTimeout(resolve, 20));
  expect([began, errors]).toEqual([9_000, []]);
  await client.$close();

  const session = connect(`http://${grpc}`, { maxSessionMemory: 1_000 });
  const refused: number[] = [];
  const large = Object.fromEntries(Array.from({ length: 10 }, (_, i) => [`x-${i}`, `${i}`.repeat(1_400)]));
  // Some 14 KB each: more than 20 MiB in all.
  for (let i = 0; i < 2_000; i++) {
    const headers = {
      ':method': 'POST',
      ':path': '/test.Echo/Say',
      te: 'trailers',
      'content-type': 'application/grpc',
    };
    const stream = session.request({ ...headers, ...large }, { endStream: false });
    stream.on('error', () => {});
    stream.on('close', () => void refused.push(stream.rstCode));
    if (i % 100 === 99) await new Promise((resolve) => setTimeout(resolve, 1));
  }
  while (refused.length < 100) await new Promise((resolve) => setTimeout(resolve, 20));
  expect(new Set(refused)).toEqual(new Set([7]));
  session.destroy();
  await server.close({ grace: 0 });
}, 60_000);
