import { execFileSync } from 'node:child_process';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { silentLogger } from 'hawser';
import { expect, it, onTestFinished } from 'vitest';
import { sqliteStore } from '../../../src/stores/sqlite/index.js';
import { describeWith, hasTool } from '../../requires.js';
import { scratchPath } from './scratch-store.js';
import { createEffects, effectsOf, keysOf, sell } from './selling.js';

const probe = 'dir=$(mktemp -d) && mount -t tmpfs tmpfs "$dir" && umount "$dir" && rmdir "$dir"';

describeWith('the right to mount a tmpfs', hasTool('sh', ['-c', probe]), 'a file system that is full', () => {
  it('fails calls as not executed, takes no harm, and serves again when there is room', async () => {
    const { folder } = scratchPath();
    const disk = join(folder, 'disk');
    mkdirSync(disk);
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', disk]);
    // Lazily: the driver keeps a closed connection's files until its statements are collected.
    onTestFinished(() => void execFileSync('umount', ['-l', disk]));
    const path = join(disk, 'market.db');
    const store = sqliteStore(path, { logger: silentLogger });
    await createEffects(store);
    await sell(store, 'before');

    // A log that grows until the disk is full: in a statement, or in the commit.
    const filler = join(disk, 'filler');
    writeFileSync(filler, Buffer.alloc(500_000));
    const done = new Set<string>(['before']);
    let failures = 0;
    for (let n = 0; failures < 5; n++) {
      await sell(store, `${n}`, {
        after: (tx) => tx.prepare('INSERT INTO effects VALUES (zeroblob(?))').run(n % 2 === 0 ? 10 : 9_000),
      }).then(
        () => done.add(`${n}`),
        (error: unknown) => {
          failures += 1;
          expect(error).toMatchObject({ code: 'UNAVAILABLE' });
          expect((error as { disposition: string }).disposition).not.toBe('executed');
        },
      );
      expect(n).toBeLessThan(1_000);
    }
    // A blob is no name: those are the keys that were answered.
    const named = () => effectsOf(path).filter((name) => typeof name === 'string');
    expect(new Set(named())).toEqual(done);
    expect(new Set(keysOf(path))).toEqual(done);

    rmSync(filler);
    await sell(store, 'after');
    expect(new Set(named())).toEqual(done.add('after'));
    await store.close();
  });
});
