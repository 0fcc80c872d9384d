/** How far consumers are, in the database of what they write. The row that is moved stays locked until the commit. */
import type { OffsetStore } from '../../subscription/offset-store.js';
import type { PgClient } from './driver.js';

export const consumersTable = 'consumers';

interface Row {
  readonly epoch: string;
  readonly seq: string;
  readonly generation: string | null;
}

export function offsetsIn<Client extends PgClient>(schema: string): OffsetStore<Client>['offsets'] {
  const table = `${schema}.${consumersTable}`;
  return {
    async find(tx, consumer, topic) {
      const { rows } = await tx.query(`SELECT epoch, seq, generation FROM ${table} WHERE name = $1 AND topic = $2`, [
        consumer,
        topic,
      ]);
      const row = rows[0] as Row | undefined;
      return row && { epoch: row.epoch, seq: Number(row.seq), generation: row.generation ?? undefined };
    },

    async move(tx, consumer, topic, from, to) {
      const { rowCount } =
        from === undefined
          ? await tx.query(
              `INSERT INTO ${table} (name, topic, epoch, seq, generation) VALUES ($1, $2, $3, $4, $5)
               ON CONFLICT DO NOTHING`,
              [consumer, topic, to.epoch, to.seq, to.generation ?? null],
            )
          : await tx.query(
              `UPDATE ${table} SET epoch = $3, seq = $4, generation = $5
               WHERE name = $1 AND topic = $2 AND epoch = $6 AND seq = $7 AND generation IS NOT DISTINCT FROM $8`,
              [consumer, topic, to.epoch, to.seq, to.generation ?? null, from.epoch, from.seq, from.generation ?? null],
            );
      return rowCount === 1;
    },
  };
}
