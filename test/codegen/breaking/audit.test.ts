/** Our verdicts beside those of Apache's own audit, on every change of the table. */
import { spawnSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { compareSchemas } from '../../../src/codegen/breaking/compare.js';
import { loadSchema } from '../../../src/codegen/breaking/load.js';
import { describeWith, hasTool } from '../../requires.js';
import { scratchFolder } from '../../support/scratch.js';
import { thriftCases } from './thrift-cases.js';

/** Whether the audit fails; its warnings do not count, as they do not for its exit code. */
function auditFails(before: string, after: string): boolean {
  const { status, stdout, stderr } = spawnSync('thrift', ['--audit', before, after], {
    encoding: 'utf8',
    timeout: 20_000,
  });
  if (status !== 0 && status !== 2) throw new Error(`thrift --audit ended with ${status}: ${stdout}${stderr}`);
  return stderr.includes('Audit Failure');
}

describeWith(
  'the Apache Thrift compiler (thrift)',
  hasTool('thrift', ['-version']),
  'the compatibility gate beside the audit of the Apache compiler',
  () => {
    it('agrees on every change of the table but those that the docs argue about', { timeout: 120_000 }, async () => {
      const { path: folder, remove } = scratchFolder('audit');
      onTestFinished(remove);
      const differ: string[] = [];
      const expected: string[] = [];
      for (const [index, one] of thriftCases.entries()) {
        // One file each, and both of one name: the audit compares what is called alike.
        const [before, after] = (['before', 'after'] as const).map((side) => {
          const path = join(folder, `${side}-${index}`);
          mkdirSync(path, { recursive: true });
          writeFileSync(join(path, 'api.thrift'), one[side]);
          return path;
        }) as [string, string];
        const [old, now] = [
          await loadSchema({ proto: [], thrift: [before], include: [] }),
          await loadSchema({ proto: [], thrift: [after], include: [] }),
        ];
        expect([...old.diagnostics, ...now.diagnostics].filter(({ severity }) => severity === 'error')).toEqual([]);
        const own = compareSchemas(old.schema, now.schema).filter(({ bump }) => bump === 'major');
        const line = `${one.name}: we say ${own.length > 0} (${own.map(({ rule }) => rule).join(' ') || 'nothing'})`;
        if (own.length > 0 !== auditFails(join(before, 'api.thrift'), join(after, 'api.thrift'))) differ.push(line);
        if (one.differs !== undefined) expected.push(line);
      }
      expect(differ).toEqual(expected);
      expect(thriftCases.length).toBeGreaterThanOrEqual(34);
    });
  },
);
