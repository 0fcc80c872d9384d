/** The connections to one address, with connections by hand on virtual time. */
import { seededRandom, VirtualClock } from 'hawser/testing';
import { describe, expect, it } from 'vitest';
import type { RpcError } from '../../../src/call/rpc-error.js';
import { grpcClientTerms } from '../../../src/transports/grpc/client-options.js';
import {
  type ClientConnection,
  type ConnectionWatcher,
  Link,
  type Waiting,
} from '../../../src/transports/grpc/link.js';
import { runs } from '../../support/soak.js';

class ByHand implements ClientConnection {
  readonly watcher: ConnectionWatcher<ByHand>;
  readonly most: number;
  state: 'connecting' | 'ready' | 'retired' | 'closed' = 'connecting';
  open = 0;
  calmed = false;
  held = false;

  constructor(watcher: ConnectionWatcher<ByHand>, most: number) {
    this.watcher = watcher;
    this.most = most;
  }

  get room(): number {
    return this.state === 'ready' ? this.most - this.open : 0;
  }

  hold(wanted: boolean): void {
    this.held = wanted;
  }

  stand(): void {
    this.state = 'ready';
    this.watcher.ready(this);
  }

  retire(): void {
    this.state = 'retired';
    this.watcher.retired(this);
  }

  close(): void {
    if (this.state === 'ready') this.retire();
    else if (this.state === 'connecting') this.fall();
  }

  fall(): void {
    const stood = this.state !== 'connecting';
    if (this.state === 'ready') this.retire();
    this.state = 'closed';
    this.watcher.closed(this, stood ? undefined : new Error('refused'));
  }

  release(): void {
    this.open -= 1;
    if (this.state === 'ready') this.watcher.released(this);
  }
}

class One implements Waiting<ByHand> {
  on: ByHand | undefined;
  error: RpcError | undefined;

  begin(connection: ByHand): void {
    expect(this.settled).toBe(false);
    expect(connection.room).toBeGreaterThan(0);
    connection.open += 1;
    this.on = connection;
  }

  cannotBegin(error: RpcError): void {
    expect(this.settled).toBe(false);
    this.error = error;
  }

  get settled(): boolean {
    return this.on !== undefined || this.error !== undefined;
  }
}

function linked(most = 1) {
  const clock = new VirtualClock();
  const made: ByHand[] = [];
  const terms = grpcClientTerms({ reconnect: { initial: 1_000, max: 1_000 } });
  const connect = (_terms: unknown, watcher: ConnectionWatcher<ByHand>): ByHand => {
    const connection = new ByHand(watcher, most);
    made.push(connection);
    return connection;
  };
  const link = new Link<ByHand>('a:1', connect, terms, clock);
  const take = (): One => {
    const one = new One();
    link.take(one);
    return one;
  };
  const last = (): ByHand => made.at(-1) as ByHand;
  return { clock, made, link, take, last };
}

describe('a link', () => {
  it('gives a call that comes when the only connection goes, after another could not be made, one at once', () => {
    const { made, take, last } = linked();
    take();
    last().stand();
    // A second connection, since the first is full, is refused: there is a wait for the next, and no error that calls are told.
    take();
    expect(made.length).toBe(2);
    last().fall();
    const [first] = made as [ByHand];
    first.release();
    first.release();
    first.retire();
    const late = take();
    expect(made.length).toBe(3);
    last().stand();
    expect(late.on).toBe(last());
  });

  it('tries again for calls that wait for room, when another connection could not be made', async () => {
    const { clock, made, take, last } = linked();
    take();
    last().stand();
    const waits = take();
    last().fall();
    expect(waits.settled).toBe(false);
    await clock.advance(1_500);
    expect(made.length).toBe(3);
    last().stand();
    expect(waits.on).toBe(last());
  });

  it('makes as many connections, one after the other, as the calls that wait need', () => {
    const { made, take, last } = linked();
    const all = [take(), take(), take()];
    for (let i = 1; i <= 3; i++) {
      expect(made.length).toBe(i);
      last().stand();
    }
    expect(all.every(({ on }) => on !== undefined)).toBe(true);
  });

  it('puts no call on a connection that knows of its end before it tells', () => {
    const { made, take, last } = linked(10);
    take();
    last().stand();
    last().state = 'retired';
    const one = take();
    expect(made.length).toBe(2);
    last().stand();
    expect(one.on).toBe(last());
  });

  it('keeps the program alive while calls wait, though nothing is open', () => {
    const { link, take, last } = linked(0);
    const one = take();
    expect(last().held).toBe(true);
    last().stand();
    take();
    expect(one.settled).toBe(false);
    expect(last().held).toBe(true);
    link.forget(one);
    expect(last().held).toBe(true);
  });

  it('gives silent connections up at most once a second, and less often when that does not help', async () => {
    const { clock, made, take, last } = linked(10);
    let given = 0;
    take();
    last().stand();
    for (let ms = 0; ms < 100_000; ms += 100) {
      const connection = last();
      connection.watcher.silent(connection);
      if (connection.state === 'retired') {
        given += 1;
        take();
        last().stand();
      }
      await clock.advance(100);
    }
    // At 0, 1, 3, 7, 15, 31 and 63 s.
    expect(given).toBe(7);
    expect(made.length).toBe(8);
  });

  it('never leaves a call that waits without anything that will wake it', async () => {
    for (let run = 0; run < runs(300); run++) {
      const seed = `link ${process.env.HAWSER_SEED ?? Math.floor(Math.random() * 1e9)} ${run}`;
      const random = seededRandom(seed);
      const upTo = (most: number): number => Math.floor(random.next() * most);
      const { clock, made, link, take } = linked(upTo(3) + 1);
      const calls: One[] = [];
      const among = <T>(list: readonly T[]): T | undefined => list[upTo(list.length)];
      for (let step = 0; step < 60; step++) {
        const connection = among(made.filter(({ state }) => state !== 'closed'));
        switch (upTo(7)) {
          case 0:
          case 1:
            calls.push(take());
            break;
          case 2: {
            const one = among(calls.filter(({ settled }) => !settled));
            if (one !== undefined) {
              link.forget(one);
              calls.splice(calls.indexOf(one), 1);
            }
            break;
          }
          case 3:
            if (connection?.state === 'connecting') connection.stand();
            break;
          case 4:
            if (connection !== undefined && connection.open > 0) connection.release();
            break;
          case 5:
            if (upTo(2) === 0) connection?.fall();
            else if (connection?.state === 'ready') connection.retire();
            break;
          default:
            await clock.advance(upTo(700));
        }
        if (calls.every(({ settled }) => settled)) {
          expect(
            made.some(({ held, state }) => held && state !== 'closed'),
            seed,
          ).toBe(false);
          continue;
        }
        const living = made.filter(({ state }) => state === 'connecting' || state === 'ready');
        const full = made.filter(({ state }) => state === 'ready');
        expect(living.filter(({ state }) => state === 'connecting').length, seed).toBeLessThanOrEqual(1);
        expect(
          full.every(({ room }) => room === 0),
          seed,
        ).toBe(true);
        expect(
          living.some(({ state, held }) => held && (state === 'connecting' || full.length > 0)) || clock.timers > 0,
          seed,
        ).toBe(true);
        expect(living.some(({ state }) => state === 'connecting') || clock.timers > 0 || full.length === 8, seed).toBe(
          true,
        );
      }
      link.close();
    }
  });
});
