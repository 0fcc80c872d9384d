/**
 * Finds the statements that would begin, end or change the transaction they run in: the writer's group is one
 * transaction for many calls, so no handler may touch it. SQL is read as SQLite's own tokenizer reads it (comments,
 * quotes, variables with parentheses, triggers with statements inside), because anything less can be talked round.
 * Source: https://www.sqlite.org/src/file/src/tokenize.c, complete.c
 */

/** What a text of SQL does to the transaction. */
export interface Scan {
  /** Every statement only reads. */
  readonly reads: boolean;
  /** The first statement that is not allowed, as `COMMIT` or `PRAGMA journal_mode`. */
  readonly refused: string | undefined;
}

const refusedKeywords: ReadonlySet<string> = new Set([
  'BEGIN',
  'COMMIT',
  'END',
  'ROLLBACK',
  'SAVEPOINT',
  'RELEASE',
  'ATTACH',
  'DETACH',
  'VACUUM',
]);

const readingKeywords: ReadonlySet<string> = new Set(['SELECT', 'VALUES', 'EXPLAIN']);

/** Pragmas that tell something or are part of the transaction themselves. */
const allowedPragmas: ReadonlySet<string> = new Set([
  'APPLICATION_ID',
  'COLLATION_LIST',
  'COMPILE_OPTIONS',
  'DATA_VERSION',
  'DATABASE_LIST',
  'FOREIGN_KEY_CHECK',
  'FOREIGN_KEY_LIST',
  'FREELIST_COUNT',
  'FUNCTION_LIST',
  'INDEX_INFO',
  'INDEX_LIST',
  'INDEX_XINFO',
  'INTEGRITY_CHECK',
  'PAGE_COUNT',
  'QUICK_CHECK',
  'TABLE_INFO',
  'TABLE_LIST',
  'TABLE_XINFO',
  'USER_VERSION',
]);

const settablePragmas: ReadonlySet<string> = new Set(['APPLICATION_ID', 'USER_VERSION']);

/**
 * One token: blank, comment, quoted, variable, word, or any other character. A doubled quote is taken for
 * the end of one text and the beginning of the next, which comes to the same. NUL ends SQL; here it is a blank.
 */
const token =
  /[ \t\n\v\f\r\0\ufeff]+|--[^\n]*|\/\*.*?(?:\*\/|$)|'[^']*'?|"[^"]*"?|`[^`]*`?|\[[^\]]*\]?|[$@#:][\w$:\u0080-\uffff]*(?:\([^ \t\n\v\f\r)]*\)?)?|[A-Za-z_\u0080-\uffff][\w$\u0080-\uffff]*|./gs;
const blank = /^(?:[ \t\n\v\f\r\0\ufeff]|--|\/\*)/;

export function scan(sql: string): Scan {
  let reads = true;
  for (const head of statementHeads(sql)) {
    const [keyword = '', ...rest] = head;
    if (refusedKeywords.has(keyword)) return { reads: false, refused: keyword };
    if (keyword === 'PRAGMA') {
      const name = rest[1] === '.' ? rest[2] : rest[0];
      if (!allowedPragmas.has(name ?? '')) return { reads: false, refused: `PRAGMA ${name ?? ''}` };
      // `user_version = 3` and `user_version(3)` write.
      if (settablePragmas.has(name ?? '') && rest.length > (rest[1] === '.' ? 3 : 1)) reads = false;
    } else if (!readingKeywords.has(keyword)) reads = false;
  }
  return { reads, refused: undefined };
}

/** Words of a head: `PRAGMA main . user_version =`. */
const headLength = 5;

/** The first tokens of each statement, in upper case. */
function* statementHeads(sql: string): Generator<string[]> {
  let head: string[] = [];
  // The statements of a trigger end with semicolons too: it is over after `; END ;`, so its own is the last head seen.
  let trigger = false;
  let inner: string | undefined;
  for (const [text] of sql.matchAll(token)) {
    if (blank.test(text)) continue;
    if (text === ';') {
      if (trigger && inner !== 'END') {
        inner = undefined;
        continue;
      }
      if (head.length > 0) yield head;
      head = [];
      trigger = false;
      inner = undefined;
    } else if (trigger) inner ??= text.toUpperCase();
    else if (head.length < headLength) {
      head.push(text.toUpperCase());
      if (head.length <= 3 && head[0] === 'CREATE' && head.at(-1) === 'TRIGGER') {
        trigger = true;
        // What stands before the first semicolon is the trigger's own: END there is that of a CASE.
        inner = 'CREATE';
      }
    }
  }
  if (head.length > 0) yield head;
}
