import { describe, expect, it } from 'vitest';
import { Call } from '../../src/call/call.js';
import { pump } from '../../src/call/pump.js';
import { RpcError } from '../../src/call/rpc-error.js';
import { Echo } from '../support/echo.js';

function call(): Call {
  return new Call({ method: Echo.methods.collect, side: 'client', encoding: 'proto', request: undefined });
}

describe('the sending end of a stream', () => {
  it('ends with the reason when its own generator aborts the call, and every other listener hears of it', async () => {
    const sending = call();
    const reason = new RpcError('CANCELLED', 'enough');
    function* messages() {
      yield 'one';
      sending.abort(reason); // return() throws now: the generator is running
      yield 'two';
    }
    const sent: string[] = [];
    const done = pump(sending, messages(), (message) => void sent.push(message));
    const heard: unknown[] = [];
    sending.onAbort((why) => heard.push(why));
    await expect(done).rejects.toBe(reason);
    expect(sent).toEqual(['one']);
    expect(heard).toEqual([reason]);
  });
});
