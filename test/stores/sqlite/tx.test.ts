import { describe, expect, it } from 'vitest';
import type { SqliteStatement, SqliteTransaction } from '../../../src/stores/sqlite/index.js';
import { scratchStore } from './scratch-store.js';
import { effect, loopTurn, sell, watchedDriver } from './selling.js';

const over = /is over: use call\.tx and what comes from it before the handler returns/;

describe('call.tx of an SQLite store', () => {
  it('does what a DatabaseSync does', async () => {
    const { store } = await scratchStore();
    const result = await store.write((tx) => {
      tx.exec('CREATE TABLE fish (id INTEGER PRIMARY KEY, name TEXT); CREATE INDEX by_name ON fish (name)');
      const insert = tx.prepare('INSERT INTO fish (name) VALUES (:name)');
      expect(insert.run({ name: 'cod' })).toEqual({ changes: 1, lastInsertRowid: 1 });
      expect(insert.run({ name: 'ling' })).toEqual({ changes: 1, lastInsertRowid: 2 });
      expect(insert.sourceSQL).toBe('INSERT INTO fish (name) VALUES (:name)');
      const byName = tx.prepare('SELECT id, name FROM fish WHERE name = ?');
      expect(byName.get('ling')).toEqual({ id: 2, name: 'ling' });
      expect(byName.get('hake')).toBeUndefined();
      expect(byName.columns()).toHaveLength(2);
      const big = tx.prepare('SELECT id FROM fish ORDER BY id');
      big.setReadBigInts(true);
      expect(big.all()).toEqual([{ id: 1n }, { id: 2n }]);
      expect(tx.prepare('SELECT id FROM fish ORDER BY id').all()).toEqual([{ id: 1 }, { id: 2 }]);
      expect(tx.isOpen && tx.isTransaction).toBe(true);
      return [...tx.prepare('SELECT name FROM fish ORDER BY id').iterate()];
    });
    expect(result).toEqual([{ name: 'cod' }, { name: 'ling' }]);
  });

  it.each([
    'BEGIN',
    'COMMIT',
    '  /* end */ end',
    'ROLLBACK',
    'SAVEPOINT mine',
    'RELEASE member',
    "ATTACH ':memory:' AS x",
    'PRAGMA journal_mode = DELETE',
    'INSERT INTO effects VALUES (1); COMMIT',
  ])('refuses %j and goes on', async (sql) => {
    const { store, effects } = await scratchStore();
    await sell(store, 'a', {
      after: (tx) => {
        expect(() => tx.exec(sql)).toThrow(/is not allowed in this transaction: other calls share it/);
        expect(() => tx.prepare(sql)).toThrow(/is not allowed in this transaction/);
      },
    });
    expect(effects()).toEqual(['a']);
  });

  it('says of what belongs to the connection where that goes', async () => {
    const { store } = await scratchStore();
    await store.write((tx) => {
      const untyped = tx as unknown as { close(): void; loadExtension(path: string): void };
      expect(() => untyped.close()).toThrow('close() belongs to the connection, not to a transaction');
      expect(() => untyped.loadExtension('x')).toThrow('loadExtension() belongs to the connection');
      expect(() => tx.exec(7 as never)).toThrow('SQL is a string, not number');
    });
  });

  it('is dead once the handler has returned, with every statement and iterator', async () => {
    const { store, effects } = await scratchStore();
    let kept: SqliteTransaction | undefined;
    let insert: SqliteStatement | undefined;
    let rows: Iterator<unknown> | undefined;
    await sell(store, 'a', {
      after: (tx) => {
        kept = tx;
        insert = tx.prepare('INSERT INTO effects (name) VALUES (?)');
        rows = tx.prepare('SELECT 1 UNION SELECT 2').iterate();
        rows.next();
      },
    });
    expect(() => kept?.exec('DELETE FROM effects')).toThrow(over);
    expect(() => kept?.prepare('SELECT 1')).toThrow(over);
    expect(() => insert?.run('late')).toThrow(over);
    expect(() => insert?.get('late')).toThrow(over);
    expect(() => insert?.all('late')).toThrow(over);
    expect(() => insert?.iterate('late')).toThrow(over);
    expect(() => insert?.columns()).toThrow(over);
    expect(() => insert?.setReadBigInts(true)).toThrow(over);
    expect(() => rows?.next()).toThrow(over);
    expect(() => rows?.return?.()).not.toThrow();
    expect(kept?.isOpen).toBe(false);
    await sell(store, 'b');
    expect(effects()).toEqual(['a', 'b']);
  });

  it('is dead in work that goes on after a handler has failed', async () => {
    const { store, effects } = await scratchStore();
    let late: Promise<void> | undefined;
    const failed = sell(store, 'a', {
      after: (tx) => {
        late = loopTurn().then(() => effect(tx, 'late'));
        throw new Error('no fish');
      },
    });
    await expect(failed).rejects.toThrow('no fish');
    await expect(late).rejects.toThrow(over);
    expect(effects()).toEqual([]);
  });

  it('lets a handler leave iterators open, of reads and of writes', async () => {
    const { store, effects } = await scratchStore();
    await sell(store, 'a', {
      before: (tx) => tx.prepare('SELECT 1 UNION SELECT 2').iterate().next(),
      after: (tx) => tx.prepare("INSERT INTO effects VALUES ('x'), ('y') RETURNING name").iterate().next(),
    });
    const failed = sell(store, 'b', {
      after: (tx) => {
        tx.prepare("INSERT INTO effects VALUES ('x'), ('y') RETURNING name").iterate().next();
        throw new Error('no fish');
      },
    });
    await expect(failed).rejects.toThrow('no fish');
    expect(effects()).toEqual(['a', 'x', 'y']);
  });

  it('keeps the cursors of one text apart', async () => {
    const { store } = await scratchStore();
    const pairs = await store.write((tx) => {
      const numbers = 'SELECT 1 AS n UNION SELECT 2 ORDER BY 1';
      const found: unknown[] = [];
      for (const a of tx.prepare(numbers).iterate()) {
        for (const b of tx.prepare(numbers).iterate()) found.push([a, b, tx.prepare(numbers).get()]);
      }
      return found;
    });
    expect(pairs).toHaveLength(4);
  });

  it('carries no parameter from one call to the next', async () => {
    const { store } = await scratchStore();
    const sql = 'SELECT :a AS a, :b AS b';
    await store.write((tx) => tx.prepare(sql).get({ a: 'secret', b: 'of alice' }));
    expect(await store.write((tx) => tx.prepare(sql).get({ b: 'bob' }))).toEqual({ a: null, b: 'bob' });
    expect(await store.write((tx) => tx.prepare(sql).get())).toEqual({ a: null, b: null });
  });

  it('prepares one text once', async () => {
    let prepared = 0;
    const driver = watchedDriver(
      () => {},
      (sql) => {
        if (sql.includes('INTO effects')) prepared += 1;
      },
    );
    const { store } = await scratchStore({ driver });
    for (let n = 0; n < 10; n++) await sell(store, `${n}`);
    expect(prepared).toBe(1);
  });

  it('survives a change of the schema under statements that are kept', async () => {
    const { store, effects } = await scratchStore();
    await sell(store, 'a');
    await store.write((tx) => tx.exec('ALTER TABLE effects ADD COLUMN price INTEGER'));
    await sell(store, 'b');
    const all = await store.write((tx) => tx.prepare('SELECT * FROM effects').all());
    expect(all).toEqual([
      { name: 'a', price: null },
      { name: 'b', price: null },
    ]);
    expect(effects()).toEqual(['a', 'b']);
  });

  it('fails who writes OR ROLLBACK, and those that shared the transaction as not executed', async () => {
    const { store, effects } = await scratchStore();
    await store.write((tx) => tx.exec('CREATE TABLE only (one INTEGER PRIMARY KEY); INSERT INTO only VALUES (1)'));
    let after: unknown;
    const [shared, culprit, next] = await Promise.allSettled([
      sell(store, 'a'),
      sell(store, 'b', {
        method: 'Bad',
        after: (tx) => {
          try {
            tx.exec('INSERT OR ROLLBACK INTO only VALUES (1)');
          } catch {
            // It swallows the error and writes on, which must not commit by itself.
          }
          try {
            effect(tx, 'stray');
          } catch (error) {
            after = error;
          }
        },
      }),
      sell(store, 'c'),
    ]);
    expect(shared).toMatchObject({ status: 'rejected', reason: { code: 'UNAVAILABLE', disposition: 'not-executed' } });
    expect(culprit).toMatchObject({
      reason: { message: expect.stringMatching(/Bad rolled back the transaction that/) },
    });
    expect(String(after)).toMatch(/was rolled back/);
    expect(next).toMatchObject({ status: 'fulfilled' });
    expect(effects()).toEqual(['c']);
    // From now on it only harms itself.
    const again = await Promise.allSettled([
      sell(store, 'a'),
      sell(store, 'b', { method: 'Bad', after: (tx) => tx.exec('INSERT OR ROLLBACK INTO only VALUES (1)') }),
    ]);
    expect(again.map(({ status }) => status)).toEqual(['fulfilled', 'rejected']);
    expect(effects()).toEqual(['c', 'a']);
  });

  it('gives a constraint that is checked at the commit to whom it belongs, when that runs again', async () => {
    const { store, effects } = await scratchStore();
    await store.write((tx) =>
      tx.exec(`CREATE TABLE boats (id INTEGER PRIMARY KEY);
        CREATE TABLE crews (boat INTEGER REFERENCES boats (id) DEFERRABLE INITIALLY DEFERRED)`),
    );
    const both = () =>
      Promise.allSettled([
        sell(store, 'a'),
        sell(store, 'b', { method: 'Bad', after: (tx) => tx.exec('INSERT INTO crews VALUES (7)') }),
      ]);
    for (const { status, reason } of (await both()) as PromiseRejectedResult[]) {
      expect(status).toBe('rejected');
      expect(reason).toMatchObject({ code: 'UNAVAILABLE', disposition: 'not-executed' });
    }
    expect(effects()).toEqual([]);
    const [good, bad] = await both();
    expect(good).toMatchObject({ status: 'fulfilled' });
    expect(bad).toMatchObject({ reason: { message: 'FOREIGN KEY constraint failed' } });
    expect(effects()).toEqual(['a']);
  });
});
