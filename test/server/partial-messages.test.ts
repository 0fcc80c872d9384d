import { createClient, createServer, MemoryNetwork } from 'hawser';
import { expect, test } from 'vitest';
import { Health } from '../../gen/grpc/health/v1/health.rpc.js';

test('calls over proto take messages with fields left out, and handlers answer with such', async () => {
  const network = new MemoryNetwork();
  const server = createServer({ health: false });
  server.add(Health, { check: () => ({}), list: () => ({ statuses: { a: {} } }), watch: () => [{}] });
  await server.listen({ memory: network });
  const client = createClient(Health, network);
  expect(await client.check({})).toEqual({ status: 0 });
  expect((await client.list({})).statuses.a).toEqual({ status: 0 });

  // @ts-expect-error A number is no name.
  await expect(client.check({ service: 5 })).rejects.toThrow(/HealthCheckRequest\.service: 5 is not a string/);
  client.$close();
  await server.close();
});
