/** A store in a folder of its own, with a table of effects; closed and removed when the test is over. */
import { join } from 'node:path';
import { silentLogger } from 'hawser';
import { onTestFinished } from 'vitest';
import { type SqliteStore, type SqliteStoreOptions, sqliteStore } from '../../../src/stores/sqlite/index.js';
import { scratchFolder } from '../../support/scratch.js';
import { createEffects, effectsOf, keysOf } from './selling.js';

export interface Scratch {
  readonly path: string;
  readonly folder: string;
  readonly store: SqliteStore;
  /** Names of the effects that have committed, in order. */
  effects(): string[];
  /** Keys that have a record. */
  keys(): string[];
}

export function scratchPath(): { readonly path: string; readonly folder: string } {
  const folder = scratchFolder('sqlite');
  onTestFinished(() => folder.remove());
  return { path: join(folder.path, 'market.db'), folder: folder.path };
}

export async function scratchStore(options: SqliteStoreOptions = {}): Promise<Scratch> {
  const { path, folder } = scratchPath();
  const store = sqliteStore(path, { logger: silentLogger, ...options });
  onTestFinished(() => store.close());
  await createEffects(store);
  return { path, folder, store, effects: () => effectsOf(path), keys: () => keysOf(path) };
}
