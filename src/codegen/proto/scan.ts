/**
 * Reads of a .proto file only what is needed before compiling it: what it imports, its package and the
 * names it declares outside any block. buf is the judge of the rest, so a scan never fails: on a file
 * that is not valid it finds less, and buf then says what is wrong with it.
 */
export interface ImportStatement {
  readonly path: string;
  /** From 1; of the path's opening quote. */
  readonly line: number;
  readonly column: number;
  readonly length: number;
  /** `import option`, of edition 2024: for options only, never for types. */
  readonly optionOnly: boolean;
}

export interface ProtoScan {
  readonly package: string;
  readonly imports: readonly ImportStatement[];
  /** Full names of what is declared outside any message: messages, enums and their values, services, extensions. */
  readonly symbols: readonly string[];
  /** How deep its braces nest. */
  readonly depth: number;
}

/** White space, comments, strings, words and signs; one that is not closed ends with its line, or with the file. */
export const tokens =
  /\s+|\/\/[^\n]*|\/\*[\s\S]*?(?:\*\/|$)|"(?:[^"\\\n]+|\\[\s\S])*"?|'(?:[^'\\\n]+|\\[\s\S])*'?|[A-Za-z0-9_.]+|[\s\S]/g;

interface Token {
  readonly text: string;
  readonly index: number;
}

export function scanProto(source: string): ProtoScan {
  const found = { package: '', imports: [] as ImportStatement[], names: [] as string[] };
  const places = lineStarts(source);
  let statement: Token[] = [];
  let block = '';
  let depth = 0;
  let deepest = 0;
  for (const match of source.matchAll(tokens)) {
    const text = match[0];
    const first = text[0] ?? '';
    if (/\s/.test(first) || text.startsWith('//') || text.startsWith('/*')) continue;
    if (text === '{') {
      if (depth === 0) block = readDeclaration(statement, found.names);
      depth += 1;
      deepest = Math.max(deepest, depth);
      statement = [];
    } else if (text === '}') {
      depth = Math.max(0, depth - 1);
      statement = [];
    } else if (text === ';') {
      if (depth === 0) readStatement(statement, found, places);
      else if (depth === 1 && (block === 'enum' || block === 'extend')) readMember(statement, found.names);
      statement = [];
    } else if (depth < 2 && statement.length < 16) statement.push({ text, index: match.index });
  }
  const prefix = found.package === '' ? '' : `${found.package}.`;
  return {
    package: found.package,
    imports: found.imports,
    symbols: found.names.map((name) => prefix + name),
    depth: deepest,
  };
}

/** The keyword of a block; notes the name that it declares. */
function readDeclaration(statement: readonly Token[], names: string[]): string {
  // Edition 2024 allows `export message` and `local message`.
  const words = statement.map((token) => token.text).filter((word) => word !== 'export' && word !== 'local');
  const [keyword = '', name = ''] = words;
  if (keyword !== 'extend' && /^\w+$/.test(name)) names.push(name);
  return keyword;
}

/** The values of an enum and the fields of an `extend` are declared in the scope around their block. */
function readMember(statement: readonly Token[], names: string[]): void {
  const equals = statement.findIndex((token) => token.text === '=');
  const name = statement[equals - 1]?.text;
  if (name !== undefined && /^\w+$/.test(name) && statement[0]?.text !== 'option') names.push(name);
}

function readStatement(
  statement: readonly Token[],
  found: { package: string; imports: ImportStatement[] },
  places: readonly number[],
): void {
  const keyword = statement[0]?.text;
  if (keyword === 'package')
    found.package = statement
      .slice(1)
      .map((token) => token.text)
      .join('');
  if (keyword !== 'import') return;
  const strings = statement.filter((token) => /^["']/.test(token.text));
  const opening = strings[0];
  if (opening === undefined) return;
  const line = lineOf(places, opening.index);
  found.imports.push({
    path: strings.map((token) => unquote(token.text)).join(''),
    line: line + 1,
    column: opening.index - (places[line] ?? 0) + 1,
    length: opening.text.length,
    optionOnly: statement[1]?.text === 'option',
  });
}

function unquote(text: string): string {
  return text.slice(1, text.length > 1 && text.endsWith(text[0] ?? '') ? -1 : undefined).replace(/\\(.)/g, '$1');
}

function lineStarts(source: string): number[] {
  const starts = [0];
  for (let at = source.indexOf('\n'); at >= 0; at = source.indexOf('\n', at + 1)) starts.push(at + 1);
  return starts;
}

function lineOf(starts: readonly number[], index: number): number {
  let low = 0;
  let high = starts.length - 1;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if ((starts[middle] ?? 0) <= index) low = middle;
    else high = middle - 1;
  }
  return low;
}
