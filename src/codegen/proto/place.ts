/**
 * Where in the source something of a descriptor stands, for diagnostics: source_code_info gives the
 * statement, and the text of the statement gives the field of an option in it.
 */
import type { DescField, DescFile, DescMessage, DescMethod, DescService } from '@bufbuild/protobuf';
import type { Diagnostic } from '../diagnostic.js';
import type { ProtoSource } from './sources.js';

export type Element = DescService | DescMethod | DescField;

/** The number of the `options` field in each descriptor, and of `name`. */
const optionsField = { service: 3, rpc: 4, field: 8 } as const;
const nameField = 1;

/**
 * A diagnostic at the option `key` (`timeout`, `retry.codes`) below the custom option `extension` (its
 * number) of an element; at the element's name when the option is not written there, or `key` is empty.
 */
export function diagnosticAt(
  element: Element,
  extension: number,
  key: string,
  severity: Diagnostic['severity'],
  message: string,
  sources: ReadonlyMap<string, ProtoSource>,
): Diagnostic {
  const file =
    element.kind === 'field' ? element.parent.file : element.kind === 'rpc' ? element.parent.file : element.file;
  const source = sources.get(`${file.name}.proto`);
  const place = placeOf(element, file, extension, key, source?.text ?? '');
  const display = source?.display ?? `${file.name}.proto`;
  if (place === undefined) return { severity, message, file: display, line: 0, column: 0 };
  if (source !== undefined) return { severity, message, file: display, ...place };
  // Of a file that another compiler has read, only the statement's place is known.
  return { severity, message, file: display, line: place.line, column: place.column };
}

function placeOf(
  element: Element,
  file: DescFile,
  extension: number,
  key: string,
  text: string,
): Pick<Diagnostic, 'line' | 'column' | 'length' | 'sourceLine'> | undefined {
  const path = pathOf(element);
  const locations = file.proto.sourceCodeInfo?.location ?? [];
  const statements = locations.filter(({ path: one }) =>
    startsWith(one, [...path, optionsField[element.kind], extension]),
  );
  const lines = text.split('\n');
  const words = key === '' ? [] : key.split('.').reverse();
  for (const word of words) {
    for (const { span } of statements) {
      const found = findWord(lines, span, word);
      if (found !== undefined) return found;
    }
  }
  const span =
    (key === '' ? undefined : statements[0]?.span) ??
    locations.find(({ path: one }) => same(one, [...path, nameField]))?.span;
  if (span === undefined) return undefined;
  const [line = 0, column = 0] = span;
  const end = span.length === 3 ? span[2] : undefined;
  return {
    line: line + 1,
    column: column + 1,
    length: Math.max(1, (end ?? column + 1) - column),
    sourceLine: (lines[line] ?? '').replace(/\r$/, ''),
  };
}

/** The first `word` in a span that is followed by what follows the name of a field. */
function findWord(lines: readonly string[], span: readonly number[], word: string): ReturnType<typeof placeOf> {
  const [first = 0, column = 0] = span;
  const last = span.length === 4 ? (span[2] ?? first) : first;
  const pattern = new RegExp(`(?<![\\w"'])${word}(?=\\s*(?:[:={[)]|$))`, 'g');
  for (let line = first; line <= last; line++) {
    const text = (lines[line] ?? '').replace(/\r$/, '');
    // A column may count a tab as more than one: then it is beyond the word.
    pattern.lastIndex = line === first && !text.includes('\t') ? Math.min(column, text.length) : 0;
    const match = pattern.exec(text);
    if (match !== null) return { line: line + 1, column: match.index + 1, length: word.length, sourceLine: text };
  }
  return undefined;
}

function pathOf(element: Element): number[] {
  if (element.kind === 'service') return [6, element.file.services.indexOf(element)];
  if (element.kind === 'rpc') return [...pathOf(element.parent), 2, element.parent.methods.indexOf(element)];
  return [...messagePath(element.parent), 2, element.parent.fields.indexOf(element)];
}

function messagePath(message: DescMessage): number[] {
  const { parent } = message;
  if (parent === undefined) {
    return [4, message.file.proto.messageType.indexOf(message.proto)];
  }
  return [...messagePath(parent), 3, parent.proto.nestedType.indexOf(message.proto)];
}

function startsWith(path: readonly number[], prefix: readonly number[]): boolean {
  return prefix.every((part, index) => path[index] === part);
}

function same(a: readonly number[], b: readonly number[]): boolean {
  return a.length === b.length && startsWith(a, b);
}

/** The comment before an element, as it would read without its comment signs. */
export function leadingComment(file: DescFile, path: readonly number[]): string | undefined {
  const location = file.proto.sourceCodeInfo?.location.find((one) => same(one.path, path));
  const comment = location?.leadingComments ?? '';
  return comment === ''
    ? undefined
    : comment
        .split('\n')
        .map((line) => line.replace(/^ /, ''))
        .join('\n');
}

export function elementPath(element: DescService | DescMethod | DescMessage | DescField): number[] {
  return element.kind === 'message' ? messagePath(element) : pathOf(element);
}
