import { getEventListeners } from 'node:events';
import { describe, expect, it } from 'vitest';
import type { Handlers } from '../../src/server/handlers.js';
import { Echo, note } from '../support/echo.js';
import { deferred, served, settled } from '../support/served.js';

const idle: Handlers<typeof Echo> = {
  say: (request) => request,
  tell: () => {},
  async *repeat() {},
  collect: () => note('none'),
  async *chat() {},
};

describe('a signal that many calls share', () => {
  it('has one listener however many calls follow it, and none once they are over', async () => {
    const hold = deferred();
    const { client } = await served(Echo, { ...idle, say: (request) => hold.promise.then(() => request) });
    const { signal } = new AbortController();
    const calls = Array.from({ length: 50 }, () => client.say(note('x'), { signal }));
    await settled();
    expect(getEventListeners(signal, 'abort')).toHaveLength(1);
    hold.resolve();
    await Promise.all(calls);
    expect(getEventListeners(signal, 'abort')).toHaveLength(0);
    await client.say(note('again'), { signal });
    expect(getEventListeners(signal, 'abort')).toHaveLength(0);
  });

  it('ends them all, and only those that are still going', async () => {
    const hold = deferred();
    const { client } = await served(Echo, {
      ...idle,
      say: (request) => (request.text === 'quick' ? request : hold.promise.then(() => request)),
    });
    const controller = new AbortController();
    const options = { signal: controller.signal };
    const slow = [client.say(note('slow'), options), client.say(note('slow'), options)];
    expect(await client.say(note('quick'), options)).toEqual(note('quick'));
    controller.abort(new Error('enough'));
    for (const call of slow)
      await expect(call).rejects.toMatchObject({ code: 'CANCELLED', cause: { message: 'enough' } });
    expect(getEventListeners(controller.signal, 'abort')).toHaveLength(0);
  });
});
