/** Which texts end a transaction: what the scan says, held against what Postgres does with them. */
import fc from 'fast-check';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { transactionControl } from '../../../src/stores/postgres/transaction-control.js';
import { describeWith } from '../../requires.js';
import { hasPostgres, type PostgresServer, postgresName, startPostgres } from '../../support/postgres.js';
import { runs } from '../../support/soak.js';

describe('a statement that begins or ends a transaction', () => {
  it.each([
    ['COMMIT', 'COMMIT'],
    ['  commit;', 'COMMIT'],
    ['BEGIN ISOLATION LEVEL SERIALIZABLE', 'BEGIN'],
    ['start transaction', 'START'],
    ['END', 'END'],
    ['ABORT', 'ABORT'],
    ['ROLLBACK', 'ROLLBACK'],
    ['ROLLBACK AND CHAIN', 'ROLLBACK'],
    ["PREPARE TRANSACTION 'a'", 'PREPARE TRANSACTION'],
    ["COMMIT PREPARED 'a'", 'COMMIT'],
    ['-- nothing\nCOMMIT', 'COMMIT'],
    ['/* a /* nested */ comment */COMMIT', 'COMMIT'],
    ["SELECT 'it''s'; COMMIT", 'COMMIT'],
    ["SELECT E'it\\'s; '; COMMIT", 'COMMIT'],
    ['SELECT $$;$$; COMMIT', 'COMMIT'],
    ['SELECT $a$ $$ ; $a$; COMMIT', 'COMMIT'],
    ['SELECT "a;b" FROM t; COMMIT', 'COMMIT'],
    ['SELECT 1;;; ;COMMIT', 'COMMIT'],
    ['CREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT CASE WHEN true THEN 1 END; SELECT 2; END; COMMIT', 'COMMIT'],
  ])('%j is found', (sql, found) => {
    expect(transactionControl(sql)).toBe(found);
  });

  it.each([
    'SELECT 1',
    'ROLLBACK TO SAVEPOINT a',
    'ROLLBACK TO a',
    'rollback work to a',
    'SAVEPOINT commit_point; RELEASE commit_point',
    "SELECT 'COMMIT'",
    "SELECT '; COMMIT'",
    'SELECT $x$; COMMIT; $x$',
    'SELECT 1 -- ; COMMIT',
    'SELECT /* ; COMMIT */ 1',
    'SELECT "; COMMIT"',
    'SELECT a.begin, b.end FROM a, b',
    'PREPARE p AS SELECT 1',
    'DO $$ BEGIN PERFORM 1; END $$',
    'SELECT a$b, $1; SELECT $2',
    'CREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT 1; END',
    "SELECT e'a\\'; COMMIT; '",
    '',
  ])('%j is none', (sql) => {
    expect(transactionControl(sql)).toBeUndefined();
  });

  it('is looked for in the time that its length takes', () => {
    for (const part of ["'", '"', '$$', '/*', '--', "E'", "E'\\", '$a', 'commit ', "''"]) {
      transactionControl(`commi begin ${part.repeat(200_000)}`);
    }
  });
});

describeWith(postgresName, hasPostgres, 'the scan against a real Postgres', () => {
  let postgres: PostgresServer;
  let client: pg.Client;
  beforeAll(async () => {
    postgres = await startPostgres();
    client = new pg.Client(postgres.url);
    await client.connect();
  });
  afterAll(async () => {
    await client?.end();
    await postgres?.remove();
  });

  const fragments = [
    ...['SELECT 1', 'COMMIT', 'rollback', 'END', 'BEGIN', 'ROLLBACK TO s', 'SAVEPOINT s', 'AND CHAIN', 'commit'],
    ...[
      ';',
      ';',
      ';',
      ' ',
      '\n',
      '--',
      '/*',
      '*/',
      "'",
      "''",
      "E'",
      "\\'",
      '"',
      '$$',
      '$a$',
      '$1',
      'a',
      'x$y',
      'U&',
      'AS',
    ],
  ];

  it('no text ends the transaction that the scan lets pass', async () => {
    let passed = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(fc.constantFrom(...fragments), { maxLength: 12 }), async (parts) => {
        const sql = parts.join('');
        if (transactionControl(sql) !== undefined) return;
        passed += 1;
        const { rows } = (await client.query('BEGIN').then(() => client.query('SELECT txid_current() AS id'))) as {
          rows: { id: string }[];
        };
        await client.query('SAVEPOINT s');
        await client.query(sql).catch(() => {});
        // In a failed transaction nothing else runs; one that was ended is no failed transaction.
        await client.query('ROLLBACK TO s').catch((error: Error) => {
          throw new Error(`${JSON.stringify(sql)} ended the transaction: ${error.message}`);
        });
        const after = await client.query('SELECT txid_current() AS id');
        expect(after.rows[0].id, sql).toBe(rows[0]!.id);
        await client.query('ROLLBACK');
      }),
      { numRuns: runs(300) },
    );
    expect(passed).toBeGreaterThan(30);
  }, 120_000);
});
