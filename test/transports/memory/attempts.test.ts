import { expect, it } from 'vitest';
import { Call } from '../../../src/call/call.js';
import { InFlight } from '../../../src/call/in-flight.js';
import { RpcError } from '../../../src/call/rpc-error.js';
import { type Attempt, attemptOf } from '../../../src/transports/memory/client-half.js';
import type { RequestPath, ResponsePath } from '../../../src/transports/memory/paths.js';
import { Echo } from '../../support/echo.js';

const ignore = (): undefined => {};
const nowhere: RequestPath = { open: ignore, message: ignore, end: ignore, cancel: ignore, lost: ignore };

it.each(['say', 'repeat'] as const)('an attempt of %s is in flight until it ends, however it does', async (name) => {
  const method = Echo.methods[name];
  const failure = new RpcError('UNAVAILABLE', 'gone');
  const ends: readonly ((back: ResponsePath, attempt: Attempt) => void)[] = [
    (back) => back.end(undefined, undefined),
    (back) => back.end(undefined, failure),
    (back) => back.lost(failure),
    (_back, attempt) => attempt.cancel(failure),
  ];
  for (const end of ends) {
    const attempts = new InFlight<Attempt>();
    let back: ResponsePath | undefined;
    const connect = (way: ResponsePath): RequestPath => {
      back = way;
      return nowhere;
    };
    const call = new Call({ method, side: 'client', encoding: 'proto', request: new Uint8Array() });
    const attempt = attemptOf(call, { peer: { address: 'memory' }, connect, attempts });
    const answer = Promise.resolve(attempt.start()).catch(() => {});
    expect(attempts.size).toBe(1);
    end(back as ResponsePath, attempt);
    expect(attempts.size).toBe(0);
    await answer;
  }
});
