import { getEventListeners } from 'node:events';
import { describe, expect, it } from 'vitest';
import { VirtualClock } from '../../src/testing/virtual-clock.js';
import { Echo, note } from '../support/echo.js';
import { served } from '../support/served.js';

const handlers = {
  say: <T>(request: T) => request,
  tell: () => {},
  async *repeat() {},
  collect: () => note('none'),
  async *chat() {},
};

describe('a call with an option that cannot be meant', () => {
  it.each(['say', 'repeat'] as const)('fails for whoever awaits or reads it, and leaves nothing (%s)', async (name) => {
    const { client } = await served(Echo, handlers);
    const { signal } = new AbortController();
    const call = client[name](note('x'), { timeout: '2 parsecs', signal });
    const result = Symbol.asyncIterator in call ? call.next() : call;
    await expect(result).rejects.toThrow('2 parsecs');
    expect(getEventListeners(signal, 'abort')).toHaveLength(0);
    if (Symbol.asyncIterator in call) expect(await call.next()).toEqual({ done: true, value: undefined });
  });
});

describe('a stream that nobody reads', () => {
  it('tells its headers and trailers when it is aborted or its deadline passes, and lets go of its signal', async () => {
    const clock = new VirtualClock();
    const { client } = await served(
      Echo,
      {
        ...handlers,
        async *repeat(_request, call) {
          call.responseHeaders.set('x-began', 'yes');
          await new Promise((resolve) => call.signal.addEventListener('abort', resolve));
        },
      },
      { client: { clock } },
    );
    const { signal } = new AbortController();
    const late = client.repeat(note('x'), { timeout: '1s', signal });
    expect((await late.headers).get('x-began')).toBe('yes');
    const missing = late.trailers;
    await clock.advance(1_000);
    expect((await missing).size).toBe(0);
    expect(getEventListeners(signal, 'abort')).toHaveLength(0);
    await expect(late.next()).rejects.toMatchObject({ code: 'DEADLINE_EXCEEDED' });

    const controller = new AbortController();
    const cancelled = client.repeat(note('x'), { signal: controller.signal });
    await cancelled.headers;
    const trailers = cancelled.trailers;
    controller.abort();
    expect((await trailers).size).toBe(0);
    expect((await client.repeat(note('x'), { signal: AbortSignal.abort() }).headers).size).toBe(0);
  });
});

describe('a unary call', () => {
  it('is a promise, and what comes of it is an ordinary one', async () => {
    const { client } = await served(Echo, handlers);
    const call = client.say(note('x'));
    expect(call).toBeInstanceOf(Promise);
    expect(await Promise.all([call, call.then(({ text }) => text), Promise.resolve(call)])).toEqual([
      note('x'),
      'x',
      note('x'),
    ]);
    expect(call.attempts).toBe(1);
    for (const derived of [call.then(), call.catch(() => {}), call.finally(() => {})]) {
      expect(Object.getPrototypeOf(derived)).toBe(Promise.prototype);
      expect(await derived).toEqual(note('x'));
    }
    const headers = await client.say(note('y')).headers;
    expect(headers.get('x-correlation-id')).toMatch(/^[0-9a-f]{32}$/);
  });
});

describe('a client that is closed', () => {
  it('refuses further calls as cancelled, and does not repeat them', async () => {
    const { client } = await served(Echo, handlers);
    await client.$close();
    const call = client.say(note('x'));
    await expect(call).rejects.toMatchObject({
      code: 'CANCELLED',
      reason: 'CLIENT_CLOSED',
      disposition: 'not-executed',
    });
    expect(call.attempts).toBe(1);
  });
});
