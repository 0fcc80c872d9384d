/**
 * The parser's view of a file: one token ahead, what went wrong, and how to go on after it. A
 * syntax error is thrown as a `SyntaxFault` that is already reported; whoever reads a list catches it,
 * skips to where the next item plausibly begins and continues, so one run shows all errors.
 */

import type { FileDoc } from './file-doc.js';
import { Lexer } from './lexer.js';
import type { ThriftLimits } from './limits.js';
import type { Source, Span } from './source.js';
import type { AnnotationNode, Name } from './syntax.js';
import { fieldNameKeywords, type Token } from './token.js';

/** Thrown after the error was reported, to leave the construct. */
export class SyntaxFault extends Error {}

/** Thrown when the file turns out to be written in fbthrift's dialect: no more of it is read. */
export class DialectFault extends Error {
  constructor(
    readonly span: Span,
    readonly feature: string,
  ) {
    super(feature);
  }
}

const definitionWords = new Set(['typedef', 'enum', 'struct', 'union', 'exception', 'const', 'service']);
const headerWords = new Set(['include', 'namespace', 'cpp_include']);

export class TokenStream {
  /** Read only when somebody looks at it: comments before it may belong to what follows. */
  private ahead: Token | undefined;
  /** The id that the next field without one gets; one counter per file, as in Apache's grammar. */
  nextFieldId = -1;
  /** Names in what was skipped. */
  readonly lost = new Set<string>();
  private depth = 0;
  private lastErrorLine = 0;
  private previousEnd = 0;
  private readonly lexer: Lexer;

  constructor(
    readonly source: Source,
    readonly limits: ThriftLimits,
    readonly fileDoc: FileDoc,
  ) {
    this.lexer = new Lexer(source, limits.tokens, fileDoc);
  }

  get current(): Token {
    this.ahead ??= this.lexer.next();
    return this.ahead;
  }

  /** Where the last token taken ends. */
  get end(): number {
    return this.previousEnd;
  }

  take(): Token {
    const token = this.current;
    this.previousEnd = token.end;
    if (token.kind !== 'end') this.ahead = undefined;
    return token;
  }

  is(text: string): boolean {
    return (this.current.kind === 'symbol' || this.current.kind === 'keyword') && this.current.text === text;
  }

  isIdentifier(text: string): boolean {
    return this.current.kind === 'identifier' && this.current.text === text;
  }

  accept(text: string): boolean {
    if (!this.is(text)) return false;
    this.take();
    return true;
  }

  /** Takes a symbol or keyword; `what` says what for: `"(" before the arguments`. */
  expect(text: string, what: string): Token {
    if (!this.is(text)) this.fail(`"${text}" ${what}`);
    return this.take();
  }

  identifier(what: string): Name {
    if (this.current.kind !== 'identifier') this.fail(what);
    const { text, start, end } = this.take();
    return { text, start, end };
  }

  /** A name without dots. */
  simpleName(what: string): Name {
    const name = this.identifier(what);
    this.refuseDots(name);
    return name;
  }

  fieldName(): Name {
    if (this.current.kind === 'keyword' && fieldNameKeywords.has(this.current.text)) {
      const { text, start, end } = this.take();
      return { text, start, end };
    }
    return this.simpleName('the name of the field');
  }

  refuseDots(name: Name): void {
    if (!name.text.includes('.')) return;
    this.source.error(
      name,
      `"${name.text}" cannot be a name here, because it has a dot; a dot refers to what another file defines`,
    );
  }

  separator(): void {
    if (!this.accept(',')) this.accept(';');
  }

  /** The doc comment read since the last element took one; also one that stood before a separator. */
  takeDoc(): string | undefined {
    const doc = this.dropDoc();
    if (doc !== undefined) this.fileDoc.taken();
    return doc;
  }

  /** The same, for what has no comment of its own. */
  dropDoc(): string | undefined {
    // A comment counts when the token behind it has been read.
    void this.current;
    const doc = this.lexer.doc;
    this.lexer.doc = undefined;
    return doc;
  }

  annotations(): AnnotationNode[] {
    const found: AnnotationNode[] = [];
    if (!this.accept('(')) return found;
    while (!this.is(')')) {
      const key = this.identifier('the name of an annotation, or ")"');
      let value = '1';
      if (this.accept('=')) {
        if (this.current.kind !== 'literal') this.fail('a string as the value of the annotation');
        value = this.take().text;
      }
      found.push({ key: key.text, value, start: key.start, end: this.end });
      this.separator();
    }
    this.take();
    return found;
  }

  /** Runs `body` one level deeper; beyond the limit it is an error. */
  nested<T>(what: string, body: () => T): T {
    if (this.depth >= this.limits.nesting) {
      this.source.error(this.current, `${what} may nest ${this.limits.nesting} levels; this is one more`);
      throw new SyntaxFault();
    }
    this.depth++;
    try {
      return body();
    } finally {
      this.depth--;
    }
  }

  /** Reports that `expected` should stand here. */
  fail(expected: string): never {
    const token = this.current;
    if (token.kind === 'at') throw new DialectFault(token, 'annotations with @');
    const { line } = this.source.place(token.start);
    // What follows an error on the same line is mostly the same error.
    if (line !== this.lastErrorLine || token.kind === 'end') {
      this.lastErrorLine = line;
      this.source.error(token, `expected ${expected}, but found ${describe(token)}`);
    }
    throw new SyntaxFault();
  }

  isDefinitionWord(): boolean {
    return this.current.kind === 'keyword' && definitionWords.has(this.current.text);
  }

  isHeaderWord(): boolean {
    return this.current.kind === 'keyword' && headerWords.has(this.current.text);
  }

  /**
   * Reads items up to `close`. After a fault: skips to the next item, which follows a separator or
   * begins a line. False when the list has no end: a definition begins in the middle of it.
   */
  items(close: string, item: () => void): boolean {
    while (!this.is(close)) {
      if (this.current.kind === 'end') {
        try {
          this.fail(`"${close}"`);
        } catch {
          return false;
        }
      }
      const before = this.current;
      try {
        item();
      } catch (fault) {
        if (!(fault instanceof SyntaxFault)) throw fault;
        const resumed = this.skipItem(close, before);
        this.lose(before.start);
        if (!resumed) return false;
      }
    }
    this.take();
    return true;
  }

  private skipItem(close: string, before: Token): boolean {
    let depth = 0;
    if (this.current === before) this.skipOne();
    while (this.current.kind !== 'end') {
      if (depth === 0) {
        if (this.is(close)) return true;
        if (this.startsDefinition()) return false;
        if (this.accept(',') || this.accept(';')) return true;
        if (this.current.startsLine && !this.is(')') && !this.is('}') && !this.is(']')) {
          // A parenthesis may have been forgotten: then this begins a function, and only an id an argument.
          return close !== ')' || this.current.kind === 'integer';
        }
      }
      if (this.is('(') || this.is('{') || this.is('[')) depth++;
      else if (this.is(')') || this.is('}') || this.is(']')) depth = Math.max(0, depth - 1);
      this.take();
    }
    return false;
  }

  /** Skips from a definition that cannot be read, which begins at `start`, to the next one. */
  skipDefinition(start: number): void {
    this.skipOne();
    while (this.current.kind !== 'end' && !this.startsDefinition()) this.take();
    this.lose(start);
  }

  /** Remembers the names between `start` and here: that they are not defined is not worth an error. */
  private lose(start: number): void {
    for (const [name] of this.source.text.slice(start, this.end).matchAll(/[A-Za-z_][A-Za-z_0-9]*/g))
      this.lost.add(name);
  }

  private skipOne(): void {
    if (!this.startsDefinition()) this.take();
  }

  /** A definition's word at the first column: nobody writes a field so. */
  private startsDefinition(): boolean {
    if (!this.current.startsLine || !(this.isDefinitionWord() || this.isHeaderWord())) return false;
    return this.source.place(this.current.start).column === 1;
  }
}

function describe(token: Token): string {
  switch (token.kind) {
    case 'end':
      return 'the end of the file';
    case 'literal':
      return 'a string';
    case 'keyword':
      return `the keyword "${token.text}"`;
    default:
      return `"${token.text.length > 60 ? `${token.text.slice(0, 57)}...` : token.text}"`;
  }
}
