/**
 * Lays out what ts-proto prints, with the formatter that ts-proto has itself, but a declaration at a time:
 * given a whole file, it takes some megabytes for each message in it. It is ours to call also because names
 * are settled before, so that lines are broken by what they hold in the end.
 */
import { createRequire } from 'node:module';
import { peerFile } from './peer.js';

interface Formatter {
  format(path: string, text: string, options: Readonly<Record<string, unknown>>): string;
}

/** ts-proto's own. */
const layout = {
  useTabs: false,
  useBraces: 'always',
  singleBodyPosition: 'nextLine',
  'arrowFunction.useParentheses': 'force',
  'module.sortImportDeclarations': 'caseSensitive',
  lineWidth: 120,
  preferSingleLine: true,
};

/** Choices within choices are what a large oneof is read by; the formatter runs out of stack at a few thousand. */
const maxChoices = 500;

/**
 * For `node -e`, with the script as its argument: runs ts-proto and leaves its files, not the fragments in them, unformatted. Where a ts-proto of
 * another make has its formatter elsewhere, it formats, which costs time and changes nothing else.
 */
export const unformatted = `
const { createRequire } = require('node:module');
const script = process.argv[1];
try {
  const formatter = createRequire(createRequire(script).resolve('ts-poet'))('dprint-node');
  const { format } = formatter;
  const isFile = (text) => text.startsWith('// Code generated');
  formatter.format = (path, text, options) => (isFile(text) ? text : format(path, text, options));
} catch {}
require(script);
`;

/** Gives the text as it is where there is no formatter, or where it cannot read a part. */
export function formatter(): (text: string) => string {
  const found = load();
  return found === undefined ? (text) => text : (text) => formatParts(text, found);
}

function load(): Formatter | undefined {
  try {
    const poet = createRequire(peerFile('ts-proto', 'package.json')).resolve('ts-poet');
    return createRequire(poet)('dprint-node') as Formatter;
  } catch {
    return undefined;
  }
}

function formatParts(text: string, found: Formatter): string {
  const parts = text.trim().split(/\n(?=(?:export|function|interface) )/);
  let all = '';
  for (const part of parts) {
    const blankAfter = /\n[ \t]*$/.test(part);
    all += `${formatPart(part.trim(), found)}${blankAfter ? '\n\n' : '\n'}`;
  }
  return `${all.trimEnd()}\n`;
}

function formatPart(part: string, found: Formatter): string {
  if (part.split(/^[ \t]*(?:isSet\(object\.|else if |: isSet\(|\} else if )/m, maxChoices + 2).length > maxChoices)
    return part;
  try {
    return found.format('part.ts', part, layout).trimEnd();
  } catch {
    return part;
  }
}
