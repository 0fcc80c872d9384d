/**
 * One `.thrift` file: its text, what is wrong with it, and the way from an offset to a line and
 * a column. Diagnostics collect here, so that all of a file's errors are reported at once.
 */
import type { Diagnostic } from '../diagnostic.js';

/** A range of the text, in UTF-16 units. */
export interface Span {
  readonly start: number;
  readonly end: number;
}

export class Source {
  readonly diagnostics: Diagnostic[] = [];
  /** Errors, also those beyond the bound on what is reported. */
  errors = 0;
  private warnings = 0;
  private lineStarts: number[] | undefined;
  private readonly seen = new Set<string>();

  constructor(
    /** Real path. */
    readonly path: string,
    /** As messages name the file. */
    readonly name: string,
    readonly text: string,
    private readonly limit: number,
  ) {}

  /** Whether further errors are only counted, so that their text need not be made. */
  get isFull(): boolean {
    return this.errors >= this.limit;
  }

  error(span: Span, message: string): void {
    this.errors++;
    this.report('error', this.errors, span, message);
  }

  warning(span: Span, message: string): void {
    this.warnings++;
    this.report('warning', this.warnings, span, message);
  }

  /** Replaces all that was said of the file by one error that explains it. */
  only(span: Span, message: string): void {
    this.diagnostics.length = 0;
    this.errors = 0;
    this.warnings = 0;
    this.error(span, message);
  }

  private report(severity: 'error' | 'warning', count: number, span: Span, message: string): void {
    if (count > this.limit) return;
    const { line, column } = this.place(span.start);
    // A construct may be looked at twice (an argument as a field, say); it is said once.
    const key = `${severity} ${span.start} ${message}`;
    if (this.seen.has(key)) return;
    this.seen.add(key);
    const sourceLine = this.line(line);
    const length = Math.max(1, Math.min(span.end - span.start, sourceLine.length - column + 1));
    this.diagnostics.push({ severity, message, file: this.name, line, column, length, sourceLine });
    if (count === this.limit) {
      const more = `there are more than ${this.limit} ${severity}s in this file; the rest is not shown`;
      this.diagnostics.push({ severity, message: more, file: this.name, line: 0, column: 0 });
    }
  }

  /** Line and column from 1. */
  place(offset: number): { line: number; column: number } {
    const starts = this.starts();
    let low = 0;
    let high = starts.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if ((starts[middle] ?? 0) <= offset) low = middle;
      else high = middle - 1;
    }
    return { line: low + 1, column: offset - (starts[low] ?? 0) + 1 };
  }

  /** The text of a line, from 1, without its end. */
  line(line: number): string {
    const starts = this.starts();
    const text = this.text.slice(starts[line - 1] ?? 0, starts[line] ?? this.text.length);
    return text.replace(/[\r\n]+$/, '');
  }

  private starts(): number[] {
    if (this.lineStarts === undefined) {
      this.lineStarts = [0];
      for (let at = this.text.indexOf('\n'); at >= 0; at = this.text.indexOf('\n', at + 1))
        this.lineStarts.push(at + 1);
    }
    return this.lineStarts;
  }
}

/** The text of a file's bytes. Apache reads bytes: what is not UTF-8 is accepted in comments and strings. */
export function decodeText(bytes: Uint8Array): string {
  const text = new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes);
  return text.startsWith('\ufeff') ? text.slice(1) : text;
}
