/** A client that only publishes, over a connection of its own and with frames that no program of ours has made. */
import { ClientFrame, type Published, ServerFrame } from '../../../gen/hawser/subscription/v1/subscription.js';
import type { Session } from '../../../src/subscription/connection.js';
import type { Hub } from '../../../src/subscription/hub/hub.js';

export function publishAsClient(
  hub: Hub,
  topic: string,
  key: string,
  value: string,
  answered: (answer: Published) => void,
): void {
  let session: Session | undefined;
  let over = false;
  session = hub.connect({
    peer: 'foreign',
    principal: 'foreign',
    writable: true,
    send: (bytes) => {
      for (const { item } of ServerFrame.decode(bytes).items) {
        if (item?.$case !== 'published') continue;
        over = true;
        answered(item.value);
      }
      if (over) session?.closed();
    },
    onDrain: () => {},
    close: () => {},
  });
  const hello = { version: 1, clientId: '', maxFrameBytes: 0, heartbeatMs: 0, credit: undefined };
  const publish = {
    request: 1,
    topic,
    key,
    value: Buffer.from(value, 'latin1'),
    tombstone: false,
    ttlMs: 0,
    producerId: '',
    producerSeq: 0,
    expect: undefined,
    atomicGroup: 0,
  };
  const items = [
    { item: { $case: 'hello' as const, value: hello } },
    { item: { $case: 'publish' as const, value: publish } },
  ];
  session?.receive(ClientFrame.encode({ items }));
}
