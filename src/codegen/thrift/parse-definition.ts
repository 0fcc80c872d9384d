/** Reads definitions: typedefs, enums, structs, unions, exceptions, constants and services. */
import { parseType, parseValue, startsType } from './parse-type.js';
import type {
  DefinitionNode,
  EnumValueNode,
  FieldNode,
  FunctionNode,
  Requiredness,
  ServiceNode,
  StructNode,
} from './syntax.js';
import type { Token } from './token.js';
import { DialectFault, SyntaxFault, type TokenStream } from './token-stream.js';

/** The definition at the current token, or what could be read of it. Undefined when it has not even a name. */
export function parseDefinition(stream: TokenStream): DefinitionNode | undefined {
  const doc = stream.takeDoc();
  const { text, start } = stream.current;
  if (!stream.isDefinitionWord()) {
    refuseDialect(stream);
    stream.fail(
      stream.isHeaderWord()
        ? `a definition (headers such as "${text}" stand before the first definition)`
        : 'a definition: typedef, enum, struct, union, exception, const or service',
    );
  }
  switch (text) {
    case 'typedef': {
      stream.take();
      const type = parseType(stream);
      const name = stream.simpleName('the name of the typedef');
      const annotations = stream.annotations();
      const end = stream.end;
      stream.separator();
      return { kind: 'typedef', name, type, doc, annotations, start, end };
    }
    case 'const': {
      stream.take();
      const type = parseType(stream);
      const name = stream.simpleName('the name of the constant');
      stream.expect('=', 'before the value');
      const value = parseValue(stream);
      const end = stream.end;
      stream.separator();
      return { kind: 'const', name, type, value, doc, annotations: [], start, end };
    }
    case 'enum':
      return parseEnum(stream, doc);
    case 'service':
      return parseService(stream, doc);
    default:
      return parseStruct(stream, doc);
  }
}

function parseEnum(stream: TokenStream, doc: string | undefined): DefinitionNode {
  const { start } = stream.take();
  const name = stream.simpleName('the name of the enum');
  stream.expect('{', 'before the values of the enum');
  const values: EnumValueNode[] = [];
  let last = -1;
  const closed = stream.items('}', () => {
    const valueDoc = stream.takeDoc();
    const valueName = stream.identifier('the name of a value, or "}"');
    let value = last + 1;
    if (stream.accept('=')) {
      if (stream.current.kind !== 'integer') stream.fail('an integer as the value');
      const token = stream.take();
      if (token.integer < -(2n ** 31n) || token.integer >= 2n ** 31n) {
        stream.source.error(token, `${valueName.text} is ${token.text}; the values of an enum are 32-bit integers`);
      }
      value = Number(BigInt.asIntN(32, token.integer));
    } else {
      // With a value Apache lets a dot pass.
      stream.refuseDots(valueName);
      if (last === 2 ** 31 - 1) {
        stream.source.error(
          valueName,
          `${valueName.text} would be 2147483648; the values of an enum are 32-bit integers`,
        );
        value = last;
      }
    }
    last = value;
    const annotations = stream.annotations();
    values.push({ name: valueName, value, doc: valueDoc, annotations, start: valueName.start, end: stream.end });
    stream.separator();
    stream.fileDoc.attached(valueDoc);
  });
  const annotations = closed ? stream.annotations() : [];
  return { kind: 'enum', name, values, doc, annotations, start, end: stream.end };
}

function parseStruct(stream: TokenStream, doc: string | undefined): StructNode {
  const { text, start } = stream.take();
  const kind = text === 'union' || text === 'exception' ? text : 'struct';
  const name = stream.simpleName(`the name of the ${kind}`);
  if (kind !== 'exception') stream.accept('xsd_all');
  stream.expect('{', `before the fields of the ${kind}`);
  const { fields, closed } = parseFields(stream, '}', false);
  const annotations = closed ? stream.annotations() : [];
  return { kind, name, fields, doc, annotations, start, end: stream.end };
}

function parseFields(stream: TokenStream, close: string, inService: boolean): { fields: FieldNode[]; closed: boolean } {
  stream.nextFieldId = -1;
  const fields: FieldNode[] = [];
  const ids = new Map<number, string>();
  const names = new Set<string>();
  const closed = stream.items(close, () => {
    const field = parseField(stream, inService);
    fields.push(field);
    if (ids.has(field.id)) {
      stream.source.error(
        field,
        `the id ${field.id} of "${field.name.text}" is already that of "${ids.get(field.id)}"`,
      );
    } else if (names.has(field.name.text)) {
      stream.source.error(field.name, `there is already a field "${field.name.text}"`);
    }
    ids.set(field.id, field.name.text);
    names.add(field.name.text);
  });
  return { fields, closed };
}

function parseField(stream: TokenStream, inService: boolean): FieldNode {
  const doc = stream.takeDoc();
  const { start } = stream.current;
  const idToken = stream.current.kind === 'integer' ? stream.take() : undefined;
  if (idToken !== undefined) stream.expect(':', 'after the id of the field');
  const id = fieldId(stream, idToken);
  const requiredness = parseRequiredness(stream, inService);
  if (idToken === undefined && requiredness === undefined && !startsType(stream)) refuseDialect(stream);
  const type = parseType(
    stream,
    idToken === undefined && requiredness === undefined ? 'a field' : 'the type of the field',
  );
  const reference = stream.accept('&');
  const name = stream.fieldName();
  if (idToken === undefined) {
    const advice = `"${name.text}" has no id, so it gets ${id}, and another one when fields are added or removed; give it one`;
    stream.source.warning(name, advice);
  }
  const value = stream.accept('=') ? parseValue(stream) : undefined;
  stream.accept('xsd_optional');
  stream.accept('xsd_nillable');
  if (stream.accept('xsd_attrs')) {
    stream.nested('xsd_attrs', () => {
      stream.expect('{', 'after "xsd_attrs"');
      parseFields(stream, '}', inService);
    });
  }
  const annotations = stream.annotations();
  const end = stream.end;
  stream.separator();
  stream.fileDoc.attached(doc);
  return { id, requiredness: requiredness ?? 'default', type, reference, name, value, doc, annotations, start, end };
}

function fieldId(stream: TokenStream, token: Token | undefined): number {
  if (token === undefined) return stream.nextFieldId--;
  let id = Number(BigInt.asIntN(32, token.integer));
  if (token.integer <= 0n) {
    id = stream.nextFieldId--;
    stream.source.warning(
      token,
      `${token.text} cannot be the id of a field, ids begin at 1; it is read as ${id}, as Apache's compiler does`,
    );
  }
  if (id < -32_768 || id > 32_767) {
    stream.source.warning(token, `${token.text} does not fit into the 16 bits that the id of a field has on the wire`);
  }
  return id;
}

function parseRequiredness(stream: TokenStream, inService: boolean): Requiredness | undefined {
  const token = stream.current;
  if (stream.accept('required')) return 'required';
  if (!stream.accept('optional')) return undefined;
  if (!inService) return 'optional';
  stream.source.warning(token, '"optional" has no effect on arguments and exceptions');
  return 'default';
}

function parseService(stream: TokenStream, doc: string | undefined): ServiceNode {
  const { start } = stream.take();
  const name = stream.simpleName('the name of the service');
  const base = stream.accept('extends') ? stream.identifier('the name of the service that is extended') : undefined;
  stream.expect('{', 'before the functions of the service');
  const functions: FunctionNode[] = [];
  const closed = stream.items('}', () => {
    functions.push(parseFunction(stream));
  });
  const annotations = closed ? stream.annotations() : [];
  return { kind: 'service', name, extends: base, functions, doc, annotations, start, end: stream.end };
}

function parseFunction(stream: TokenStream): FunctionNode {
  const doc = stream.takeDoc();
  const { start } = stream.current;
  const oneway = stream.accept('oneway') || stream.accept('async');
  if (!oneway && !stream.is('void') && !startsType(stream)) refuseDialect(stream);
  const returns = stream.accept('void')
    ? undefined
    : parseType(stream, oneway ? 'the type of the result' : 'a function, or "}"');
  const word = returns?.kind === 'named' ? returns.name : undefined;
  if (returns !== undefined && stream.current.kind === 'keyword' && (word === 'idempotent' || word === 'readonly')) {
    throw new DialectFault(returns, `"${word}"`);
  }
  if (stream.is(',') && returns !== undefined) {
    stream.take();
    if (stream.current.text === 'stream' || stream.current.text === 'sink') parseType(stream);
    stream.fail('the name of the function');
  }
  const name = stream.simpleName('the name of the function');
  if (!stream.is('(') && word !== undefined && ['performs', 'idempotent', 'readonly'].includes(word)) {
    throw new DialectFault(returns ?? name, `"${word}"`);
  }
  stream.expect('(', 'before the arguments');
  const args = parseFields(stream, ')', true);
  if (!args.closed) throw new SyntaxFault();
  let throws: FieldNode[] = [];
  if (stream.accept('throws')) {
    stream.expect('(', 'after "throws"');
    const list = parseFields(stream, ')', true);
    if (!list.closed) throw new SyntaxFault();
    throws = list.fields;
  }
  const annotations = stream.annotations();
  const end = stream.end;
  stream.separator();
  stream.fileDoc.attached(doc);
  return { name, oneway, returns, args: args.fields, throws, doc, annotations, start, end };
}

const dialectWords = new Set([
  'package',
  'interaction',
  'hs_include',
  'safe',
  'transient',
  'permanent',
  'stateful',
  'client',
  'server',
]);

/** At a token that begins nothing of Apache's language: is it the other one? */
function refuseDialect(stream: TokenStream): void {
  const { kind, text } = stream.current;
  if (kind === 'at') throw new DialectFault(stream.current, 'annotations with @');
  if (kind !== 'identifier' || !dialectWords.has(text)) return;
  const word = stream.take();
  const next = stream.current;
  const follows =
    text === 'package' || text === 'hs_include'
      ? next.kind === 'literal'
      : text === 'interaction'
        ? next.kind === 'identifier'
        : next.text === 'exception' || dialectWords.has(next.text);
  if (follows) throw new DialectFault(word, `"${text}"`);
}
