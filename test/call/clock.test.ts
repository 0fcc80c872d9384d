import { type ClientTransport, createClient } from 'hawser';
import { afterEach, expect, it, vi } from 'vitest';
import { Echo, note } from '../support/echo.js';

afterEach(() => void vi.useRealTimers());

it('is the one that fake timers move, so that whoever tests with them sees deadlines pass', async () => {
  vi.useFakeTimers();
  const forever = (): Promise<never> => new Promise(() => {});
  const deaf: ClientTransport = { encoding: 'proto', address: 'deaf', bind: () => forever, close: async () => {} };
  const failure = createClient(Echo, deaf)
    .say(note('x'), { timeout: '5s' })
    .catch((error: unknown) => error);
  await vi.advanceTimersByTimeAsync(4_900);
  expect(await Promise.race([failure, 'pending'])).toBe('pending');
  await vi.advanceTimersByTimeAsync(200);
  expect(await Promise.race([failure, 'pending'])).toMatchObject({ code: 'DEADLINE_EXCEEDED' });
});
