/** How far consumers are, in the database of what they write. */
import type { OffsetStore } from '../../subscription/offset-store.js';
import type { SqliteTransaction } from './tx.js';

interface Row {
  readonly epoch: string;
  readonly seq: number;
  readonly generation: string | null;
}

export const offsets: OffsetStore<SqliteTransaction>['offsets'] = {
  find(tx, consumer, topic) {
    const row = tx
      .prepare('SELECT epoch, seq, generation FROM hawser_consumers WHERE name = ? AND topic = ?')
      .get(consumer, topic) as Row | undefined;
    return row && { ...row, generation: row.generation ?? undefined };
  },

  move(tx, consumer, topic, from, to) {
    const { changes } =
      from === undefined
        ? tx
            .prepare(
              `INSERT INTO hawser_consumers (name, topic, epoch, seq, generation) VALUES (?, ?, ?, ?, ?)
               ON CONFLICT DO NOTHING`,
            )
            .run(consumer, topic, to.epoch, to.seq, to.generation ?? null)
        : tx
            .prepare(
              `UPDATE hawser_consumers SET epoch = ?, seq = ?, generation = ?
               WHERE name = ? AND topic = ? AND epoch = ? AND seq = ? AND generation IS ?`,
            )
            .run(
              to.epoch,
              to.seq,
              to.generation ?? null,
              consumer,
              topic,
              from.epoch,
              from.seq,
              from.generation ?? null,
            );
    return Number(changes) === 1;
  },
};
