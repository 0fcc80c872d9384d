import { describe, expect, it } from 'vitest';
import { Mode, Outcome, Reset_Reason, Start_Kind } from '../../../gen/hawser/subscription/v1/subscription.js';
import { RpcError } from '../../../src/call/rpc-error.js';
import { SeqChecksum } from '../../../src/subscription/seq-checksum.js';
import type { Subscriber } from '../../../src/subscription/subscriber/subscriber.js';
import { epoch, otherEpoch, ScriptedServer, update } from './scripted-server.js';

function checksumOf(...seqs: number[]): number {
  const checksum = new SeqChecksum();
  for (const seq of seqs) checksum.add(seq);
  return checksum.value;
}

/** Subscribed with a snapshot of two keys at 5. */
function live(options: Parameters<ScriptedServer['subscribe']>[0] = {}) {
  const server = new ScriptedServer();
  const scripted = server.subscribe(options);
  server.welcome();
  server.accept(Outcome.FRESH, 5);
  server.snapshot(5, 5, [update(3, 'a'), update(5, 'b')], checksumOf(3, 5));
  return { server, ...scripted };
}

const held = ({ replica }: Subscriber): string[] =>
  [...replica.keys()].map((key) => `${key}=${Buffer.from(replica.get(key)?.value ?? '').toString()}`);

describe('a snapshot', () => {
  it('is shown when it is whole and consistent, and not before', () => {
    const server = new ScriptedServer();
    const { subscriber, told } = server.subscribe();
    expect(subscriber.state).toBe('Stale');
    server.welcome();
    expect(subscriber.state).toBe('Requested');
    server.accept(Outcome.FRESH, 5);
    expect(subscriber.state).toBe('Syncing');
    server.snapshot(5, 7, [update(3, 'a'), update(6, 'b')], checksumOf(3, 6));
    expect([subscriber.state, held(subscriber), told]).toEqual(['CatchingUp', [], []]);
    server.batch(5, 6, [update(6, 'b')]);
    expect(held(subscriber)).toEqual([]);
    server.batch(6, 7, [update(7, 'a', null)]);
    expect([subscriber.state, held(subscriber), told]).toEqual(['Live', ['b=v6'], ['ready']]);
    expect(subscriber.takeChange()).toMatchObject({ key: 'b', seq: 6, snapshot: true });
    expect(subscriber.takeChange()).toBeUndefined();
  });

  it.each([
    ['its count is wrong', () => [checksumOf(3, 5), 3]],
    ['its checksum is wrong', () => [1, 2]],
  ])('is thrown away when %s, and asked for again', async (_, wrong) => {
    const server = new ScriptedServer();
    const { subscriber, told } = server.subscribe();
    server.welcome();
    server.accept(Outcome.FRESH, 5);
    const [checksum, count] = wrong() as [number, number];
    server.snapshot(5, 5, [update(3, 'a'), update(5, 'b')], checksum, count);
    expect([subscriber.state, held(subscriber), told]).toEqual(['Broken', [], ['broken']]);
    expect(server.heard.at(-1)?.$case).toBe('unsubscribe');
    await server.clock.runTo(1000);
    expect([subscriber.state, server.asked.start?.kind]).toEqual(['Requested', Start_Kind.UNSPECIFIED]);
  });

  it('that was begun and not ended when the connection is lost leaves what was held', async () => {
    const { server, subscriber } = live();
    server.say({ $case: 'reset', value: { sub: server.sub, reason: 3, epoch } });
    server.accept(Outcome.RESET, 9);
    server.say(
      { $case: 'snapshotBegin', value: { sub: server.sub, ref: 101, epoch, at: 9, estimatedEntries: 0 } },
      { $case: 'snapshotChunk', value: { sub: server.sub, n: 0, entries: [update(9, 'c')] } },
    );
    server.hangUp();
    expect([subscriber.state, held(subscriber)]).toEqual(['Stale', ['a=v3', 'b=v5']]);
  });
});

describe('a chain of batches', () => {
  it('moves the position before anyone is told', () => {
    const { server, subscriber, events } = live();
    const positions: unknown[] = [];
    events.on('consistent', ({ position }) => positions.push([position.seq, subscriber.position?.seq]));
    server.batch(5, 6, [update(6, 'c')]);
    expect(positions).toEqual([[6, 6]]);
  });

  it('takes what runs ahead, and calls itself consistent when the position has passed it', () => {
    const { server, subscriber } = live();
    server.batch(5, 5, [update(8, 'a')]);
    expect([subscriber.consistent, held(subscriber)]).toEqual([false, ['a=v8', 'b=v5']]);
    server.batch(5, 9, [update(7, 'a', 'old'), update(9, 'b', null)]);
    expect([subscriber.consistent, held(subscriber)]).toEqual([true, ['a=v8']]);
  });

  it('remembers a key that was deleted ahead of the position, so that it does not come back', async () => {
    const { server, subscriber } = live();
    server.batch(5, 5, [update(8, 'a', null)]);
    server.hangUp();
    await server.clock.runTo(2000);
    server.welcome();
    expect(server.asked.start).toMatchObject({ kind: Start_Kind.RESUME, seq: 5 });
    server.accept(Outcome.REPLAY, 5, 8);
    server.batch(5, 7, [update(7, 'a', 'old')]);
    expect(held(subscriber)).toEqual(['b=v5']);
    server.batch(7, 8, [update(8, 'a', null)]);
    expect([subscriber.state, held(subscriber)]).toEqual(['Live', ['b=v5']]);
  });

  it('that breaks is resumed, and after three breaks begun anew with a snapshot', async () => {
    const { server, subscriber, told } = live();
    const starts: unknown[] = [];
    for (let n = 0; n < 3; n++) {
      server.batch(6 + n, 9, []);
      expect(subscriber.state).toBe('Broken');
      await server.clock.runTo(server.clock.now() + 1000);
      starts.push(server.asked.start?.kind);
      if (n < 2) server.accept(Outcome.REPLAY, 5);
    }
    expect(starts).toEqual([Start_Kind.RESUME, Start_Kind.RESUME, Start_Kind.UNSPECIFIED]);
    expect(told.filter((name) => name === 'broken' || name === 'reset')).toEqual([
      'broken',
      'broken',
      'broken',
      'reset',
    ]);
    expect(held(subscriber)).toEqual(['a=v3', 'b=v5']);
  });

  it('that breaks for one who accepts nothing but a replay fails after three breaks', async () => {
    const { server, subscriber } = live({ accept: ['REPLAY'] });
    for (let n = 0; n < 3; n++) {
      server.batch(9, 9, []);
      await server.clock.runTo(server.clock.now() + 1000);
      if (n < 2) server.accept(Outcome.REPLAY, 5);
    }
    expect([subscriber.state, subscriber.error?.code]).toEqual(['Failed', 'DATA_LOSS']);
  });

  it('is found broken by a bookmark when the last of it is lost', () => {
    const { server, subscriber } = live();
    server.say({ $case: 'progress', value: { ref: 101, epoch, deliveredTo: 6, head: 6, first: 1 } });
    expect(subscriber.state).toBe('Broken');
  });

  it('counts what was skipped between two cuts', () => {
    const { server, subscriber } = live();
    server.batch(5, 10, [{ ...update(10, 'a'), mergedCount: 3 }]);
    expect(subscriber.accounting.total).toEqual({ represented: 3, skipped: 2, gapped: 0 });
    server.say({ $case: 'gap', value: { sub: server.sub, ref: 101, from: 10, to: 14, reason: 1 } });
    server.batch(14, 15, [update(15, 'b')]);
    expect(subscriber.accounting.total).toEqual({ represented: 4, skipped: 2, gapped: 4 });
    expect(subscriber.consistent).toBe(false);
  });
});

describe('an outcome', () => {
  it.each([
    ['FRESH to a resume', Outcome.FRESH, 5],
    ['a replay from elsewhere', Outcome.REPLAY, 4],
    ['a gap that is not accepted', Outcome.GAP, 5],
    ['one that is none', 77, 5],
  ])('is no answer: %s', async (_, outcome, from) => {
    const { server, subscriber } = live();
    server.hangUp();
    await server.clock.runTo(2000);
    server.welcome();
    server.accept(outcome, from);
    expect(subscriber.state).toBe('Broken');
  });

  it('RESET in a new epoch voids what is held, which stays until the new state is whole', async () => {
    const { server, subscriber, events } = live();
    const resets: unknown[] = [];
    events.on('reset', (event) => resets.push(event));
    server.say({ $case: 'reset', value: { sub: server.sub, reason: 1, epoch: otherEpoch } });
    expect(resets).toMatchObject([{ reason: 'EPOCH_CHANGED', epochChanged: true, position: { seq: 5 } }]);
    expect(held(subscriber)).toEqual(['a=v3', 'b=v5']);
    while (subscriber.takeChange() !== undefined);
    server.accept(Outcome.RESET, 1);
    server.snapshot(1, 1, [update(1, 'b')], checksumOf(1));
    expect(held(subscriber)).toEqual(['b=v1']);
    expect([subscriber.takeChange(), subscriber.takeChange()]).toMatchObject([
      { key: 'a', value: undefined, snapshot: true },
      { key: 'b', seq: 1, snapshot: true },
    ]);
  });

  it('RESET fails one who accepts only a replay', () => {
    const { server, subscriber } = live({ accept: ['REPLAY'] });
    server.say({ $case: 'reset', value: { sub: server.sub, reason: 3, epoch } });
    expect([subscriber.state, subscriber.error?.reason]).toEqual(['Failed', 'UNRECOVERABLE']);
  });

  it('to come back later is obeyed, not before the time the server names', async () => {
    const { server, subscriber } = live();
    const { sub } = server;
    server.say({
      $case: 'unsubscribed',
      value: { sub, code: 'BACK_PRESSURE', retryable: true, retryAfterMs: 3000, message: '', position: undefined },
    });
    expect(subscriber.state).toBe('Broken');
    await server.clock.runTo(server.clock.now() + 1400);
    server.say({ $case: 'pong', value: { nonce: 0 } });
    await server.clock.runTo(server.clock.now() + 1400);
    server.say({ $case: 'pong', value: { nonce: 0 } });
    expect(server.sub).toBe(sub);
    await server.clock.runTo(server.clock.now() + 400);
    expect(server.sub).toBe(sub + 1);
  });
});

describe('credit', () => {
  it('is given back as changes are taken, and not before', () => {
    const server = new ScriptedServer();
    const { subscriber } = server.subscribe({ credit: { updates: 4 } }, {});
    server.welcome();
    server.accept(Outcome.FRESH, 0, 0, Mode.EVERY, false);
    server.batch(0, 4, [update(1), update(2), update(3), update(4)]);
    expect(server.heard.some(({ $case }) => $case === 'credit')).toBe(false);
    subscriber.takeChange();
    expect(server.heard.some(({ $case }) => $case === 'credit')).toBe(false);
    subscriber.takeChange();
    expect(server.heard.at(-1)).toMatchObject({ $case: 'credit', value: { limits: { updates: 6 } } });
  });

  it('that a server ignores breaks the chain before memory fills', () => {
    const server = new ScriptedServer();
    const { subscriber } = server.subscribe({ credit: { updates: 4 } }, {});
    server.welcome();
    server.accept(Outcome.FRESH, 0, 0, Mode.EVERY, false);
    const updates = Array.from({ length: 11_000 }, (_, n) => update(n + 1));
    server.batch(0, 11_000, updates);
    expect(subscriber.state).toBe('Broken');
    expect(subscriber.feed.waiting).toBe(0);
  });
});

describe('a connection', () => {
  it('that is silent for a heartbeat and its slack is lost', async () => {
    const { server, subscriber, told } = live();
    await server.clock.runTo(1499);
    expect(subscriber.state).toBe('Live');
    await server.clock.runTo(1501);
    expect([subscriber.state, told.at(-1), server.connected]).toEqual(['Stale', 'stale', false]);
    expect(held(subscriber)).toEqual(['a=v3', 'b=v5']);
  });

  it('to a server that never welcomes is given up, and tried again with a growing wait', async () => {
    const server = new ScriptedServer();
    server.subscribe();
    await server.clock.runTo(60_000);
    expect(server.session.connections).toBeGreaterThan(8);
    expect(server.session.connections).toBeLessThan(13);
  });

  it('that is refused for good fails its subscriptions', () => {
    const server = new ScriptedServer();
    const { subscriber } = server.subscribe();
    server.hangUp(new RpcError('UNIMPLEMENTED', 'there is no subscription service'));
    expect([subscriber.state, subscriber.error?.code]).toEqual(['Failed', 'UNIMPLEMENTED']);
  });

  it('that the server wants to end is left at a time drawn from the window', async () => {
    const times: number[] = [];
    for (let seed = 0; seed < 300; seed++) {
      const server = new ScriptedServer(seed);
      server.subscribe();
      server.welcome(100_000, 0);
      server.say({ $case: 'goAway', value: { reason: 'SHUTDOWN', windowMs: 1000 } });
      server.hangUp();
      while (server.session.connections < 2) await server.clock.runTo(server.clock.now() + 1);
      times.push(server.clock.now());
    }
    const { check } = await import('../checker/check.js');
    const { emptyHistory } = await import('../checker/history.js');
    const history = emptyHistory();
    history.departures.push({ window: 1001, after: times });
    expect(check(history)).toEqual([]);
  });

  it.each([
    ['a batch before Welcome', (s: ScriptedServer) => s.batch(0, 1, [], 1)],
    ['a second Welcome', (s: ScriptedServer) => [s.welcome(), s.welcome()]],
    ['a chain that nobody announced', (s: ScriptedServer) => [s.welcome(), s.batch(0, 1, [], 999)]],
    [
      'a subscription that nobody asked for',
      (s: ScriptedServer) => {
        s.welcome();
        s.say({ $case: 'snapshotEnd', value: { sub: 77, at: 0, consistentAt: 0, count: 0, checksum: 0 } });
      },
    ],
  ])('on which the server says %s is ended, and tried again later', async (_, say) => {
    const server = new ScriptedServer();
    const { subscriber } = server.subscribe();
    say(server);
    expect([subscriber.state, server.connected]).toEqual(['Stale', false]);
    await server.clock.runTo(server.clock.now() + 1000);
    expect(server.connected).toBe(true);
  });

  it('carries nothing of a subscription that was ended here, whatever the server still says', () => {
    const { server, subscriber } = live();
    const second = server.subscribe();
    const first = subscriber.sub;
    subscriber.dispatch('end', undefined);
    server.batch(5, 6, [update(6, 'a')], first + 100);
    expect(held(subscriber)).toEqual(['a=v3', 'b=v5']);
    expect([subscriber.state, second.subscriber.state, server.connected]).toEqual(['Ended', 'Requested', true]);
  });
});

describe('a replica that grows beyond its bounds', () => {
  it('fails the subscription with a sentence, while the snapshot is still on its way', () => {
    const server = new ScriptedServer();
    const { subscriber } = server.subscribe({ maxKeys: 3 });
    server.welcome();
    server.accept(Outcome.FRESH, 9);
    server.snapshot(
      9,
      9,
      [1, 2, 3, 4].map((n) => update(n, `k${n}`)),
      checksumOf(1, 2, 3, 4),
    );
    expect([subscriber.state, subscriber.error?.code]).toEqual(['Failed', 'RESOURCE_EXHAUSTED']);
    expect(subscriber.error?.message).toMatch(/larger than this subscription holds: 3 keys/);
  });
});

it('a gap between a snapshot and what makes it consistent is not forgotten when it is shown', () => {
  const server = new ScriptedServer();
  const { subscriber, told } = server.subscribe({ accept: ['REPLAY', 'GAP'] });
  server.welcome();
  server.accept(Outcome.FRESH, 5);
  server.snapshot(5, 8, [update(3, 'a')], checksumOf(3));
  server.say({ $case: 'gap', value: { sub: server.sub, ref: 101, from: 5, to: 9, reason: 2 } });
  expect([subscriber.state, told, subscriber.consistent]).toEqual(['Live', ['gap', 'ready'], false]);
});

it('a replay from a commit before the snapshot is a state of the topic again where the snapshot was', async () => {
  const server = new ScriptedServer();
  const accept = ['REPLAY', 'RESET'] as const;
  const { subscriber } = server.subscribe({ accept }, { key: 'k', mode: 'LATEST', recovery: 'REPEATING' });
  server.welcome();
  server.accept(Outcome.FRESH, 5);
  server.snapshot(5, 5, [update(3, 'a'), update(5, 'b')], checksumOf(3, 5));
  subscriber.commit({ epoch: epoch.toString('hex'), seq: 5 });
  server.say({ $case: 'commitOk', value: { sub: server.sub, position: { epoch, seq: 5 } } });
  server.say({ $case: 'reset', value: { sub: server.sub, reason: 4, epoch } });
  server.accept(Outcome.RESET, 8);
  server.snapshot(8, 8, [update(7, 'b')], checksumOf(7)); // `a` was deleted at 8, and no entry says so
  server.hangUp();
  await server.clock.runTo(2000);
  server.welcome();
  server.accept(Outcome.REPLAY, 5, 8);
  server.batch(5, 7, [update(7, 'b')]);
  expect([held(subscriber), subscriber.consistent]).toEqual([['b=v7'], false]);
  server.batch(7, 8, [update(8, 'a', null)]);
  expect([held(subscriber), subscriber.consistent]).toEqual([['b=v7'], true]);
});

describe('one that repeats', () => {
  const generation = (digit: number): Buffer => Buffer.alloc(8, digit);

  function standing(seq: number, committed: { readonly seq: number; readonly by: number }) {
    const server = new ScriptedServer();
    const accept = ['REPLAY', 'RESET'] as const;
    const { subscriber } = server.subscribe({ accept }, { key: 'k', recovery: 'REPEATING' });
    server.welcome();
    server.accept(Outcome.FRESH, 0);
    const begin = { sub: server.sub, ref: 101, epoch, at: seq, estimatedEntries: 0, generation: generation(2) };
    server.say(
      { $case: 'snapshotBegin', value: begin },
      {
        $case: 'snapshotEnd',
        value: { sub: server.sub, at: seq, consistentAt: seq, count: 0, checksum: checksumOf() },
      },
    );
    const position = { epoch, seq: committed.seq, generation: generation(committed.by) };
    server.say({ $case: 'commitOk', value: { sub: server.sub, position } });
    return { server, subscriber };
  }

  const asked = async ({ server }: ReturnType<typeof standing>) => {
    server.hangUp();
    await server.clock.runTo(2000);
    server.welcome();
    const { kind, seq, generation, held } = server.asked.start ?? {};
    return [kind, seq, generation?.[0], held?.seq, held?.generation?.[0]];
  };

  it('says what it holds beside the commit that it goes on from', async () => {
    expect(await asked(standing(5, { seq: 3, by: 1 }))).toEqual([Start_Kind.RESUME, 3, 1, 5, 2]);
    expect(await asked(standing(5, { seq: 5, by: 1 }))).toEqual([Start_Kind.RESUME, 5, 1, 5, 2]);
    expect(await asked(standing(5, { seq: 5, by: 2 }))).toEqual([Start_Kind.RESUME, 5, 2, undefined, undefined]);
  });

  it('does not go on from a commit beyond what it holds', async () => {
    expect(await asked(standing(5, { seq: 9, by: 1 }))).toEqual([Start_Kind.RESUME, 5, 2, undefined, undefined]);
  });

  it.each([Reset_Reason.EPOCH_CHANGED, Reset_Reason.EPOCH_VIOLATION])(
    'forgets what was committed to a history that is gone (%s)',
    async (reason) => {
      const { server, subscriber } = standing(5, { seq: 3, by: 1 });
      server.say({ $case: 'reset', value: { sub: server.sub, reason, epoch } });
      server.accept(Outcome.RESET, 8);
      server.snapshot(8, 8, [update(7, 'b')], checksumOf(7));
      expect((await asked({ server, subscriber })).slice(0, 2)).toEqual([Start_Kind.RESUME, 8]);
    },
  );
});

describe('a reset that is cut off before its snapshot ends', () => {
  it.each([
    ['with keys begins with a snapshot', true, Start_Kind.UNSPECIFIED],
    ['without keys begins with the oldest update of the log, not at its head', false, Start_Kind.LAST_N],
  ])('%s', async (_, keyed, kind) => {
    const server = new ScriptedServer();
    const { subscriber, told } = server.subscribe({ accept: ['REPLAY', 'RESET'], from: 'head' });
    server.welcome();
    server.accept(Outcome.FRESH, 5, 5, Mode.EVERY, keyed);
    server.say({ $case: 'reset', value: { sub: server.sub, reason: Reset_Reason.EPOCH_VIOLATION, epoch } });
    server.accept(Outcome.RESET, 0, 3, Mode.EVERY, keyed);
    server.hangUp();
    await server.clock.runTo(2000);
    server.welcome();
    const { start } = server.asked;
    expect([start?.kind, keyed || (start?.count ?? 0) >= 2 ** 31 - 1]).toEqual([kind, true]);
    if (keyed) return;
    server.accept(Outcome.REPLAY, 0, 2, Mode.EVERY, keyed);
    server.batch(0, 2, [update(1, ''), update(2, '')]);
    expect([subscriber.state, subscriber.position?.seq]).toEqual(['Live', 2]);
    expect(told.filter((name) => name === 'reset')).toEqual(['reset']);
  });
});
