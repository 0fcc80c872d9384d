import { copyFileSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import Module, { builtinModules } from 'node:module';
import { join } from 'node:path';
import { DatabaseSync } from '@photostructure/sqlite';
import { silentLogger } from 'hawser';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import type { SqliteDriver } from '../../../src/stores/sqlite/driver.js';
import { type SqliteStoreOptions, sqliteDriver, sqliteStore } from '../../../src/stores/sqlite/index.js';
import { runProgram } from '../../support/program.js';
import { scratchPath, scratchStore } from './scratch-store.js';
import { createEffects, effect, effectsOf, keysOf, sell } from './selling.js';

const quiet = { logger: silentLogger };

describe('sqliteStore', () => {
  it.each(['', ':memory:', 'file:market.db'])('refuses %j, which names no file', (path) => {
    expect(() => sqliteStore(path)).toThrow(/a store is kept in a file, and .* names none; give its path/);
  });

  it.each([
    [{ synchronous: 'off' }, 'synchronous is "off"; it is "full" or "normal"'],
    [{ groupLimit: 0 }, 'groupLimit is 0; it is a whole number from 1 to 10000'],
    [{ groupLimit: 1.5 }, 'groupLimit is 1.5'],
    [{ groupDelay: '2s' }, 'groupDelay is 2000 ms; it is 0 to 1000 ms'],
    [{ busyTimeout: -1 }, 'busyTimeout is -1'],
    [{ warnAfter: 0 }, 'warnAfter is 0 ms; it is 1 to 3600000 ms'],
    [{ holdLimit: '2h' }, 'holdLimit is 7200000 ms'],
    [{ queueLimit: Number.NaN }, 'queueLimit is NaN'],
    [{ retention: '1s' }, 'retention is 1000 ms; records are kept for 1 minute to 30 days'],
    [{ onOpen: 'x' }, 'onOpen is "x"; it is a function'],
  ])('refuses the options %j', (options, message) => {
    const { path } = scratchPath();
    expect(() => sqliteStore(path, options as SqliteStoreOptions)).toThrow(message);
  });

  it('says that a folder is missing', () => {
    const { folder } = scratchPath();
    expect(() => sqliteStore(join(folder, 'none', 'market.db'))).toThrow(/there is no folder .*none; make it first/);
  });

  it('refuses a file that can only be read, and says what to do, and opens it when it can be written to', async () => {
    const { path } = scratchPath();
    await sqliteStore(path, quiet).close();
    // As the operating system has it open on a file system that is mounted for reading.
    const reading: SqliteDriver = {
      name: 'reading',
      open: (file, options) => sqliteDriver().open(file, { ...options, readOnly: !file.endsWith('-owner') }),
    };
    expect(() => sqliteStore(path, { ...quiet, driver: reading })).toThrow(
      /market\.db cannot be written to \(.*readonly.*\); a store needs a file and a folder that this process may write to/,
    );
    await sqliteStore(path, quiet).close();
  });

  it('says of a file that is no database what SQLite says, and lets go of it', async () => {
    const { path } = scratchPath();
    writeFileSync(path, 'this is a text and not a database, '.repeat(100));
    expect(() => sqliteStore(path)).toThrow(/not a database/);
    expect(() => sqliteStore(path)).toThrow(/not a database/);
  });

  it('opens a file once in a process, whatever it is called, and again when it was closed', async () => {
    const { path, folder, store } = await scratchStore();
    mkdirSync(join(folder, 'sub'));
    symlinkSync(path, join(folder, 'link.db'));
    for (const name of [path, join(folder, 'link.db'), join(folder, 'sub', '..', 'market.db')]) {
      expect(() => sqliteStore(name), name).toThrow(/is open in this process already; make one sqliteStore for it/);
    }
    await store.close();
    const again = sqliteStore(join(folder, 'link.db'), quiet);
    expect(again.path).toBe(path);
    await again.close();
  });

  it('leaves everything in the file itself when it is closed', async () => {
    const { path, folder, store } = await scratchStore();
    await sell(store, 'a');
    await store.close();
    const copy = join(folder, 'copy.db');
    copyFileSync(path, copy);
    expect(effectsOf(copy)).toEqual(['a']);
    expect(keysOf(copy)).toEqual(['a']);
  });

  it("stands beside the user's own tables in a file that was there before", async () => {
    const { path } = scratchPath();
    const db = new DatabaseSync(path);
    db.exec('CREATE TABLE fish (name TEXT); INSERT INTO fish VALUES (1); PRAGMA user_version = 41');
    db.close();
    const store = sqliteStore(path, quiet);
    expect(store.read((tx) => tx.prepare('SELECT name FROM fish').all())).toEqual([{ name: '1' }]);
    expect(store.read((tx) => tx.prepare('PRAGMA user_version').get())).toEqual({ user_version: 41 });
    await store.close();
  });

  it('refuses a file of a later version', async () => {
    const { path, store } = await scratchStore();
    await store.close();
    const db = new DatabaseSync(path);
    db.exec('UPDATE hawser_store SET version = 99');
    db.close();
    expect(() => sqliteStore(path)).toThrow(
      /the tables of this store are of version 99, and this package knows versions up to \d+; update it/,
    );
  });

  it.each(['full', 'normal'] as const)('commits with synchronous %s', async (synchronous) => {
    let found: unknown;
    const { store } = await scratchStore({
      synchronous,
      onOpen: (db) => {
        found = db.prepare('PRAGMA synchronous').get();
      },
    });
    await store.write((tx) => effect(tx, 'a'));
    expect(found).toEqual({ synchronous: synchronous === 'full' ? 2 : 1 });
  });

  it('gives functions and pragmas of onOpen to every transaction, and refuses one that leaves a transaction open', async () => {
    const { path } = scratchPath();
    expect(() => sqliteStore(path, { onOpen: (db) => db.exec('BEGIN') })).toThrow('onOpen left a transaction open');
    const store = sqliteStore(path, { ...quiet, onOpen: (db) => db.function('twice', (n: number) => 2 * n) });
    expect(await store.write((tx) => tx.prepare('SELECT twice(21) AS n').get())).toEqual({ n: 42 });
    await store.close();
  });

  // Where Node itself has SQLite, no package can be missing.
  it.skipIf(builtinModules.includes('node:sqlite'))('says what to install when there is no SQLite', async () => {
    const loader = Module as unknown as { _load(request: string, ...rest: unknown[]): unknown };
    const load = loader._load;
    onTestFinished(() => {
      loader._load = load;
      vi.resetModules();
    });
    loader._load = (request, ...rest) => {
      if (request !== '@photostructure/sqlite') return load.call(loader, request, ...rest);
      throw Object.assign(new Error(`Cannot find module ${request}`), { code: 'MODULE_NOT_FOUND' });
    };
    vi.resetModules();
    const fresh = await import('../../../src/stores/sqlite/index.js');
    expect(() => fresh.sqliteStore(scratchPath().path)).toThrow(
      /this Node \(v[\d.]+\) has no node:sqlite\. Install the package that stands in for it, npm install @photostructure\/sqlite, or use Node 22\.13/,
    );
  });

  it('is not loaded by importing it', async () => {
    const { stdout } = await runProgram('test/stores/sqlite/load-probe.ts', []);
    expect(JSON.parse(stdout)).toEqual({
      imported: [],
      used: expect.arrayContaining([expect.stringMatching(/sqlite/)]),
    });
  });

  it('forgets records in the background without beginning a transaction when there is nothing to forget', async () => {
    const { store } = await scratchStore();
    await createEffects(store);
    await sell(store, 'a');
    expect(await store.expire(Date.now(), 10)).toBe(0);
    expect(await store.expire(Date.now() + 2 * 86_400_000, 10)).toBe(1);
    expect(await sell(store, 'a')).toEqual({ kind: 'executed' });
  });
});
