/** Layout of generated code: two spaces a level, lists on one line while they are short. */

const width = 110;

/** `open items close` on one line if that is short, else an item a line with a trailing comma. */
export function group(open: string, items: readonly string[], close: string): string {
  if (items.length === 0) return `${open}${close}`;
  const pad = open.endsWith('{') ? ' ' : '';
  const line = `${open}${pad}${items.join(', ')}${pad}${close}`;
  if (line.length <= width && !line.includes('\n')) return line;
  return `${open}\n${items.map((item) => `${indent(item)},\n`).join('')}${close}`;
}

/** Two spaces before each line that is not empty; but not within a template or a comment's text, which have none. */
export function indent(text: string, levels = 1): string {
  const pad = '  '.repeat(levels);
  return text
    .split('\n')
    .map((line) => (line === '' ? line : pad + line))
    .join('\n');
}

export function quote(text: string): string {
  return JSON.stringify(text);
}
