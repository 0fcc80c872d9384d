import { join } from 'node:path';
import { DatabaseSync } from '@photostructure/sqlite';
import { silentLogger } from 'hawser';
import { type SqliteTransaction, sqliteStore } from '../../../src/stores/sqlite/index.js';
import { scratchFolder } from '../../support/scratch.js';
import { storeConformance } from '../conformance.js';

storeConformance<SqliteTransaction>('sqlite', async () => {
  const folder = scratchFolder('sqlite');
  const path = join(folder.path, 'market.db');
  const open = () => sqliteStore(path, { logger: silentLogger });
  const store = open();
  await store.write((tx) => tx.exec('CREATE TABLE effects (name TEXT NOT NULL)'));
  const looker = new DatabaseSync(path, { readOnly: true });
  const count = looker.prepare('SELECT count(*) AS n FROM effects WHERE name = ?');
  return {
    store,
    write: (tx, effect) => {
      tx.prepare('INSERT INTO effects (name) VALUES (?)').run(effect);
    },
    count: async (effect) => (count.get(effect) as { n: number }).n,
    reopen: async () => open(),
    dispose: async () => {
      looker.close();
      await store.close();
      folder.remove();
    },
  };
});
