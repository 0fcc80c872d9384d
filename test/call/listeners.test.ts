/** What hangs on a call is told of its end, all of it. */
import { afterEach, describe, expect, it, vi } from 'vitest';
import { Call } from '../../src/call/call.js';
import { RpcError } from '../../src/call/rpc-error.js';
import { Echo } from '../support/echo.js';

const fails = (): never => {
  throw new Error('a listener of the test failed');
};

describe('a listener that throws', () => {
  const warned = vi.spyOn(process, 'emitWarning').mockImplementation(() => {});
  afterEach(() => warned.mockClear());

  const call = () => new Call({ method: Echo.methods.say, side: 'client', encoding: 'proto', request: undefined });

  it.each<[string, (one: Call, fn: () => void) => void, (one: Call) => void]>([
    ['an abort', (one, fn) => one.onAbort(fn), (one) => one.abort(new RpcError('CANCELLED', 'x'))],
    ['the end', (one, fn) => one.onFinish(fn), (one) => one.finish()],
    ['the headers', (one, fn) => one.onResponseHeaders(fn), (one) => one.receiveHeaders(one.headers)],
  ])('on %s keeps no other from being told, nor whoever tells them from going on', (_what, listen, tell) => {
    const one = call();
    const told: number[] = [];
    listen(one, () => told.push(1));
    listen(one, fails);
    listen(one, () => told.push(2));
    expect(() => tell(one)).not.toThrow();
    expect(told).toEqual([1, 2]);
    expect(warned).toHaveBeenCalledOnce();
    expect(String(warned.mock.calls[0]?.[0])).toContain('a listener of the test failed');
  });
});
