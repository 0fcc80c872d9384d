/**
 * Text to tokens, one at a time, by the rules of Apache's `thriftl.ll` (0.24): the longest match
 * wins, among equals the earlier rule. The parser holds exactly one token of lookahead, as
 * bison's does, because which element a doc comment belongs to depends on when it is read.
 *
 * A bad character, string or comment is reported and stepped over, so that the rest of the file
 * is still checked. Every step consumes something, so no input makes it run for ever.
 */
import { cleanDoc } from './doctext.js';
import type { FileDoc } from './file-doc.js';
import type { Source } from './source.js';
import { keywords, retiredWords, type Token, type TokenKind } from './token.js';

const blank = /[ \t\r\n]+/y;
const lineComment = /(?:\/\/|#)[^\n]*/y;
/** `/**` + stars + `/`: a comment without text, and no doc comment. */
const starComment = /\/\*\*+\//y;
const identifier = /[a-zA-Z_][a-zA-Z_0-9]*(?:\.[a-zA-Z_0-9]+)*/y;
const decimal = /[+-]?[0-9]+/y;
const hexadecimal = /[+-]?0x[0-9A-Fa-f]+/y;
const double = /[+-]?[0-9]*(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?/y;
const symbol = /[:;,{}()=<>[\]*&]/y;
const plainText = /[^\\\n"']+/y;
const junk = /[^ \t\r\n:;,{}()=<>[\]*&"'#/a-zA-Z_0-9@.+-]+/y;

const maximum = 2n ** 63n - 1n;
const escapes: Readonly<Record<string, string>> = { r: '\r', n: '\n', t: '\t', '"': '"', "'": "'", '\\': '\\' };

export class Lexer {
  /** The text of the last doc comment read, until the parser takes it. */
  doc: string | undefined;
  private at = 0;
  private tokens = 0;
  private freshLine = true;
  private readonly text: string;

  constructor(
    private readonly source: Source,
    private readonly tokenLimit: number,
    private readonly fileDoc: FileDoc,
  ) {
    this.text = source.text;
  }

  next(): Token {
    for (;;) {
      this.skip();
      const start = this.at;
      if (start >= this.text.length) return this.token('end', start);
      if (++this.tokens > this.tokenLimit) {
        const message = `this file has more than ${this.tokenLimit} tokens; split it into several`;
        this.source.error({ start, end: start + 1 }, message);
        this.at = this.text.length;
        return this.token('end', start);
      }
      const token = this.read(start);
      if (token !== undefined) return token;
    }
  }

  private read(start: number): Token | undefined {
    const char = this.text[start] ?? '';
    if (this.match(symbol)) return this.token('symbol', start);
    if (char === '"' || char === "'") return this.literal(start, char);
    if (this.match(identifier)) return this.word(start);
    const number = this.number(start);
    if (number !== undefined) return number;
    if (char === '@') {
      this.at++;
      return this.token('at', start);
    }
    if (!this.match(junk)) this.at++;
    const text = this.text.slice(start, Math.min(this.at, start + 20));
    this.source.error(
      { start, end: this.at },
      `${JSON.stringify(text)} cannot stand here; outside of strings and comments Thrift is plain ASCII`,
    );
    return undefined;
  }

  private word(start: number): Token {
    const text = this.text.slice(start, this.at);
    if (text === 'true' || text === 'false') return this.token('integer', start, text, text === 'true' ? 1n : 0n);
    const instead = retiredWords.get(text);
    if (instead !== undefined) {
      this.source.error({ start, end: this.at }, `"${text}" is no longer part of Thrift; write "${instead}" instead`);
    }
    return this.token(keywords.has(text) ? 'keyword' : 'identifier', start);
  }

  private number(start: number): Token | undefined {
    const ends = [decimal, hexadecimal, double].map((rule) => {
      rule.lastIndex = start;
      return rule.test(this.text) ? rule.lastIndex : start;
    });
    const end = Math.max(...ends);
    if (end === start) return undefined;
    this.at = end;
    const text = this.text.slice(start, end);
    if (end === ends[0] || end === ends[1]) {
      const negative = text.startsWith('-');
      // A string of a million digits is not worth a bigint.
      const digits = text.replace(/^[+-]/, '').replace(/^(0x)?0+(?=[0-9a-fA-F])/, '$1');
      const size = digits.length > 20 ? maximum + 2n : BigInt(digits);
      // Apache reads the digits of a hexadecimal number apart from its sign.
      const limit = negative && end === ends[0] ? maximum + 1n : maximum;
      if (size > limit) {
        this.source.error({ start, end }, `${shorten(text)} does not fit into 64 bits`);
        return this.token('integer', start, text, 0n);
      }
      return this.token('integer', start, text, negative ? -size : size);
    }
    // A lone sign is a double too, of value 0, as `atof` reads it.
    const value = Number(text);
    return this.token('double', start, text, 0n, Number.isNaN(value) ? 0 : value);
  }

  private literal(start: number, quote: string): Token {
    this.at++;
    let value = '';
    for (;;) {
      if (this.match(plainText)) value += this.text.slice(this.matchedFrom, this.at);
      const from = this.at;
      const char = this.text[this.at++];
      if (char === quote) return this.token('literal', start, value);
      if (char === undefined || char === '\n') {
        this.at = from;
        const where = char === undefined ? 'the file' : 'the line';
        this.source.error(
          { start, end: this.at },
          `this string does not end before ${where} does; it needs a closing ${quote}`,
        );
        return this.token('literal', start, value);
      }
      if (char !== '\\') {
        value += char;
        continue;
      }
      const escaped = this.text[this.at] ?? '\n';
      const meaning = escapes[escaped];
      if (meaning !== undefined) {
        this.at++;
        value += meaning;
      } else {
        const shown = /[ -~]/.test(escaped) ? `\\${escaped}` : 'a backslash before this character';
        const message = `${shown} is no escape; Thrift has \\r \\n \\t \\" \\' and \\\\ (for a backslash itself)`;
        this.source.error({ start: from, end: from + 2 }, message);
        if (escaped !== '\n') this.at++;
      }
    }
  }

  /** Steps over blanks and comments. */
  private skip(): void {
    for (;;) {
      if (this.match(blank)) {
        if (this.text.slice(this.matchedFrom, this.at).includes('\n')) this.freshLine = true;
      } else if (!this.match(lineComment) && !this.match(starComment) && !this.blockComment()) return;
    }
  }

  private blockComment(): boolean {
    if (!this.text.startsWith('/*', this.at)) return false;
    const isDoc = this.text.startsWith('/**', this.at);
    const from = this.at + (isDoc ? 3 : 2);
    const end = this.text.indexOf('*/', from);
    if (end < 0) {
      this.source.error({ start: this.at, end: this.at + 2 }, 'this comment does not end; it needs a closing */');
      this.at = this.text.length;
      return true;
    }
    this.at = end + 2;
    if (isDoc) {
      this.doc = cleanDoc(this.text.slice(from, end));
      this.fileDoc.seen(this.doc, this.source.place(end).line);
    }
    return true;
  }

  private matchedFrom = 0;

  private match(rule: RegExp): boolean {
    rule.lastIndex = this.at;
    if (!rule.test(this.text)) return false;
    this.matchedFrom = this.at;
    this.at = rule.lastIndex;
    return true;
  }

  private token(kind: TokenKind, start: number, text?: string, integer = 0n, value = 0): Token {
    const startsLine = this.freshLine;
    this.freshLine = false;
    return {
      kind,
      text: text ?? this.text.slice(start, this.at),
      integer,
      double: value,
      start,
      end: this.at,
      startsLine,
    };
  }
}

function shorten(text: string): string {
  return text.length > 40 ? `${text.slice(0, 37)}...` : text;
}
