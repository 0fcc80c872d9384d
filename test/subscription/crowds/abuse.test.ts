/**
 * Clients that mean no good, or are broken, each on a connection of its own beside one that is well: they are told what is
 * wrong, the server's memory stays, and the one that is well gets every update in the meantime.
 */
import { Client, credentials } from '@grpc/grpc-js';
import { expect, onTestFinished, test } from 'vitest';
import {
  ClientFrame,
  type ClientItem,
  ServerFrame,
  type ServerItem,
  Start_Kind,
} from '../../../gen/hawser/subscription/v1/subscription.js';
import { subscription } from '../../support/hub-client.js';
import { leastHeld, reader, startServer, until, untilHeld } from './children.js';

type Given = NonNullable<ClientItem['item']>;
type Item = NonNullable<ServerItem['item']>;

const soak = process.env.HAWSER_SOAK !== undefined;
const requests = soak ? 1_000_000 : 100_000;
/** ms for each step; all of it in twice that and what the requests take. */
const limit = 60_000;
const same = (bytes: Buffer): Buffer => bytes;
const hello = { version: 1, clientId: '', maxFrameBytes: 0, heartbeatMs: 0, credit: undefined };

class RawClient {
  readonly items: Item[] = [];
  status: { readonly code: number; readonly details: string } | undefined;
  onItem: (item: Item) => void = () => {};
  readonly #stream;

  constructor(address: string, reads: boolean) {
    const client = new Client(address, credentials.createInsecure(), { 'grpc.use_local_subchannel_pool': 1 });
    onTestFinished(() => client.close());
    this.#stream = client.makeBidiStreamRequest('/hawser.subscription.v1.Subscriptions/Connect', same, same);
    this.#stream.on('error', () => {});
    this.#stream.on('status', (status) => {
      this.status = status;
    });
    if (reads) {
      this.#stream.on('data', (bytes: Buffer) => {
        for (const { item } of ServerFrame.decode(bytes).items) {
          if (item === undefined) continue;
          this.items.push(item);
          this.onItem(item);
        }
      });
    }
    this.give({ $case: 'hello', value: hello });
  }

  give(...items: Given[]): void {
    this.giveBytes(Buffer.from(ClientFrame.encode({ items: items.map((item) => ({ item })) })));
  }

  giveBytes(bytes: Buffer): void {
    this.#stream.write(bytes);
  }

  of<K extends Item['$case']>(kind: K): Extract<Item, { $case: K }>['value'][] {
    return this.items.filter((one) => one.$case === kind).map((one) => one.value) as never;
  }
}

const latest = 'test.Crowd/Latest';
const every = 'test.Crowd/Every';
const future = (seq: number, epoch: Uint8Array) => ({
  start: { kind: Start_Kind.RESUME, epoch, seq, time: 0, count: 0 },
});

test('clients that abuse the service are told so, cost no memory, and hold up nobody', {
  timeout: 2 * limit + requests,
}, async () => {
  const { grpc, tell } = await startServer();
  const healthy = reader(grpc, 'every');
  await until('that the healthy one begins', limit, () => healthy.state === 'Live');
  let head = 0;
  const burst = async (): Promise<void> => {
    head = (await tell({ publish: 500, from: head })).head;
    await until(`that the healthy one is at ${head}`, limit, () => healthy.position?.seq === head);
  };
  for (let n = 0; n < 12; n++) await burst();
  const before = await leastHeld(tell);

  // They never read what they asked for.
  for (let n = 0; n < 20; n++) {
    new RawClient(grpc, false).give({ $case: 'subscribe', value: subscription(1, n % 2 === 0 ? every : latest) });
  }
  await burst();

  const garbage = new RawClient(grpc, true);
  garbage.giveBytes(Buffer.from('\xff\xff\xff\xff no frame', 'latin1'));
  await until('that garbage is answered', limit, () => garbage.status !== undefined);
  expect(garbage.of('error')).toMatchObject([{ code: 'FRAME_MALFORMED' }]);
  await burst();

  // As much as a number can say, then less, then more than one can say.
  const absurd = new RawClient(grpc, true);
  absurd.give({
    $case: 'subscribe',
    value: subscription(1, latest, { credit: { updates: Number.MAX_SAFE_INTEGER, bytes: Number.MAX_SAFE_INTEGER } }),
  });
  absurd.give({ $case: 'credit', value: { sub: 1, limits: { updates: 1, bytes: 1 } } });
  absurd.give({ $case: 'credit', value: { sub: 77, limits: { updates: 1, bytes: 1 } } });
  await burst();
  await until('that absurd credit is served', limit, () => absurd.of('batch').at(-1)?.to === head);
  const beyond = [0x0a, 0x11, 0x2a, 0x0f, 0x08, 0x01, 0x12, 0x0b, 0x08, ...Array<number>(9).fill(0xff), 0x01];
  absurd.giveBytes(Buffer.from(beyond)); // ClientItem.credit{ sub: 1, limits{ updates: 2^64-1 } }
  await until('that a credit beyond numbers is answered', limit, () => absurd.status !== undefined);
  expect(absurd.of('error')).toMatchObject([{ code: 'FRAME_MALFORMED' }]);

  const ahead = new RawClient(grpc, true);
  const epoch = Buffer.from(healthy.position?.epoch ?? '', 'hex');
  ahead.give({ $case: 'subscribe', value: subscription(1, every, future(head + 1000, epoch)) });
  ahead.give({ $case: 'subscribe', value: subscription(2, latest, future(1e15, Buffer.alloc(16, 1))) });
  await until('that the future is answered', limit, () => ahead.of('snapshotEnd').length === 1);
  expect(ahead.of('unsubscribed')).toMatchObject([{ sub: 1, code: 'UNRECOVERABLE', retryable: false }]);
  expect(ahead.of('unsubscribed')[0]?.message).toContain(`the head is ${head}`);
  expect(ahead.of('reset')).toMatchObject([{ sub: 2 }]);
  await burst();

  // One reads the answers, one does not.
  const many = [new RawClient(grpc, true), new RawClient(grpc, false)] as const;
  let answers = 0;
  let answered = 0;
  many[0].onItem = ({ $case }) => {
    if ($case === 'subscribed' || $case === 'unsubscribed') answered += 1;
  };
  for (let first = 1; first <= requests; first += 1000) {
    const frame = Array.from({ length: 1000 }, (_, n) => ({
      $case: 'subscribe' as const,
      value: subscription(first + n, latest),
    }));
    for (const one of many) if (one.status === undefined) one.give(...frame);
    // Who waits for its answers may ask on and on.
    answers += frame.length;
    await until(`that ${answers} requests are answered`, limit, () => answered === answers);
    if (first % 10_000 === 1) await burst();
  }
  expect(many[0].of('subscribed').length).toBe(1000);
  expect(many[0].of('unsubscribed')[0]).toMatchObject({ code: 'TOO_MANY_SUBSCRIPTIONS', retryable: false });
  expect(many[0].of('unsubscribed')[0]?.message).toContain('1000 subscriptions at most');
  await burst();

  const after = await tell('memory');
  expect(after.waiting).toBeLessThan(512 * 1024);
  await untilHeld('nothing is kept for those who abuse', tell, before.held + 64 * 2 ** 20);
  if (soak) expect(after.rss - before.rss).toBeLessThan(300 * 2 ** 20);
  expect(healthy.stats).toEqual({ represented: head, skipped: 0, gapped: 0 });
});
