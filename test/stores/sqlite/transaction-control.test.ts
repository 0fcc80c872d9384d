import { constants, DatabaseSync } from '@photostructure/sqlite';
import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import { scan } from '../../../src/stores/sqlite/transaction-control.js';
import { runs } from '../../support/soak.js';

describe('what SQL does to its transaction', () => {
  it.each([
    ['BEGIN', 'BEGIN'],
    ['begin immediate', 'BEGIN'],
    ['  \n\t/* a comment */ -- another\n CoMMit;', 'COMMIT'],
    ['/* not ended at once: */-- /* \nEND TRANSACTION', 'END'],
    ['rollback to member', 'ROLLBACK'],
    ['SAVEPOINT x', 'SAVEPOINT'],
    [';;; release x', 'RELEASE'],
    ['\ufeffcommit', 'COMMIT'],
    ['\f\vCOMMIT', 'COMMIT'],
    ['SELECT 1; COMMIT', 'COMMIT'],
    ["SELECT ';'; COMMIT", 'COMMIT'],
    ["SELECT 'it''s; -- '; COMMIT", 'COMMIT'],
    ['SELECT ";" AS "--"; COMMIT', 'COMMIT'],
    ['SELECT `;`, [;]; COMMIT', 'COMMIT'],
    ['SELECT 1 -- ;\n; COMMIT', 'COMMIT'],
    ['SELECT 1 /* ; */; COMMIT', 'COMMIT'],
    ["SELECT $a('); COMMIT; --'", 'COMMIT'],
    ['CREATE TRIGGER t AFTER INSERT ON a BEGIN DELETE FROM b; END; COMMIT', 'COMMIT'],
    ['CREATE TEMP TRIGGER t AFTER INSERT ON a BEGIN SELECT CASE WHEN 1 THEN 2 END; DELETE FROM b; END; END', 'END'],
    ["ATTACH 'x.db' AS x", 'ATTACH'],
    ['detach x', 'DETACH'],
    ['VACUUM', 'VACUUM'],
    ['PRAGMA journal_mode = DELETE', 'PRAGMA JOURNAL_MODE'],
    ['pragma main . synchronous = 0', 'PRAGMA SYNCHRONOUS'],
    ['PRAGMA/**/"journal_mode"', 'PRAGMA "JOURNAL_MODE"'],
    ['PRAGMA', 'PRAGMA '],
    ['SELECT 1\0; COMMIT', 'COMMIT'],
  ])('refuses %j', (sql, refused) => {
    expect(scan(sql)).toEqual({ reads: false, refused });
  });

  it.each([
    ['SELECT 1', true],
    ['select 1;', true],
    ['-- COMMIT\nSELECT 1 /* ; COMMIT */', true],
    ["SELECT '; COMMIT'", true],
    ['SELECT [; COMMIT], "; COMMIT", `; COMMIT`', true],
    ['VALUES (1)', true],
    ['EXPLAIN QUERY PLAN SELECT 1', true],
    ['PRAGMA table_info(a)', true],
    ['pragma main.user_version', true],
    ['PRAGMA user_version = 7', false],
    ['INSERT INTO a VALUES (1)', false],
    ['WITH x AS (SELECT 1) INSERT INTO a SELECT * FROM x', false],
    ['SELECT 1; DELETE FROM a', false],
    ['CREATE TABLE "commit" (begin_at TEXT, "end" TEXT)', false],
    ['CREATE TRIGGER t AFTER INSERT ON a BEGIN UPDATE a SET b = 1; DELETE FROM b; END', false],
    ['CREATE TRIGGER t AFTER INSERT ON a WHEN CASE WHEN 1 THEN 1 END BEGIN SELECT 1; END; SELECT 1', false],
    ['UPDATE a SET b = CASE WHEN 1 THEN 2 END', false],
    ['', true],
    ['-- nothing', true],
  ])('allows %j, which only reads: %j', (sql, reads) => {
    expect(scan(sql)).toEqual({ reads, refused: undefined });
  });

  it('takes a long string without trouble', () => {
    expect(scan(`INSERT INTO a VALUES ('${"''x".repeat(3_000_000)}'); COMMIT`).refused).toBe('COMMIT');
    expect(scan(`SELECT /*${'*'.repeat(3_000_000)}*/ 1; COMMIT`).refused).toBe('COMMIT');
  });

  describe('against the authorizer of SQLite itself', () => {
    const db = new DatabaseSync(':memory:');
    db.exec('CREATE TABLE a (b)');
    let touched = false;
    const { SQLITE_TRANSACTION, SQLITE_SAVEPOINT, SQLITE_ATTACH, SQLITE_DETACH, SQLITE_DENY, SQLITE_OK } = constants;
    const control = [SQLITE_TRANSACTION, SQLITE_SAVEPOINT, SQLITE_ATTACH, SQLITE_DETACH];
    db.setAuthorizer((action) => {
      if (!control.includes(action)) return SQLITE_OK;
      touched = true;
      return SQLITE_DENY;
    });
    afterAll(() => db.close());

    const piece = fc.constantFrom(
      ...[
        'COMMIT',
        'begin',
        'END',
        'rollback',
        'SAVEPOINT s',
        'release s',
        'SELECT 1',
        'SELECT',
        'a',
        '1',
        'b',
        ';',
        ';',
      ],
      ...[
        "'",
        "''",
        '"',
        '`',
        '[',
        ']',
        '(',
        ')',
        '$a',
        '$a(',
        ':b',
        '@c::d(',
        '#',
        '/*',
        '*/',
        '--',
        '\n',
        ' ',
        '\t',
        '\f',
      ],
      ...['\0', '\ufeff', 'é', '/', '*', '-', '.', ',', '=', "ATTACH ':memory:' AS x", "x'", '0x', '1e', '\u2028'],
      ...[
        'CREATE TRIGGER t AFTER INSERT ON a BEGIN',
        'CREATE TEMP TRIGGER u AFTER INSERT ON a BEGIN',
        'DELETE FROM a;',
        'END;',
      ],
    );

    it('allows nothing that touches a transaction', () => {
      let found = 0;
      fc.assert(
        fc.property(fc.array(piece, { maxLength: 12 }), fc.boolean(), (pieces, spaced) => {
          const sql = pieces.join(spaced ? ' ' : '');
          touched = false;
          try {
            db.exec(sql);
          } catch {
            // Most of it is no SQL; what was reached before the error counts.
          }
          if (!touched) return;
          found += 1;
          expect(scan(sql).refused, JSON.stringify(sql)).toBeDefined();
        }),
        { numRuns: runs(20_000) },
      );
      expect(found).toBeGreaterThan(100);
    });
  });
});
