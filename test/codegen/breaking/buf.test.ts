/** Our verdicts beside those of buf's own rules, on every change of the table. */
import { spawnSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { compareSchemas } from '../../../src/codegen/breaking/compare.js';
import { loadSchema } from '../../../src/codegen/breaking/load.js';
import { bufProgram } from '../../../src/codegen/proto/peer.js';
import { scratchFolder } from '../../support/scratch.js';
import { type ProtoCase, protoCases } from './proto-cases.js';

const id = (index: number): string => `c${String(index).padStart(3, '0')}`;

function write(
  folder: string,
  pick: (one: ProtoCase) => { bodies: ProtoCase['before']; head: string | undefined },
): void {
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'buf.yaml'), 'version: v2\nmodules:\n  - path: .\n');
  protoCases.forEach((one, index) => {
    const { bodies, head = 'syntax = "proto3";' } = pick(one);
    const files = typeof bodies === 'string' ? { a: bodies } : bodies;
    for (const [suffix, body] of Object.entries(files)) {
      const start = head.includes('package')
        ? head.replace('package ', `package ${id(index)}.`)
        : `${head}\npackage ${id(index)};`;
      writeFileSync(join(folder, `${id(index)}_${suffix}.proto`), `${start}\n${body}\n`);
    }
  });
}

/** The cases in which buf finds something, by its category. */
function bufFinds(category: 'WIRE' | 'FILE', before: string, after: string): Set<string> {
  const config = JSON.stringify({ version: 'v2', modules: [{ path: '.' }], breaking: { use: [category] } });
  const { stdout, stderr } = spawnSync(
    bufProgram(),
    ['breaking', after, '--against', before, '--config', config, '--against-config', config, '--error-format', 'json'],
    { encoding: 'utf8', timeout: 120_000 },
  );
  const found = new Set<string>();
  for (const line of `${stdout}\n${stderr}`.split('\n')) {
    if (!line.startsWith('{')) {
      if (line.trim() !== '') throw new Error(line);
      continue;
    }
    const { path, message } = JSON.parse(line) as { path?: string; message: string };
    const name = /c\d{3}/.exec(path ?? message)?.[0];
    if (name !== undefined) found.add(name);
  }
  return found;
}

it('agrees with buf on every change of the table but those that the docs argue about', {
  timeout: 300_000,
}, async () => {
  const { path: folder, remove } = scratchFolder('breaking');
  onTestFinished(remove);
  const [before, after] = [join(folder, 'before'), join(folder, 'after')];
  write(before, ({ before: bodies, head }) => ({ bodies, head }));
  write(after, ({ after: bodies, head, headAfter }) => ({ bodies, head: headAfter ?? head }));
  const [old, now] = [
    await loadSchema({ proto: [before], thrift: [], include: [] }),
    await loadSchema({ proto: [after], thrift: [], include: [] }),
  ];
  expect([...old.diagnostics, ...now.diagnostics]).toEqual([]);
  const changes = compareSchemas(old.schema, now.schema);
  const wire = bufFinds('WIRE', before, after);
  const file = bufFinds('FILE', before, after);
  const differ: string[] = [];
  const expected: string[] = [];
  protoCases.forEach((one, index) => {
    const own = changes.filter(
      (change) => change.place.file.includes(`${id(index)}_`) && change.severity !== 'compatible',
    );
    const rules = [...new Set(own.map((change) => change.rule))].join(' ') || 'nothing';
    const weWire = own.some((change) => change.severity === 'wire');
    const line = (what: string, we: boolean): string => `${what}: ${one.name}: we say ${we} (${rules})`;
    if (weWire !== wire.has(id(index))) differ.push(line('WIRE', weWire));
    if (own.length > 0 !== file.has(id(index))) differ.push(line('FILE', own.length > 0));
    if (one.wire !== undefined) expected.push(line('WIRE', weWire));
    if (one.file !== undefined) expected.push(line('FILE', own.length > 0));
  });
  expect(differ).toEqual(expected);
  expect(protoCases.length).toBeGreaterThanOrEqual(60);
});
