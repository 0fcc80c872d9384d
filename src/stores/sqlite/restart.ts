/**
 * What a restart has to know of the run before. With `synchronous: 'full'` a commit that anyone saw is on the disk, so every
 * epoch goes on. With 'normal' a power cut may take commits back that readers have seen: a file that was not closed in good
 * order on a machine that has started since gets new epochs, so that nobody takes another update for the one he has.
 */
import { readFileSync } from 'node:fs';
import { newEpoch } from '../../subscription/position.js';
import type { Synchronous } from './connection.js';
import type { DatabaseSync } from './driver.js';

interface Run {
  /** The start of the machine; empty where that cannot be told. */
  readonly boot: string;
  readonly clean: number;
}

/** When the file is opened for the first time by this process, before anyone is told an epoch. */
export function noteStart(db: DatabaseSync, synchronous: Synchronous, boot: string = bootId()): void {
  const last = db.prepare('SELECT boot, clean FROM hawser_run').get() as Run | undefined;
  const lost = last !== undefined && last.clean === 0 && (boot === '' || boot !== last.boot);
  if (!lost && synchronous === 'full' && last === undefined) return;
  // This commit itself must not be taken back.
  db.exec('PRAGMA synchronous = FULL; BEGIN IMMEDIATE');
  try {
    if (lost) renewEpochs(db);
    db.exec('DELETE FROM hawser_run');
    if (synchronous === 'normal') db.prepare('INSERT INTO hawser_run (boot, clean) VALUES (?, 0)').run(boot);
    db.exec('COMMIT');
  } catch (error) {
    db.exec('ROLLBACK');
    throw error;
  }
  if (synchronous === 'normal') db.exec('PRAGMA synchronous = NORMAL');
}

/** Last of all: from here on nothing is written. */
export function noteEnd(db: DatabaseSync, synchronous: Synchronous): void {
  if (synchronous === 'full') return;
  // The sync of this commit takes all before it to the disk.
  db.exec('PRAGMA synchronous = FULL; UPDATE hawser_run SET clean = 1');
}

function renewEpochs(db: DatabaseSync): void {
  const renew = db.prepare('UPDATE hawser_topics SET epoch = ? WHERE id = ?');
  for (const { id } of db.prepare('SELECT id FROM hawser_topics').all() as { id: number }[]) renew.run(newEpoch(), id);
}

/** Linux says which start of the machine this is. Where nobody does, every run that was not closed counts as lost. */
function bootId(): string {
  try {
    return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
  } catch {
    return '';
  }
}
