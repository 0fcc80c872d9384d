import fc from 'fast-check';
import { TMessageType } from 'hawser/thrift';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { decodeError } from '../../../src/transports/thrift/application-errors.js';
import { runs } from '../../support/soak.js';
import { closeAll, closing, echoMessage, framed, RawPeer, readAnswer, type Served, serveParley } from './harness.js';

afterEach(closeAll);

/** A server with one place, and that is taken by a call of another connection. */
async function full(): Promise<{ served: Served; rejected: string[]; free: () => Promise<void> }> {
  const served = await serveParley({}, { admission: { limit: 1, queue: false } });
  const rejected: string[] = [];
  const holder = await RawPeer.connect(served.port);
  const take = async (seqid: number): Promise<void> => {
    holder.send(framed(echoMessage('held', { name: 'slow', seqid })));
    await vi.waitUntil(() => served.slow.has('held'), { timeout: 20_000 });
  };
  await take(1);
  served.server.on('rejected', ({ method }) => rejected.push(method.name));
  return {
    served,
    rejected,
    free: async () => {
      served.slow.get('held')?.();
      await holder.frame();
    },
  };
}

interface Asked {
  readonly name: string;
  readonly protocol: 'binary';
  readonly type: TMessageType;
  readonly seqid: number;
  readonly text: string;
}

const asked: fc.Arbitrary<Asked> = fc.record({
  name: fc.constantFrom('echo', 'echo', 'echo', 'Parley:echo', 'ech', 'echoes', 'ping', 'slow'),
  protocol: fc.constant('binary' as const),
  type: fc.constantFrom(TMessageType.CALL, TMessageType.CALL, TMessageType.CALL, TMessageType.ONEWAY),
  seqid: fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }),
  text: fc.string({ maxLength: 40 }),
});

describe('calls that there is no room for', () => {
  it('are each refused once, in their order and by their own name and number, however their bytes come', async () => {
    const { served, rejected } = await full();
    await fc.assert(
      fc.asyncProperty(fc.array(asked, { minLength: 1, maxLength: 60 }), fc.array(fc.nat()), async (calls, cuts) => {
        rejected.length = 0;
        const peer = await RawPeer.connect(served.port);
        const bytes = Buffer.concat(calls.map(({ text, ...message }) => framed(echoMessage(text, message))));
        const places = cuts.map((cut) => cut % bytes.length).sort((a, b) => a - b);
        for (const [i, place] of [0, ...places].entries()) peer.send(bytes.subarray(place, places[i] ?? bytes.length));
        for (const { name, type, seqid } of calls) {
          if (type === TMessageType.ONEWAY) continue;
          const answer = readAnswer(await peer.frame());
          expect(answer).toMatchObject({ name: name.replace('Parley:', ''), seqid, type: TMessageType.EXCEPTION });
          const { error } = decodeError(answer.body, 'binary', undefined);
          const known = !name.startsWith('ech') || name === 'echo';
          expect(error).toMatchObject({ reason: known ? 'OVERLOADED' : 'UNKNOWN_METHOD', disposition: 'not-executed' });
        }
        peer.send(framed(echoMessage('the last', { name: 'ping', seqid: 7 })));
        expect(readAnswer(await peer.frame()).seqid).toBe(7);
        const refused = calls.filter(({ name }) => name !== 'ech' && name !== 'echoes');
        expect(rejected).toEqual([...refused.map(({ name }) => name.replace('Parley:', '')), 'ping']);
        peer.close();
      }),
      { numRuns: runs(60) },
    );
  });

  it('are served as soon as there is room again, on the same connection', async () => {
    const { served, rejected, free } = await full();
    const peer = await RawPeer.connect(served.port);
    const burst = (first: number): Buffer =>
      Buffer.concat([0, 1, 2].map((i) => framed(echoMessage('again', { seqid: first + i }))));
    peer.send(burst(1));
    for (const seqid of [1, 2, 3]) {
      expect(readAnswer(await peer.frame())).toMatchObject({ seqid, type: TMessageType.EXCEPTION });
    }
    await free();
    peer.send(framed(echoMessage('again', { seqid: 4 })));
    expect(readAnswer(await peer.frame())).toMatchObject({ seqid: 4, type: TMessageType.REPLY });
    expect(rejected).toHaveLength(3);
  });

  it('wait for the answers before them', async () => {
    const served = await serveParley({}, { admission: { limit: 1, queue: false } });
    const other = await RawPeer.connect(served.port);
    const peer = await RawPeer.connect(served.port);
    other.send(framed(echoMessage('held', { name: 'slow' })));
    await vi.waitUntil(() => served.slow.has('held'), { timeout: 20_000 });
    peer.send(framed(echoMessage('known', { seqid: 1 })));
    expect(readAnswer(await peer.frame())).toMatchObject({ seqid: 1, type: TMessageType.EXCEPTION });
    served.slow.get('held')?.();
    await other.frame();
    peer.send(framed(echoMessage('mine', { name: 'slow', seqid: 2 })));
    await vi.waitUntil(() => served.slow.has('mine'), { timeout: 20_000 });
    peer.send(framed(echoMessage('refused', { seqid: 3 })), framed(echoMessage('refused', { seqid: 4 })));
    // What is refused meanwhile has been read when another connection, opened later, has been answered.
    const witness = await RawPeer.connect(served.port);
    witness.send(framed(echoMessage('', { name: 'nosuch' })));
    await witness.frame();
    served.slow.get('mine')?.();
    expect(readAnswer(await peer.frame())).toMatchObject({ seqid: 2, type: TMessageType.REPLY });
    for (const seqid of [3, 4]) {
      expect(readAnswer(await peer.frame())).toMatchObject({ seqid });
    }
  });

  it('hear of a shutdown, not of the overload, once the server drains', async () => {
    const { served } = await full();
    const peer = await RawPeer.connect(served.port);
    peer.send(framed(echoMessage('refused', { seqid: 1 })));
    await peer.frame();
    const closed = closing({ close: () => served.server.close({ grace: 2_000 }) }).close();
    peer.send(framed(echoMessage('refused', { seqid: 2 })));
    const { body, seqid } = readAnswer(await peer.frame());
    expect(seqid).toBe(2);
    expect(decodeError(body, 'binary', undefined).error.reason).toBe('SHUTDOWN');
    served.slow.get('held')?.();
    await closed;
  });

  it('are judged by their bytes: one that ends within its header breaks the connection as ever', async () => {
    const { served } = await full();
    const peer = await RawPeer.connect(served.port);
    peer.send(framed(echoMessage('refused', { seqid: 1 })));
    await peer.frame();
    const opening = echoMessage('', { seqid: 2 }).subarray(0, 12);
    peer.send(framed(Buffer.concat([opening, Buffer.of(0, 0)])), framed(echoMessage('behind', { seqid: 3 })));
    await peer.gone();
    expect(peer.received).toHaveLength(0);
    expect(served.log.some(({ message }) => message.includes('the message ends within its header'))).toBe(true);
  });
});
