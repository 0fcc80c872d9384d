/**
 * One process owns a database file. Two would wait for each other's groups inside SQLite, with their event loops stopped,
 * so the second one is refused. The lock is SQLite's own on a file beside the database: the operating system frees it when
 * the process dies, however it dies, so nothing stale is ever left to clean up.
 */
import { existsSync, readlinkSync, realpathSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { type DatabaseSync, inTransaction, type SqliteDriver } from './driver.js';
import { isBusy } from './failure.js';
import { checkLinks } from './place.js';

/** What two copies of this package in one process share: the locks of a process do not hold against itself. */
const here = Symbol.for('hawser.sqlite.owned');
const shared = globalThis as { [here]?: Set<string> };
shared[here] ??= new Set();
const owned = shared[here];

export interface Ownership {
  /** The file itself, links resolved. */
  readonly path: string;
  release(): void;
}

const mostLinks = 40;

/** Throws an Error that names the file when it is owned already, or cannot be locked. */
export function own(given: string, driver: SqliteDriver): Ownership {
  const path = realPath(given);
  checkLinks(path);
  if (owned.has(path)) {
    throw new Error(`${given} is open in this process already; make one sqliteStore for it and share that`);
  }
  const lockPath = `${path}-owner`;
  let lock: DatabaseSync | undefined;
  try {
    lock = driver.open(lockPath);
    // Nothing is written, and no journal stays behind.
    lock.exec('PRAGMA journal_mode = MEMORY; PRAGMA busy_timeout = 0; BEGIN EXCLUSIVE');
  } catch (cause) {
    lock?.close();
    throw new Error(
      isBusy(cause)
        ? `${given} belongs to another process, which holds ${lockPath}; a database file has one server at a time. End that process, or use postgresStore when several servers share the work`
        : `${lockPath} cannot be locked (${cause instanceof Error ? cause.message : String(cause)}); the folder of the database must be writable`,
      { cause },
    );
  }
  owned.add(path);
  const held = lock;
  return {
    path,
    release() {
      owned.delete(path);
      if (inTransaction(held)) held.exec('ROLLBACK');
      held.close();
    },
  };
}

function realPath(given: string, links = 0): string {
  if (links > mostLinks) throw new Error(`${given} cannot be opened: it is a link that leads to itself`);
  const full = resolve(given);
  if (existsSync(full)) return realpathSync(full);
  const target = linkAt(full);
  // SQLite makes the file that a link names, so that is the one to lock.
  if (target !== undefined) return realPath(target, links + 1);
  const folder = dirname(full);
  if (!existsSync(folder)) throw new Error(`${given} cannot be opened: there is no folder ${folder}; make it first`);
  return join(realpathSync(folder), basename(full));
}

/** Where a link leads that names no file; undefined for what is no link. */
function linkAt(path: string): string | undefined {
  try {
    return resolve(dirname(path), readlinkSync(path));
  } catch {
    return undefined;
  }
}
