import { readdirSync, readFileSync } from 'node:fs';
import ts from 'typescript';
import { describe, expect, it } from 'vitest';
import { isReason, type ReasonTerms, reasonGroups, reasonTerms } from '../../src/contract/reasons.js';

const page = readFileSync(new URL('../../docs/errors.md', import.meta.url), 'utf8');
const sources = new URL('../../src/', import.meta.url);

const titles: Readonly<Record<keyof typeof reasonGroups, string>> = {
  both: 'On either side',
  client: 'On the client',
  server: 'On the server',
  keyed: 'KEYED calls and their stores',
  topics: 'Topics',
  thrift: 'Thrift, on the wire',
  connections: 'Connections that are closed',
  retired: 'Of before',
};

const rowOf = ([reason, { codes, address, overload, advice }]: [string, ReasonTerms]): string =>
  `| \`${reason}\` | ${codes.join(', ')} | ${address} | ${overload ? 'yes' : ''} | ${advice} |`;

describe('the table of reasons', () => {
  it.each(Object.entries(titles))('is what docs/errors.md shows (%s)', (group, title) => {
    const start = page.indexOf(`### ${title}\n`);
    const section = page.slice(start, page.indexOf('\n#', start + 4) + 1 || undefined);
    const rows = section.split('\n').filter((line) => line.startsWith('| `'));
    expect(rows).toEqual(Object.entries(reasonGroups[group as keyof typeof reasonGroups]).map(rowOf));
  });

  it('has UPPER_SNAKE names of at most 63 characters (AIP-193), each once', () => {
    const names = Object.values(reasonGroups).flatMap((group) => Object.keys(group));
    expect(new Set(names).size).toBe(names.length);
    for (const name of names) expect(name).toMatch(/^[A-Z][A-Z0-9_]{0,62}$/);
  });

  it('blames no address for a size, a header, a quota, a key or a stream of the caller', () => {
    for (const reason of [
      'MESSAGE_TOO_LARGE',
      'REQUEST_TOO_LARGE',
      'REPLY_TOO_LARGE',
      'HEADERS_TOO_LARGE',
      'QUOTA_EXCEEDED',
      'REQUEST_STREAM_FAILED',
      'REQUEST_UNSENDABLE',
      'DEADLINE_BEFORE_SENT',
      'TIMEOUT_MALFORMED',
      'TOO_MANY_WAITING',
      'CLIENT_CLOSED',
      'IDEMPOTENCY_IN_PROGRESS',
      'IDEMPOTENCY_KEY_REUSED',
      'TOPIC_FULL',
    ]) {
      expect([reason, reasonTerms(reason)?.address]).not.toEqual([reason, 'faulty']);
      expect(reasonTerms(reason)).toBeDefined();
    }
  });
});

/** `new RpcError` with a reason: what a handler makes. The runtime's own come from `ownError`. */
function unmarked(file: string): string[] {
  const text = readFileSync(new URL(file, sources), 'utf8');
  if (!text.includes('new RpcError(')) return [];
  const parsed = ts.createSourceFile(file, text, ts.ScriptTarget.Latest, true);
  const found: string[] = [];
  const visit = (node: ts.Node): void => {
    if (ts.isNewExpression(node) && node.expression.getText() === 'RpcError') {
      const options = node.arguments?.[2]?.getText() ?? '';
      if (/(?<![.#\w])reason\b/.test(options)) found.push(`${file}: ${options.replace(/\s+/g, ' ')}`);
    }
    ts.forEachChild(node, visit);
  };
  visit(parsed);
  return found;
}

describe('every reason that the source gives', () => {
  it("is in the table, unless it is a foreign server's or a handler's", () => {
    const files = readdirSync(sources, { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.ts'));
    expect(files.flatMap(unmarked).sort()).toEqual([
      'call/own-error.ts: { ...options, reason }',
      'call/own-error.ts: { ...options, reason, domain: ownDomain }',
      'call/rpc-error.ts: { ...(this.#reason === undefined ? {} : { reason: this.#reason }), ...(domain === undefined ? {} : { domain }), ...(this.#metadata === undefined ? {} : { metadata: this.#metadata }), details, disposition, cause: this.cause, }',
      // biome-ignore lint/suspicious/noTemplateCurlyInString: it is source text
      "transports/thrift/application-errors.ts: { reason: `THRIFT_${name}`, domain: 'thrift.apache.org', disposition, }",
    ]);
  });

  it('that a subscription frame carries is one, too', () => {
    const codes = ['BACK_PRESSURE', 'OVERFLOW', 'UNRECOVERABLE', 'STORE_FAILED', 'TOO_MANY_SUBSCRIPTIONS', 'VERSION'];
    expect(codes.filter((code) => !isReason(code))).toEqual([]);
  });
});
