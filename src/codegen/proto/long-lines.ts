/**
 * buf takes time with the square of the length of a line: a file of 200 KB written in one line takes it
 * minutes, the same file in many lines a second. So it is given long lines broken, at white space between tokens.
 * Each break takes the place of one character: a position in what buf read is an offset, and the offset is that in the file.
 */
import { tokens } from './scan.js';

const longLine = 2_000;
const piece = 500;

/** The text with line breaks in place of some white space; the same when no line is long. */
export function breakLongLines(text: string): string {
  if (!hasLongLine(text)) return text;
  const parts: string[] = [];
  let column = 0;
  let taken = 0;
  for (const match of text.matchAll(tokens)) {
    const [token] = match;
    const newline = token.lastIndexOf('\n');
    if (column > piece && newline < 0 && /^[ \t]/.test(token)) {
      parts.push(text.slice(taken, match.index), '\n');
      taken = match.index + 1;
      column = token.length - 1;
    } else column = newline < 0 ? column + token.length : token.length - newline - 1;
  }
  parts.push(text.slice(taken));
  return parts.join('');
}

function hasLongLine(text: string): boolean {
  let start = 0;
  for (let end = text.indexOf('\n'); end >= 0; end = text.indexOf('\n', start)) {
    if (end - start > longLine) return true;
    start = end + 1;
  }
  return text.length - start > longLine;
}

export interface Place {
  /** From 1. */
  readonly line: number;
  /** From 1, in UTF-16 units. */
  readonly column: number;
}

/** Where a place in `broken`, its column in bytes as buf counts, is in `text`. */
export class PlaceMap {
  private readonly before: readonly number[];
  private readonly after: readonly number[];
  private readonly lines: readonly string[];

  constructor(
    text: string,
    private readonly broken: string,
  ) {
    this.lines = text.split('\n');
    this.after = starts(text);
    this.before = text === broken ? this.after : starts(broken);
  }

  placeOf(line: number, byteColumn: number): Place {
    const start = this.before[line - 1] ?? 0;
    const end = this.before[line] ?? this.broken.length + 1;
    // Only as much of the line as the column can reach: bytes are never fewer than units.
    const head = this.broken.slice(start, Math.min(end - 1, start + byteColumn - 1));
    const column = Buffer.from(head)
      .subarray(0, byteColumn - 1)
      .toString().length;
    return this.at(start + column);
  }

  lineText(line: number): string {
    return (this.lines[line - 1] ?? '').replace(/\r$/, '');
  }

  private at(offset: number): Place {
    let low = 0;
    let high = this.after.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if ((this.after[middle] ?? 0) <= offset) low = middle;
      else high = middle - 1;
    }
    return { line: low + 1, column: offset - (this.after[low] ?? 0) + 1 };
  }
}

function starts(text: string): number[] {
  const found = [0];
  for (let at = text.indexOf('\n'); at >= 0; at = text.indexOf('\n', at + 1)) found.push(at + 1);
  return found;
}
