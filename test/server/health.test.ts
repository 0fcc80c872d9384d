import { expect, onTestFinished, test } from 'vitest';
import { HealthCheckResponse_ServingStatus as Status } from '../../gen/grpc/health/v1/health.js';
import { Health } from '../../gen/grpc/health/v1/health.rpc.js';
import { healthService } from '../../src/server/health.js';
import { listenGrpc } from '../../src/transports/grpc/server.js';
import { clientOf, dispatcher, transport } from '../transports/grpc/wire.js';

async function healthOf(names: readonly string[]) {
  const health = healthService(names);
  const listener = await listenGrpc(dispatcher([[health.service, health.handlers]]), { address: '127.0.0.1:0' });
  onTestFinished(() => listener.close(0));
  return { health, client: clientOf(Health, transport(listener.address)) };
}

test('the server and each of its services can be checked; others are NOT_FOUND', async () => {
  const { health, client } = await healthOf(['a.B', 'c.D']);
  expect((await client.check({ service: '' })).status).toBe(Status.SERVING);
  health.setServing('a.B', false);
  expect((await client.check({ service: 'a.B' })).status).toBe(Status.NOT_SERVING);
  expect((await client.check({ service: 'c.D' })).status).toBe(Status.SERVING);
  await expect(client.check({ service: 'x.Y' })).rejects.toMatchObject({
    code: 'NOT_FOUND',
    reason: 'SERVICE_UNKNOWN',
  });
});

test('all services are listed, up to 100', async () => {
  const { health, client } = await healthOf(['a.B']);
  expect(Object.keys((await client.list({})).statuses)).toEqual(['', 'a.B']);
  for (let i = 0; i < 100; i++) health.setServing(`s${i}`, true);
  await expect(client.list({})).rejects.toMatchObject({ code: 'RESOURCE_EXHAUSTED' });
});

test('a watcher is told the status, each change, and the end', async () => {
  const { health, client } = await healthOf(['a.B']);
  const watch = client.watch({ service: 'a.B' });
  const next = async () => (await watch.next()).value?.status;
  expect(await next()).toBe(Status.SERVING);
  health.setServing('c.D', true);
  health.setServing('a.B', true);
  health.setServing('a.B', false);
  expect(await next()).toBe(Status.NOT_SERVING);
  health.setServing('a.B', true);
  expect(await next()).toBe(Status.SERVING);
  health.shutdown();
  expect(await next()).toBe(Status.NOT_SERVING);
  expect((await watch.next()).done).toBe(true);
  health.setServing('a.B', true);
  expect((await client.check({ service: 'a.B' })).status).toBe(Status.NOT_SERVING);
});

test('a service that is not known is watched until it is', async () => {
  const { health, client } = await healthOf([]);
  const watch = client.watch({ service: 'later.S' });
  expect((await watch.next()).value?.status).toBe(Status.SERVICE_UNKNOWN);
  health.setServing('later.S', true);
  expect((await watch.next()).value?.status).toBe(Status.SERVING);
  await watch.return?.();
});
