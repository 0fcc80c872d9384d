/** Reads types and constant values. */
import type { BaseTypeName, TypeNode, ValueNode } from './syntax.js';
import { DialectFault, type TokenStream } from './token-stream.js';

const baseTypes: ReadonlyMap<string, BaseTypeName> = new Map([
  ['bool', 'bool'],
  ['byte', 'i8'],
  ['i8', 'i8'],
  ['i16', 'i16'],
  ['i32', 'i32'],
  ['i64', 'i64'],
  ['double', 'double'],
  ['string', 'string'],
  ['binary', 'binary'],
  ['uuid', 'uuid'],
]);

export function startsType(stream: TokenStream): boolean {
  const { kind, text } = stream.current;
  return kind === 'identifier' || (kind === 'keyword' && (baseTypes.has(text) || isContainer(text)));
}

function isContainer(word: string): boolean {
  return word === 'list' || word === 'set' || word === 'map';
}

export function parseType(stream: TokenStream, what = 'a type'): TypeNode {
  const { kind, text, start } = stream.current;
  if (kind === 'identifier') {
    const { end } = stream.take();
    if ((text === 'stream' || text === 'sink') && stream.is('<')) throw new DialectFault({ start, end }, `${text}<>`);
    return { kind: 'named', name: text, start, end };
  }
  const base = kind === 'keyword' ? baseTypes.get(text) : undefined;
  if (base !== undefined) {
    const { end } = stream.take();
    return { kind: 'base', base, annotations: stream.annotations(), start, end };
  }
  if (kind !== 'keyword' || !isContainer(text)) stream.fail(what);
  return stream.nested('types', () => parseContainer(stream));
}

function parseContainer(stream: TokenStream): TypeNode {
  const { text: kind, start } = stream.take();
  cppType(stream);
  stream.expect('<', `after "${kind}"`);
  if (kind === 'map') {
    const key = parseType(stream, 'the type of the keys');
    stream.expect(',', 'between the types of keys and values');
    const value = parseType(stream, 'the type of the values');
    stream.expect('>', 'at the end of the type');
    const end = stream.end;
    return { kind: 'map', key, value, annotations: stream.annotations(), start, end };
  }
  const element = parseType(stream, 'the type of the elements');
  stream.expect('>', 'at the end of the type');
  const end = stream.end;
  // The older place of cpp_type, which only lists have.
  if (kind === 'list') cppType(stream);
  return { kind: kind === 'list' ? 'list' : 'set', element, annotations: stream.annotations(), start, end };
}

function cppType(stream: TokenStream): void {
  if (!stream.accept('cpp_type')) return;
  if (stream.current.kind !== 'literal') stream.fail('a string after "cpp_type"');
  stream.take();
}

export function parseValue(stream: TokenStream): ValueNode {
  const { kind, start } = stream.current;
  if (kind === 'integer') {
    const { integer: value, end } = stream.take();
    return { kind, value, start, end };
  }
  if (kind === 'double') {
    const { double: value, end } = stream.take();
    return { kind, value, start, end };
  }
  if (kind === 'literal') {
    const { text: value, end } = stream.take();
    return { kind: 'string', value, start, end };
  }
  if (kind === 'identifier') {
    const { text: name, end } = stream.take();
    if (stream.is('{')) throw new DialectFault({ start, end }, 'struct literals with a type name');
    return { kind, name, start, end };
  }
  if (stream.is('[')) return stream.nested('constant values', () => parseList(stream));
  if (stream.is('{')) return stream.nested('constant values', () => parseMap(stream));
  return stream.fail('a constant value');
}

function parseList(stream: TokenStream): ValueNode {
  const { start } = stream.take();
  const items: ValueNode[] = [];
  while (!stream.is(']')) {
    items.push(parseValue(stream));
    stream.separator();
  }
  const { end } = stream.take();
  return { kind: 'list', items, start, end };
}

function parseMap(stream: TokenStream): ValueNode {
  const { start } = stream.take();
  const entries: [ValueNode, ValueNode][] = [];
  while (!stream.is('}')) {
    const key = parseValue(stream);
    stream.expect(':', 'between a key and its value');
    entries.push([key, parseValue(stream)]);
    stream.separator();
  }
  const { end } = stream.take();
  return { kind: 'map', entries, start, end };
}
