/** How far consumers are, in the database of what they write. The row that is moved stays locked until the commit. */
import type { OffsetStore } from '../../subscription/offset-store.js';
import type { PgClient } from './driver.js';

export const consumersTable = 'consumers';

export function offsetsIn<Client extends PgClient>(schema: string): OffsetStore<Client>['offsets'] {
  const table = `${schema}.${consumersTable}`;
  return {
    async find(tx, consumer, topic) {
      const { rows } = await tx.query(`SELECT epoch, seq FROM ${table} WHERE name = $1 AND topic = $2`, [
        consumer,
        topic,
      ]);
      const row = rows[0] as { readonly epoch: string; readonly seq: string } | undefined;
      return row && { epoch: row.epoch, seq: Number(row.seq) };
    },

    async move(tx, consumer, topic, from, to) {
      const { rowCount } =
        from === undefined
          ? await tx.query(
              `INSERT INTO ${table} (name, topic, epoch, seq) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING`,
              [consumer, topic, to.epoch, to.seq],
            )
          : await tx.query(
              `UPDATE ${table} SET epoch = $3, seq = $4 WHERE name = $1 AND topic = $2 AND epoch = $5 AND seq = $6`,
              [consumer, topic, to.epoch, to.seq, from.epoch, from.seq],
            );
      return rowCount === 1;
    },
  };
}
