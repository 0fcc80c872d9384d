/**
 * Text to syntax tree: recursive descent over the grammar of Apache's `thrifty.yy`, 0.24. It never
 * throws for what the text holds; errors are in the source's diagnostics.
 */
import { FileDoc } from './file-doc.js';
import type { ThriftLimits } from './limits.js';
import { parseDefinition } from './parse-definition.js';
import type { Source } from './source.js';
import type { DefinitionNode, FileNode, IncludeNode, NamespaceNode } from './syntax.js';
import { DialectFault, SyntaxFault, TokenStream } from './token-stream.js';

interface Headers {
  readonly includes: IncludeNode[];
  readonly cppIncludes: string[];
  readonly namespaces: NamespaceNode[];
}

export function parseFile(source: Source, limits: ThriftLimits): FileNode {
  const headers: Headers = { includes: [], cppIncludes: [], namespaces: [] };
  const definitions: DefinitionNode[] = [];
  const doc = new FileDoc();
  let lost: ReadonlySet<string> = new Set();
  try {
    const stream = new TokenStream(source, limits, doc);
    parseHeaders(stream, headers, doc);
    while (stream.current.kind !== 'end') {
      const before = stream.current;
      try {
        const definition = parseDefinition(stream);
        doc.attached(definition?.doc);
        if (definition !== undefined) definitions.push(definition);
      } catch (fault) {
        if (!(fault instanceof SyntaxFault)) throw fault;
        if (stream.current === before) stream.take();
        stream.skipDefinition(before.start);
      }
    }
    lost = stream.lost;
  } catch (fault) {
    if (!(fault instanceof DialectFault)) throw fault;
    source.only(
      fault.span,
      `this file is written in the dialect of Meta's fbthrift (it uses ${fault.feature}), which is another language than ` +
        "Apache Thrift and cannot be compiled here; keep to what Apache's compiler accepts",
    );
    return { includes: [], cppIncludes: [], namespaces: [], definitions: [], doc: undefined, docIsOwn: false, lost };
  }
  return { ...headers, definitions, doc: doc.text, docIsOwn: doc.own, lost };
}

function parseHeaders(stream: TokenStream, headers: Headers, doc: FileDoc): void {
  while (stream.isHeaderWord()) {
    stream.dropDoc();
    const { start } = stream.current;
    try {
      parseHeader(stream, headers, doc);
    } catch (fault) {
      if (!(fault instanceof SyntaxFault)) throw fault;
      stream.skipDefinition(start);
    }
  }
}

function parseHeader(stream: TokenStream, headers: Headers, doc: FileDoc): void {
  const { text: word, start } = stream.take();
  if (word !== 'namespace') {
    if (stream.current.kind !== 'literal') stream.fail(`a file name in quotes after "${word}"`);
    const path = stream.take();
    // Apache settles the file's comment before it reads on: a comment that follows is not the file's.
    doc.header();
    if (word === 'include') {
      headers.includes.push({ path: path.text, start: path.start, end: path.end });
      if (stream.isIdentifier('as')) throw new DialectFault(stream.current, '"include ... as"');
    } else headers.cppIncludes.push(path.text);
    return;
  }
  if (stream.accept('*')) {
    const name = stream.identifier('the name of the namespace');
    doc.header();
    headers.namespaces.push({ scope: '*', name: name.text, annotations: [], start, end: name.end });
    return;
  }
  const scope = stream.identifier('a language, or "*"');
  if (stream.current.kind === 'literal') throw new DialectFault(stream.current, 'a namespace in quotes');
  const name = stream.identifier('the name of the namespace');
  const annotations = stream.annotations();
  doc.header();
  headers.namespaces.push({ scope: scope.text, name: name.text, annotations, start, end: stream.end });
}
