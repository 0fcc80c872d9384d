/** How far consumers are, in the database of what they write. */
import type { OffsetStore } from '../../subscription/offset-store.js';
import type { Position } from '../../subscription/position.js';
import type { SqliteTransaction } from './tx.js';

export const offsets: OffsetStore<SqliteTransaction>['offsets'] = {
  find(tx, consumer, topic) {
    return tx.prepare('SELECT epoch, seq FROM hawser_consumers WHERE name = ? AND topic = ?').get(consumer, topic) as
      | Position
      | undefined;
  },

  move(tx, consumer, topic, from, to) {
    const { changes } =
      from === undefined
        ? tx
            .prepare(
              'INSERT INTO hawser_consumers (name, topic, epoch, seq) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING',
            )
            .run(consumer, topic, to.epoch, to.seq)
        : tx
            .prepare(
              `UPDATE hawser_consumers SET epoch = ?, seq = ? WHERE name = ? AND topic = ? AND epoch = ? AND seq = ?`,
            )
            .run(to.epoch, to.seq, consumer, topic, from.epoch, from.seq);
    return Number(changes) === 1;
  },
};
