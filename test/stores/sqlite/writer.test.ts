import { AsyncLocalStorage } from 'node:async_hooks';
import { type Logger, silentLogger } from 'hawser';
import { VirtualClock } from 'hawser/testing';
import { describe, expect, it } from 'vitest';
import { deferred } from '../../support/served.js';
import { scratchStore } from './scratch-store.js';
import { effect, loopTurn, sell, watchedDriver } from './selling.js';

/** A store that writes down what it commits: each commit as the names of the effects in it. */
async function recorded(options: Parameters<typeof scratchStore>[0] = {}) {
  const log: string[] = [];
  const scratch = await scratchStore({ ...options, driver: watchedDriver((sql) => log.push(sql)) });
  const commits = () => log.filter((sql) => sql === 'COMMIT').length;
  log.length = 0;
  return { ...scratch, log, commits };
}

describe('the writer of an SQLite store', () => {
  it('commits what comes together once', async () => {
    const { store, effects, commits } = await recorded();
    await Promise.all(Array.from({ length: 50 }, (_, n) => sell(store, `k${n}`)));
    // The first of a store that was idle does not wait for others.
    expect(commits()).toBe(1);
    expect(effects()).toEqual(Array.from({ length: 50 }, (_, n) => `k${n}`));
  });

  it('commits a group that is full, and gives the event loop a turn before the next', async () => {
    const { store, commits } = await recorded({ groupLimit: 10 });
    let turns = 0;
    const count = (): void => {
      turns += 1;
      immediate = setImmediate(count);
    };
    let immediate = setImmediate(count);
    await Promise.all(Array.from({ length: 100 }, (_, n) => sell(store, `k${n}`)));
    clearImmediate(immediate);
    expect(commits()).toBe(10);
    expect(turns).toBeGreaterThanOrEqual(9);
    expect(turns).toBeLessThan(25);
  });

  it('answers nobody before the commit', async () => {
    const { store, log, effects } = await recorded();
    const answered: number[] = [];
    await Promise.all(
      Array.from({ length: 5 }, async (_, n) => {
        await sell(store, `k${n}`);
        answered.push(log.lastIndexOf('COMMIT'));
        expect(effects()).toHaveLength(5);
      }),
    );
    expect(answered).not.toContain(-1);
  });

  it('costs no turn of the event loop per call whose handler is done at once', async () => {
    const { store } = await scratchStore();
    let turns = 0;
    let immediate = setImmediate(function count() {
      turns += 1;
      immediate = setImmediate(count);
    });
    await Promise.all(
      Array.from({ length: 100 }, (_, n) => sell(store, `k${n}`, { before: async () => {}, after: () => null })),
    );
    clearImmediate(immediate);
    expect(turns).toBeLessThan(5);
  });

  it('waits for as many as came last time, and not for long', async () => {
    const clock = new VirtualClock();
    const { store, commits } = await recorded({ clock, groupDelay: 7 });
    await Promise.all(['a', 'b', 'c'].map((key) => sell(store, key)));
    expect(commits()).toBe(1);
    let done = false;
    const alone = sell(store, 'd').then(() => {
      done = true;
    });
    await loopTurn();
    await loopTurn();
    expect(done).toBe(false);
    await clock.advance(6);
    expect(done).toBe(false);
    await clock.advance(1);
    await alone;
    expect(clock.now()).toBe(7);
    // One came: the next alone waits for nobody.
    await sell(store, 'e');
    expect(clock.now()).toBe(7);
    expect(commits()).toBe(3);
  });

  it('undoes a handler that fails among others and nothing else, and tells it at once', async () => {
    const { store, effects, keys, log } = await recorded();
    const failed = sell(store, 'b', {
      after: () => {
        throw new Error('no fish');
      },
    }).catch(() => log.push('told'));
    await Promise.all([sell(store, 'a'), failed, sell(store, 'c')]);
    expect(log.indexOf('told')).toBeLessThan(log.indexOf('COMMIT'));
    expect(effects()).toEqual(['a', 'c']);
    expect(keys()).toEqual(['a', 'c']);
  });

  it('opens no savepoint and no transaction for what only replays', async () => {
    const { store, log } = await recorded();
    await sell(store, 'a');
    log.length = 0;
    expect(await sell(store, 'a')).toMatchObject({ kind: 'recorded' });
    expect(log.filter((sql) => /BEGIN|SAVEPOINT|COMMIT/.test(sql))).toEqual([]);
  });

  it('opens no savepoint for a handler that only reads', async () => {
    const { store, log } = await recorded();
    await store.write((tx) => tx.prepare('SELECT count(*) FROM effects').get());
    expect(log.filter((sql) => sql.startsWith('SAVEPOINT'))).toEqual([]);
  });

  it('looks for the records of all that came together, and writes theirs, one right after another', async () => {
    const { store, log } = await recorded();
    await Promise.all(['a', 'b', 'c'].map((key) => sell(store, key)));
    const kinds = log.map((sql) => /^(SELECT|SAVEPOINT|INSERT INTO \w+|RELEASE|BEGIN|COMMIT)/.exec(sql)?.[0]);
    const [effect, record] = ['INSERT INTO effects', 'INSERT INTO hawser_records'];
    const turn = ['SAVEPOINT', effect, 'RELEASE'];
    expect(kinds).toEqual([
      ...['SELECT', 'BEGIN', ...turn, 'SELECT', 'SELECT'],
      ...[...turn, ...turn],
      ...[record, record, record, 'COMMIT'],
    ]);
  });

  it.each([
    ['before', 3],
    ['after', 3],
    ['at once', 1],
  ])('looks for few records more than once where handlers await I/O: %s', async (when, most) => {
    const { store, log } = await recorded();
    const how = when === 'at once' ? {} : { [when]: loopTurn };
    const calls = 40;
    await Promise.all(Array.from({ length: calls }, (_, n) => sell(store, `k${n}`, how)));
    expect(log.filter((sql) => sql.startsWith('SELECT')).length).toBeLessThanOrEqual(most * calls);
  });

  it('finds what a group committed that its turn was looked ahead in', async () => {
    const { store, effects } = await recorded({ groupLimit: 2 });
    await sell(store, 'known');
    const kinds = await Promise.all(['a', 'b', 'known', 'c', 'known'].map((key) => sell(store, key)));
    expect(kinds.map(({ kind }) => kind)).toEqual(['executed', 'executed', 'recorded', 'executed', 'recorded']);
    expect(effects()).toEqual(['known', 'a', 'b', 'c']);
  });

  it('lets no key have its effect twice, though it is executed twice at a time', async () => {
    const { store, effects, keys } = await recorded();
    const calls = ['a', 'b', 'a'].map((key) => sell(store, key));
    const refused = (await Promise.allSettled(calls)).map((call) => call.status === 'rejected' && call.reason);
    expect(refused).toMatchObject([
      { code: 'UNAVAILABLE', disposition: 'not-executed' },
      { code: 'UNAVAILABLE', disposition: 'not-executed' },
      { code: 'ABORTED', reason: 'IDEMPOTENCY_IN_PROGRESS', disposition: 'not-executed' },
    ]);
    expect([...effects(), ...keys()]).toEqual([]);
    const again = await Promise.all(['a', 'b', 'a'].map((key) => sell(store, key)));
    expect(again.map(({ kind }) => kind)).toEqual(['executed', 'executed', 'recorded']);
    expect(effects()).toEqual(['a', 'b']);
  });
});

describe('a handler that suspends while it holds the writer', () => {
  it('keeps nobody waiting who was done, as long as it has not written', async () => {
    const { store, effects } = await scratchStore();
    const slow = deferred();
    const done = sell(store, 'a');
    const slowly = sell(store, 'slow', { method: 'Slow', before: () => slow.promise });
    await done;
    expect(effects()).toEqual(['a']);
    slow.resolve();
    await slowly;
    expect(effects()).toEqual(['a', 'slow']);
  });

  it('keeps them waiting once when it has written; from then on the group commits before it begins', async () => {
    const { store, effects } = await scratchStore();
    const first = deferred();
    let done = false;
    const waits = sell(store, 'a').then(() => {
      done = true;
    });
    const slowly = sell(store, 'slow', { method: 'Slow', after: () => first.promise });
    await loopTurn();
    await loopTurn();
    expect(done).toBe(false);
    first.resolve();
    await Promise.all([waits, slowly]);

    const second = deferred();
    const ahead = sell(store, 'b');
    const again = sell(store, 'slow2', { method: 'Slow', after: () => second.promise });
    const behind = sell(store, 'c');
    await ahead;
    expect(effects()).toEqual(['a', 'slow', 'b']);
    second.resolve();
    await Promise.all([again, behind]);
    expect(effects()).toEqual(['a', 'slow', 'b', 'slow2', 'c']);
  });

  it('is forgotten to suspend when it no longer does', async () => {
    const { store, commits } = await recorded();
    await sell(store, 'slow', { method: 'Slow', after: loopTurn });
    for (let n = 0; n < 32; n++) await sell(store, `s${n}`, { method: 'Slow' });
    const before = commits();
    await Promise.all(Array.from({ length: 10 }, (_, n) => sell(store, `t${n}`, { method: 'Slow' })));
    expect(commits() - before).toBe(1);
  });

  it('does not keep answers that are there already waiting', async () => {
    const { store } = await scratchStore();
    await sell(store, 'known');
    const slow = deferred();
    const slowly = sell(store, 'slow', { after: () => slow.promise });
    await loopTurn();
    await loopTurn();
    expect(await sell(store, 'known')).toMatchObject({ kind: 'recorded' });
    slow.resolve();
    await slowly;
  });

  it('is undone alone when it fails in the end', async () => {
    const { store, effects } = await scratchStore();
    const failed = sell(store, 'slow', {
      after: async () => {
        await loopTurn();
        throw new Error('no fish');
      },
    });
    const others = [sell(store, 'a'), sell(store, 'b')];
    await expect(failed).rejects.toThrow('no fish');
    await Promise.all(others);
    expect(effects()).toEqual(['a', 'b']);
  });

  it('is named in a warning, once a minute', async () => {
    const clock = new VirtualClock();
    const warnings: unknown[] = [];
    const logger: Logger = { ...silentLogger, warn: (fields, message) => warnings.push({ ...fields, message }) };
    const { store } = await scratchStore({ clock, logger, warnAfter: 100 });
    const hold = async (key: string, ms: number): Promise<void> => {
      const slow = deferred();
      const held = sell(store, key, { method: 'Slow', after: () => slow.promise });
      await loopTurn();
      await loopTurn();
      await clock.advance(ms);
      slow.resolve();
      await held;
    };
    await hold('a', 99);
    expect(warnings).toEqual([]);
    await hold('b', 150);
    await hold('c', 150);
    expect(warnings).toEqual([
      {
        method: 'market.v1.Till/Slow',
        held: 100,
        message: expect.stringMatching(/^market\.v1\.Till\/Slow has held the writer of the database for 100 ms/),
      },
    ]);
    await clock.advance(60_000);
    await hold('d', 150);
    expect(warnings).toHaveLength(2);
  });

  it('is rolled back at the limit, so that one hung handler does not stop every write', async () => {
    const clock = new VirtualClock();
    const { store, effects } = await scratchStore({ clock, holdLimit: '5s' });
    let kept: unknown;
    const hung = sell(store, 'hung', {
      method: 'Hung',
      after: (tx) => {
        kept = tx;
        return new Promise(() => {});
      },
    });
    const failure = expect(hung).rejects.toMatchObject({
      code: 'DEADLINE_EXCEEDED',
      reason: 'STORE_HELD',
      message: expect.stringMatching(/Till\/Hung held the writer of the database for 5000 ms \(holdLimit\)/),
    });
    const next = sell(store, 'next');
    await loopTurn();
    await loopTurn();
    await clock.advance(5_000);
    await failure;
    await next;
    expect(effects()).toEqual(['next']);
    expect(() => effect(kept as never, 'late')).toThrow(/is over/);
  });

  it('keeps each handler in the async context of its call', async () => {
    const { store } = await scratchStore();
    const context = new AsyncLocalStorage<string>();
    const seen = await Promise.all(
      ['a', 'b', 'c', 'd'].map((key, n) =>
        context.run(key, () =>
          store.write(async () => {
            const before = context.getStore();
            if (n % 2 === 0) await loopTurn();
            return [before, context.getStore()];
          }),
        ),
      ),
    );
    expect(seen).toEqual(['a', 'b', 'c', 'd'].map((key) => [key, key]));
  });
});

describe('store.write, store.read and the queue', () => {
  it('writes in turn with the handlers and returns what the function returned', async () => {
    const { store, effects, commits } = await recorded();
    const [, value] = await Promise.all([
      sell(store, 'a'),
      store.write((tx) => {
        effect(tx, 'b');
        return 7;
      }),
      store.write(async (tx) => effect(tx, 'c')),
    ]);
    expect(value).toBe(7);
    expect(effects()).toEqual(['a', 'b', 'c']);
    expect(commits()).toBe(1);
    const failure = new Error('no fish');
    await expect(
      store.write((tx) => {
        effect(tx, 'd');
        throw failure;
      }),
    ).rejects.toBe(failure);
    expect(effects()).toEqual(['a', 'b', 'c']);
  });

  it('reads what is committed, and only reads', async () => {
    const { store } = await scratchStore();
    await sell(store, 'a');
    const names = () => store.read((tx) => tx.prepare('SELECT name FROM effects').all());
    await sell(store, 'b', {
      after: () => expect(names()).toEqual([{ name: 'a' }]),
    });
    expect(names()).toEqual([{ name: 'a' }, { name: 'b' }]);
    expect(() => store.read((tx) => effect(tx, 'c'))).toThrow('store.read only reads; write with store.write');
    expect(() => store.read(async () => 1)).toThrow('the function given to store.read must be synchronous');
    expect(store.read((tx) => store.read((same) => same === tx))).toBe(true);
    let kept: { prepare(sql: string): unknown } | undefined;
    store.read((tx) => {
      kept = tx;
    });
    expect(() => kept?.prepare('SELECT 1')).toThrow('store.read is over');
  });

  it('refuses a write inside a write, which would wait for itself', async () => {
    const { store, effects } = await scratchStore();
    const nested = { code: 'FAILED_PRECONDITION', reason: 'NESTED_TRANSACTION', disposition: 'not-executed' };
    await store.write(async (tx) => {
      effect(tx, 'a');
      await expect(store.write(() => {})).rejects.toMatchObject(nested);
    });
    expect(effects()).toEqual(['a']);
  });

  it('refuses calls beyond what may wait', async () => {
    const { store } = await scratchStore({ queueLimit: 2 });
    const slow = deferred();
    const accepted = [sell(store, 'a', { after: () => slow.promise }), sell(store, 'b'), sell(store, 'c')];
    await expect(sell(store, 'd')).rejects.toMatchObject({
      code: 'UNAVAILABLE',
      reason: 'STORE_BUSY',
      disposition: 'not-executed',
      message: '2 calls wait for the database already (queueLimit); try again later',
    });
    slow.resolve();
    await Promise.all(accepted);
  });

  it('finishes what was accepted before it closes', async () => {
    const { store, effects } = await scratchStore({ groupLimit: 3 });
    const all = Promise.all(Array.from({ length: 10 }, (_, n) => sell(store, `${n}`, { after: loopTurn })));
    const closing = store.close();
    expect(store.close()).toBe(closing);
    await closing;
    await all;
    expect(effects()).toHaveLength(10);
    expect(() => store.read(() => 1)).toThrow('the store is closed');
  });
});
