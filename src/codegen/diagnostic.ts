/** What the generator has to say about a place in an IDL file, printed as compilers do. */
export interface Diagnostic {
  readonly severity: 'error' | 'warning';
  /** One sentence: the value, the limit, the way out. */
  readonly message: string;
  /** As the user named it, or relative to the working folder. */
  readonly file: string;
  /** From 1; 0 when the place is the file as a whole. */
  readonly line: number;
  /** From 1, in UTF-16 units. */
  readonly column: number;
  /** How far the caret underlines, at least 1. */
  readonly length?: number;
  /** The source line, to print under the sentence. */
  readonly sourceLine?: string;
}

/** `file:line:col: error: sentence`, then the source line with a caret. */
export function formatDiagnostic(diagnostic: Diagnostic): string {
  const { file, line, column, severity, message, sourceLine } = diagnostic;
  const place = line > 0 ? `${file}:${line}:${column}` : file;
  const head = `${place}: ${severity}: ${message}`;
  if (sourceLine === undefined || line === 0) return head;
  const shown = sourceLine.length > 240 ? window(sourceLine, column) : { text: sourceLine, column };
  const pad = shown.text.slice(0, shown.column - 1).replace(/[^\t]/g, ' ');
  const room = Math.max(1, shown.text.length - shown.column + 1);
  const caret = `^${'~'.repeat(Math.max(0, Math.min(diagnostic.length ?? 1, room) - 1))}`;
  return `${head}\n  ${shown.text}\n  ${pad}${caret}`;
}

/** The part of a very long line around a column. */
function window(line: string, column: number): { text: string; column: number } {
  const from = Math.max(0, column - 100);
  return { text: line.slice(from, from + 200), column: column - from };
}

/** In the order of the file, errors and warnings together. */
export function byPlace(a: Diagnostic, b: Diagnostic): number {
  if (a.file !== b.file) return a.file < b.file ? -1 : 1;
  return a.line - b.line || a.column - b.column;
}
