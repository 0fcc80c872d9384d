/**
 * Finds statements that would begin or end the transaction they run in: it ends together with the record of the call's
 * key, or the promise is void. Reads SQL as the server's own scanner does (nested comments, dollar quotes, escapes), so
 * that several statements in one text hide nothing. Savepoints are the handler's own business.
 * Source: https://www.postgresql.org/docs/current/sql-syntax-lexical.html
 */

/** Most texts hold none of these words and need no reading. */
const suspicious = /\b(?:begin|start|commit|end|abort|rollback|prepare)\b/i;

/**
 * One token: blank, line comment, opening of a comment, escape string, string, quoted name, opening of a dollar quote,
 * parameter, word, any other character. A quote inside quotes is doubled: read as two strings side by side.
 */
const token =
  /[ \t\n\v\f\r]+|--[^\n\r]*|\/\*|[eE]'(?:[^'\\]+|''|\\.)*(?:'|$)|'[^']*(?:'|$)|"[^"]*(?:"|$)|\$(?:[A-Za-z_\u0080-\uffff][\w\u0080-\uffff]*)?\$|\$\d+|[A-Za-z_\u0080-\uffff][\w$\u0080-\uffff]*|./suy;
const word = /^[A-Za-z_\u0080-\uffff]/;

/** The first statement in `sql` that begins or ends a transaction, as `COMMIT`; undefined when there is none. */
export function transactionControl(sql: string): string | undefined {
  if (!suspicious.test(sql)) return undefined;
  for (const [first = '', second = '', third = ''] of statementHeads(sql)) {
    switch (first) {
      case 'BEGIN':
      case 'START':
      case 'COMMIT':
      case 'END':
      case 'ABORT':
        return first;
      case 'PREPARE':
        if (second === 'TRANSACTION') return 'PREPARE TRANSACTION';
        break;
      case 'ROLLBACK':
        if (second !== 'TO' && third !== 'TO') return first;
    }
  }
  return undefined;
}

/** The first words of each statement, in upper case. */
function* statementHeads(sql: string): Generator<string[]> {
  let head: string[] = [];
  // Functions in SQL may have a body of statements: BEGIN ATOMIC ... END.
  let depth = 0;
  let previous = '';
  for (const text of tokens(sql)) {
    if (text === ';' && depth === 0) {
      if (head.length > 0) yield head;
      head = [];
      previous = '';
      continue;
    }
    const upper = word.test(text) && !/^[eE]'/.test(text) ? text.toUpperCase() : text;
    if (head.length < 3) head.push(upper);
    if (head[0] === 'CREATE') {
      if (upper === 'ATOMIC' && previous === 'BEGIN') depth += 1;
      else if (depth > 0 && upper === 'CASE') depth += 1;
      else if (depth > 0 && upper === 'END') depth -= 1;
    }
    previous = upper;
  }
  if (head.length > 0) yield head;
}

/** Every token but blanks and comments. */
function* tokens(sql: string): Generator<string> {
  let at = 0;
  while (at < sql.length) {
    token.lastIndex = at;
    const text = token.exec(sql)?.[0] ?? '';
    at += Math.max(1, text.length);
    if (text === '/*') at = endOfComment(sql, at);
    else if (text.length > 1 && text.startsWith('$') && text.endsWith('$')) {
      const end = sql.indexOf(text, at);
      at = end === -1 ? sql.length : end + text.length;
      yield text;
    } else if (!/^(?:[ \t\n\v\f\r]|--)/.test(text)) yield text;
  }
}

/** Comments nest. */
function endOfComment(sql: string, from: number): number {
  let depth = 1;
  const marks = /\/\*|\*\//g;
  marks.lastIndex = from;
  for (let mark = marks.exec(sql); mark !== null; mark = marks.exec(sql)) {
    depth += mark[0] === '/*' ? 1 : -1;
    if (depth === 0) return marks.lastIndex;
  }
  return sql.length;
}
