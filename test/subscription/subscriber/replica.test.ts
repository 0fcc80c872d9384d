/** What a replica keeps in memory: its values, and of the frames that they came in not much more. */
import { expect, test } from 'vitest';
import { Replica } from '../../../src/subscription/subscriber/replica.js';

test('a value does not keep the frame that it came in, once frames outweigh what is held', () => {
  const replica = new Replica();
  const frame = 10_000;
  for (let seq = 1; seq <= 300; seq++) {
    const bytes = new Uint8Array(frame).fill(seq % 256);
    const value = bytes.subarray(100, 120);
    replica.apply({ seq, key: `k${seq}`, value, tombstone: false, mergedCount: 1, time: 0, expires: 0, groupTo: 0 });
    replica.forget(seq);
    const held = new Set([...replica.entries()].map(([, entry]) => entry.value?.buffer));
    const kept = [...held].reduce((sum, buffer) => sum + (buffer?.byteLength ?? 0), 0);
    expect(kept).toBeLessThanOrEqual(64 * 1024 + 3 * replica.bytes + frame);
  }
  for (let seq = 1; seq <= 300; seq++)
    expect(replica.get(`k${seq}`)?.value).toEqual(new Uint8Array(20).fill(seq % 256));
});
