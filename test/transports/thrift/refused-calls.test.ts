import { ApplicationFault, decodeApplicationException, TMessageType, writeMessage } from 'hawser/thrift';
import { afterEach, describe, expect, it } from 'vitest';
import { closeAll, echoMessage, framed, RawPeer, readAnswer, serveParley } from './harness.js';
import { Parley } from './parley.js';

afterEach(closeAll);

/** A server whose only place is taken by a call on another connection. */
async function full() {
  const served = await serveParley(undefined, { admission: { limit: 1, queue: false } });
  const holder = await RawPeer.connect(served.port);
  const slow = Parley.methods.slow.request.encode({ text: 'held' }, 'binary');
  holder.send(framed(writeMessage('binary', 'slow', TMessageType.CALL, 1, slow)));
  while (!served.slow.has('held')) await new Promise((resolve) => setImmediate(resolve));
  return served;
}

const names = ['echo', 'Parley:echo', 'nobody', 'echo', 'ping', 'refuse'] as const;

describe('calls that a Thrift server has no room for', () => {
  it.each([
    ['binary', 'framed'],
    ['binary', 'bare'],
    ['compact', 'framed'],
  ] as const)(
    'are answered each by its own name and number, in order, whatever stands between them: %s, %s',
    async (protocol, framing) => {
      const served = await full();
      const peer = await RawPeer.connect(served.port);
      // More than is joined to one write, and numbers of every size.
      const asked = Array.from({ length: framing === 'bare' ? 60 : 600 }, (_, i) => ({
        name: names[i % names.length] ?? '',
        seqid: i * 3_571_429,
      }));
      const messages = asked.map(({ name, seqid }) => echoMessage('hi', { name, seqid: seqid | 0, protocol }));
      peer.send(...(framing === 'bare' ? messages : messages.map(framed)));
      for (const { name, seqid } of asked) {
        const body = { name: name.replace('Parley:', ''), type: TMessageType.EXCEPTION, seqid: seqid | 0 };
        const answer = framing === 'bare' ? undefined : readAnswer(await peer.frame(), protocol);
        const found = answer ?? (await bareAnswer(peer));
        expect(found).toMatchObject(body);
        const { type, code, disposition } = decodeApplicationException(found.body, protocol);
        expect({ type, code, disposition }).toEqual(
          name === 'nobody'
            ? { type: ApplicationFault.UNKNOWN_METHOD, code: 12, disposition: 'not-executed' }
            : { type: ApplicationFault.INTERNAL_ERROR, code: 14, disposition: 'not-executed' },
        );
      }
      expect(served.server.admission()).toMatchObject({ refused: (asked.length / 6) * 5, inFlight: 1 });
      served.slow.get('held')?.();
    },
  );

  it('wait for the answer of a call before them that was let in', async () => {
    const served = await serveParley(undefined, { admission: { limit: 1, queue: false } });
    const peer = await RawPeer.connect(served.port);
    const slow = Parley.methods.slow.request.encode({ text: 'first' }, 'binary');
    peer.send(
      framed(writeMessage('binary', 'slow', TMessageType.CALL, 1, slow)),
      framed(echoMessage('hi', { seqid: 2 })),
      framed(echoMessage('hi', { seqid: 3 })),
    );
    while (served.server.admission()?.refused !== 2) await new Promise((resolve) => setImmediate(resolve));
    expect(peer.received).toHaveLength(0);
    served.slow.get('first')?.();
    expect(readAnswer(await peer.frame())).toMatchObject({ seqid: 1, type: TMessageType.REPLY });
    expect(readAnswer(await peer.frame())).toMatchObject({ seqid: 2, type: TMessageType.EXCEPTION });
    expect(readAnswer(await peer.frame())).toMatchObject({ seqid: 3, type: TMessageType.EXCEPTION });
  });
});

/** The next EXCEPTION without a frame: as many bytes as it takes until one can be read. */
async function bareAnswer(peer: RawPeer) {
  for (let bytes = 13; ; bytes++) {
    await peer.until(() => peer.received.length >= bytes);
    try {
      const answer = readAnswer(peer.received.subarray(0, bytes));
      decodeApplicationException(answer.body, 'binary');
      await peer.bytes(bytes);
      return answer;
    } catch (error) {
      if (bytes > 4_096) throw error;
    }
  }
}
