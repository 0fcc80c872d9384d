import { expect, it, onTestFinished } from 'vitest';
import { cacheServer } from '../../examples/cache/cache.js';
import { joinPresence } from '../../examples/cache/presence.js';

it('shows everybody who is there, and nobody who left or fell silent', async () => {
  const server = cacheServer();
  onTestFinished(() => server.close({ grace: 0 }));
  const { grpc } = await server.listen({ grpc: '127.0.0.1:0' });
  const anna = await joinPresence(grpc, 'anna', 'at the desk', 600_000);
  onTestFinished(() => anna.vanish());
  const who = () => [...anna.others()].map(([name, status]) => `${name} ${Buffer.from(status)}`).sort();
  const seen = (...all: string[]) => expect.poll(who, { timeout: 15_000, interval: 5 }).toEqual(all);
  const ben = await joinPresence(grpc, 'ben', 'away', 600_000);
  await seen('anna at the desk', 'ben away');
  await ben.leave();
  await seen('anna at the desk');
  const cleo = await joinPresence(grpc, 'cleo', 'here', 3_000);
  await seen('anna at the desk', 'cleo here');
  await cleo.vanish();
  await seen('anna at the desk');
});
