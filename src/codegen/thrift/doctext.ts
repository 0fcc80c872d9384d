/**
 * The text of a doc comment, without its frame of stars. Follows `clean_up_doctext` of Apache's
 * compiler (compiler/cpp/src/thrift/main.cc) step by step, so that documentation reads the same
 * in every language.
 */

/** `raw` is what stands between the opening and the closing mark. Undefined for an empty comment. */
export function cleanDoc(raw: string): string | undefined {
  // Apache puts one blank in place of the closing mark.
  const lines = `${raw} `.replaceAll('\r', '').split('\n');
  if (isBlank(lines.at(-1) ?? '')) lines.pop();
  if (lines.length === 0) return undefined;
  lines[0] = (lines[0] ?? '').replace(/^[ \t]+/, '');

  const prefix = starPrefix(lines);
  if (prefix !== undefined) cut(lines, prefix + 1);

  let margin = Number.POSITIVE_INFINITY;
  for (const line of lines.slice(1)) if (!isBlank(line)) margin = Math.min(margin, indentOf(line));
  if (margin !== Number.POSITIVE_INFINITY) cut(lines, margin);

  // A line of blanks alone stays as it is in Apache's output; nobody can tell, so it is emptied here.
  for (const [index, line] of lines.entries()) lines[index] = line.replace(/[ \t]+$/, '');
  if (lines[0] === '') lines.shift();
  return lines.map((line) => `${line}\n`).join('');
}

/** Where the star stands, when every line after the first that is not blank has one at the same place. */
function starPrefix(lines: string[]): number | undefined {
  let found: number | undefined;
  for (let index = 1; index < lines.length; index++) {
    const line = lines[index] ?? '';
    if (line === '') continue;
    if (isBlank(line)) {
      lines[index] = '';
      continue;
    }
    const at = indentOf(line);
    if (line[at] !== '*' || (found !== undefined && found !== at)) return undefined;
    found = at;
  }
  // Without any star the prefix has length 0, and one character goes all the same.
  return found ?? 0;
}

function cut(lines: string[], count: number): void {
  for (let index = 1; index < lines.length; index++) lines[index] = (lines[index] ?? '').slice(count);
}

function isBlank(line: string): boolean {
  return /^[ \t]*$/.test(line);
}

function indentOf(line: string): number {
  return /^[ \t]*/.exec(line)?.[0].length ?? 0;
}
