/** Prints which native modules are loaded after importing the store, and after using it. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { sqliteStore } from '../../../src/stores/sqlite/index.js';

const native = (): string[] =>
  (process.report.getReport() as unknown as { sharedObjects: string[] }).sharedObjects.filter((name) =>
    name.endsWith('.node'),
  );

const imported = native();
const folder = mkdtempSync(join(tmpdir(), 'hawser-'));
const store = sqliteStore(join(folder, 'market.db'));
const used = native();
await store.close();
rmSync(folder, { recursive: true });
process.stdout.write(JSON.stringify({ imported, used }));
