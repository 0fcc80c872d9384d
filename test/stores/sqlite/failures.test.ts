import { existsSync, renameSync } from 'node:fs';
import { DatabaseSync } from '@photostructure/sqlite';
import { VirtualClock } from 'hawser/testing';
import { describe, expect, it } from 'vitest';
import { type DatabaseSync as Database, type SqliteDriver, sqliteDriver } from '../../../src/stores/sqlite/index.js';
import { settled } from '../../support/served.js';
import { scratchStore } from './scratch-store.js';
import { effect, loopTurn, sell, sqliteError, watchedDriver } from './selling.js';

const unavailable = { code: 'UNAVAILABLE', reason: 'STORE_UNAVAILABLE', disposition: 'not-executed' };

/** A store whose writing connection the test can reach, as trouble does from outside. */
async function reachable(options: Parameters<typeof scratchStore>[0] = {}) {
  const opened: Database[] = [];
  const scratch = await scratchStore({ ...options, onOpen: (db) => opened.push(db) });
  return { ...scratch, opened, writer: () => opened.at(-1) as Database };
}

const outcomes = async (calls: Promise<unknown>[]) =>
  (await Promise.allSettled(calls)).map((one) => (one.status === 'fulfilled' ? 'done' : one.reason.disposition));

describe('when the database fails', () => {
  it('fails the calls of a group that finds the disk full as not executed, and goes on when there is room', async () => {
    const { store, writer, effects, keys } = await reachable();
    await sell(store, 'before');
    const big = (tx: Parameters<typeof effect>[0]) =>
      tx.prepare('INSERT INTO effects VALUES (zeroblob(?))').run(100_000);
    const pages = writer().prepare('PRAGMA page_count').get() as { page_count: number };
    writer().exec(`PRAGMA max_page_count = ${pages.page_count + 4}`);
    const calls = [sell(store, 'a'), sell(store, 'b', { after: big }), sell(store, 'c')];
    await expect(calls[0]).rejects.toMatchObject({
      ...unavailable,
      message: expect.stringMatching(/full.*nothing of this call was committed, so it may be repeated/),
    });
    expect(await outcomes(calls)).toEqual(['not-executed', 'not-executed', 'done']);
    expect(effects()).toEqual(['before', 'c']);
    writer().exec('PRAGMA max_page_count = 100000');
    expect(await outcomes([sell(store, 'a'), sell(store, 'b'), sell(store, 'c')])).toEqual(['done', 'done', 'done']);
    expect(effects()).toEqual(['before', 'c', 'a', 'b']);
    expect(keys()).toEqual(['a', 'b', 'before', 'c']);
  });

  it('fails a handler that swallows the error of a full disk', async () => {
    const { store, writer, effects, keys } = await reachable();
    const pages = writer().prepare('PRAGMA page_count').get() as { page_count: number };
    writer().exec(`PRAGMA max_page_count = ${pages.page_count}`);
    const swallowed = sell(store, 'a', {
      before: (tx) => {
        try {
          tx.prepare('INSERT INTO effects VALUES (zeroblob(100000))').run();
        } catch {
          // On with it.
        }
      },
    });
    await expect(swallowed).rejects.toMatchObject({ disposition: 'not-executed' });
    writer().exec('PRAGMA max_page_count = 100000');
    expect(effects()).toEqual([]);
    expect(keys()).toEqual([]);
  });

  it('fails what the record does not fit in with all that shared its group', async () => {
    const { store, writer, effects } = await reachable();
    const pages = writer().prepare('PRAGMA page_count').get() as { page_count: number };
    writer().exec(`PRAGMA max_page_count = ${pages.page_count + 1}`);
    const long = 'x'.repeat(20_000);
    const calls = [sell(store, 'a'), store.write((tx) => effect(tx, 'w')), sell(store, long, { method: 'Long' })];
    expect(await outcomes(calls)).toEqual(['not-executed', 'not-executed', 'not-executed']);
    expect(effects()).toEqual([]);
    expect(await outcomes([sell(store, 'a')])).toEqual(['done']);
  });

  it('fails calls while the file cannot be written, and recovers on a new connection', async () => {
    const { store, writer, opened, effects } = await reachable();
    // What SQLite says of a file without write permission; as root there is no such file.
    writer().exec('PRAGMA query_only = 1');
    const calls = [sell(store, 'a'), store.write((tx) => effect(tx, 'w'))];
    expect(await outcomes(calls)).toEqual(['not-executed', 'done']);
    await expect(calls[0]).rejects.toMatchObject({ ...unavailable, message: expect.stringMatching(/readonly/) });
    expect(opened).toHaveLength(2);
    expect(effects()).toEqual(['w']);
    await sell(store, 'a');
    expect(effects()).toEqual(['w', 'a']);
  });

  it('goes on when its connection was closed under it', async () => {
    const { store, writer, effects } = await reachable();
    await sell(store, 'a');
    writer().close();
    expect(await outcomes([sell(store, 'b')])).toEqual(['not-executed']);
    expect(await outcomes([sell(store, 'b')])).toEqual(['done']);
    expect(effects()).toEqual(['a', 'b']);
  });

  it('records nothing when its transaction was ended under it', async () => {
    const { store, writer, effects, keys } = await reachable();
    const end = (how: string) => store.write(() => writer().exec(how));
    expect(await outcomes([sell(store, 'a'), end('ROLLBACK')])).toEqual(['not-executed', 'not-executed']);
    expect([...effects(), ...keys()]).toEqual([]);
    expect(await outcomes([sell(store, 'a')])).toEqual(['done']);
  });

  it('waits while another program has locked the database, without stopping the event loop', async () => {
    const clock = new VirtualClock();
    const { store, path, effects } = await scratchStore({ clock, busyTimeout: '1s' });
    const other = new DatabaseSync(path);
    other.exec('BEGIN IMMEDIATE');
    let done = false;
    const calls = Promise.all([sell(store, 'a'), sell(store, 'b')]).then(() => {
      done = true;
    });
    await clock.advance(500);
    expect(done).toBe(false);
    other.exec('COMMIT');
    await clock.advance(50);
    await calls;
    expect(effects()).toEqual(['a', 'b']);

    other.exec('BEGIN IMMEDIATE');
    const began = clock.now();
    const late = outcomes([sell(store, 'c'), sell(store, 'd')]);
    await clock.advance(1_000);
    expect(await late).toEqual(['not-executed', 'not-executed']);
    expect(clock.now() - began).toBe(1_000);
    other.close();
    await clock.runUntil(sell(store, 'c'));
    expect(effects()).toEqual(['a', 'b', 'c']);
  });

  it.each([
    ['the disk is full', 13, 'not-executed'],
    ['it cannot write', 778, 'unknown'],
    ['it cannot sync', 1034, 'unknown'],
    ['nobody knows why', 1, 'unknown'],
  ])('says of a COMMIT that fails because %s (%i): %s', async (_, errcode, disposition) => {
    let failing = false;
    const driver = watchedDriver((sql) => {
      if (sql === 'COMMIT' && failing) throw sqliteError(errcode, 'it failed');
    });
    const { store, effects, keys } = await scratchStore({ driver });
    await sell(store, 'before');
    failing = true;
    expect(await outcomes([sell(store, 'a'), sell(store, 'b')])).toEqual([disposition, disposition]);
    failing = false;
    expect(effects()).toEqual(['before']);
    await Promise.all([sell(store, 'a'), sell(store, 'c')]);
    expect(effects()).toEqual(['before', 'a', 'c']);
    expect(keys()).toEqual(['a', 'before', 'c']);
  });

  it('keeps no effect without its record when a savepoint cannot be released', async () => {
    let failing = false;
    const driver = watchedDriver((sql) => {
      if (sql.startsWith('RELEASE') && failing) throw sqliteError(1, 'SQL logic error');
    });
    const { store, effects, keys } = await scratchStore({ driver });
    failing = true;
    const calls = [sell(store, 'a'), sell(store, 'b', { after: () => (failing = false) })];
    expect((await Promise.allSettled(calls)).map(({ status }) => status)).toEqual(['rejected', 'fulfilled']);
    expect([effects(), keys()]).toEqual([['b'], ['b']]);
  });

  it('fails a handler whose savepoint cannot be opened, even when it swallows that', async () => {
    let failing = false;
    const driver = watchedDriver((sql) => {
      if (sql.startsWith('SAVEPOINT') && failing) throw sqliteError(778, 'disk I/O error');
    });
    const { store, effects } = await scratchStore({ driver });
    await sell(store, 'a');
    failing = true;
    const swallowing = sell(store, 'b', {
      before: (tx) => {
        expect(() => effect(tx, 'b')).toThrow('disk I/O error');
      },
    });
    expect(await outcomes([swallowing])).toEqual(['not-executed']);
    failing = false;
    await sell(store, 'b');
    expect(effects()).toEqual(['a', 'b']);
  });

  it('never makes an empty file where one was lost', async () => {
    const { store, path, writer } = await reachable();
    await sell(store, 'a');
    for (const end of ['', '-wal', '-shm']) renameSync(path + end, `${path}.away${end}`);
    writer().close();
    await outcomes([sell(store, 'b')]);
    await expect(sell(store, 'b')).rejects.toMatchObject({
      ...unavailable,
      message: expect.stringMatching(/market\.db is gone; put it back: it holds the keys of all calls so far/),
    });
    expect(existsSync(path)).toBe(false);
    for (const end of ['', '-wal', '-shm'])
      if (existsSync(`${path}.away${end}`)) renameSync(`${path}.away${end}`, path + end);
    expect(await sell(store, 'a')).toMatchObject({ kind: 'recorded' });
  });

  it("refuses another store's file in the place of its own", async () => {
    const stranger = await scratchStore();
    await stranger.store.close();
    const real = sqliteDriver();
    let swapped = false;
    const driver: SqliteDriver = {
      name: 'swapping',
      open: (path, options) => real.open(swapped && !path.endsWith('-owner') ? stranger.path : path, options),
    };
    const { store, writer } = await reachable({ driver });
    writer().close();
    swapped = true;
    await outcomes([sell(store, 'b')]);
    await expect(sell(store, 'b')).rejects.toMatchObject({
      ...unavailable,
      message: expect.stringMatching(/is another store's file now; put the one back that was there/),
    });
    expect(stranger.effects()).toEqual([]);
    swapped = false;
    await sell(store, 'b');
  });

  it('reads on after its reading connection failed', async () => {
    const { store } = await scratchStore();
    const one = () => store.read((tx) => tx.prepare('SELECT 1 AS one').get());
    expect(one()).toEqual({ one: 1 });
    expect(() =>
      store.read(() => {
        throw sqliteError(10, 'disk I/O error');
      }),
    ).toThrow(/the database failed \(disk I\/O error\)/);
    expect(one()).toEqual({ one: 1 });
  });

  it('fails a handler that awaits while the database fails, and leaves nothing of it', async () => {
    const { store, writer, effects } = await reachable();
    const slow = sell(store, 'slow', {
      after: async (tx) => {
        await loopTurn();
        writer().exec('ROLLBACK');
        await loopTurn();
        tx.prepare('SELECT * FROM nothing').get();
      },
    });
    await expect(slow).rejects.toThrow();
    await settled();
    await sell(store, 'b');
    expect(effects()).toEqual(['b']);
  });
});
