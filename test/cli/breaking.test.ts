import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { run } from '../../src/cli/breaking.js';
import { UsageError } from '../../src/cli/usage.js';
import { readSnapshot } from '../../src/codegen/breaking/snapshot.js';
import { type Ended, hawser, runProgram } from '../support/program.js';

const folder = mkdtempSync(join(tmpdir(), 'hawser-breaking-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const thrift = (version: string, body = 'string find(1: string id)'): string =>
  `namespace * shop.v1\nstruct Item { 1: string name, 2: i64 price }\nservice Orders { ${body}, Item item() } (hawser.version = "${version}")\n`;
const proto = (fields: string): string =>
  `syntax = "proto3";\npackage shop.v1;\nmessage Item {\n  ${fields}\n}\nservice Orders {\n  rpc Find(Item) returns (Item);\n}\n`;

let made = 0;
/** A folder with these files. */
function tree(files: Readonly<Record<string, string>>): string {
  const path = join(folder, `t${made++}`);
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(path, name)), { recursive: true });
    writeFileSync(join(path, name), text);
  }
  return path;
}

function compare(before: string, after: string, ...args: string[]): Promise<Ended> {
  return hawser('breaking', before, after, ...args);
}

describe('hawser breaking', { timeout: 60_000 }, () => {
  it('ends with 0 and a sentence where nothing has changed', async () => {
    const one = tree({ 'shop.thrift': thrift('1.4.0'), 'shop/v1/shop.proto': proto('string name = 1;') });
    expect(await compare(one, one)).toEqual({
      code: 0,
      stderr: '',
      stdout: 'Nothing has changed that a peer or a program could notice.\n',
    });
  });

  it('ends with 1 on what peers notice where no version is declared, and with 0 on what only code notices', async () => {
    const before = tree({ 'shop/v1/shop.proto': proto('string name = 1;\n  int32 price = 2;') });
    const wire = await compare(before, tree({ 'shop/v1/shop.proto': proto('string name = 1;') }));
    expect(wire.code).toBe(1);
    expect(wire.stdout).toContain('shop.proto (as it was)');
    expect(wire.stdout).toMatch(
      / {2}5:9 wire: The field price \(number 2\) of shop\.v1\.Item is gone, and 2 is not reserved\. \[FIELD_NO_DELETE_UNLESS_NUMBER_RESERVED\]/,
    );
    expect(wire.stdout).toContain('        int32 price = 2;\n              ^~~~~');
    expect(wire.stdout).toContain('declares no version, and these changes break its peers');
    const source = tree({ 'shop/v1/shop.proto': proto('string name = 1;\n  reserved 2;\n  reserved "price";') });
    expect((await compare(before, source)).code).toBe(0);
  });

  it('writes JSON for programs', async () => {
    const before = tree({ 'a.thrift': thrift('1.4.0') });
    const { stdout, code } = await compare(
      before,
      tree({ 'a.thrift': thrift('1.4.0', 'i32 find(1: string id)') }),
      '--format',
      'json',
    );
    const report = JSON.parse(stdout) as Record<string, unknown>;
    expect(code).toBe(1);
    expect(report).toMatchObject({
      compatible: false,
      changes: [
        {
          rule: 'RPC_SAME_RESPONSE_TYPE',
          severity: 'wire',
          bump: 'major',
          element: 'shop.v1.Orders/find',
          line: 3,
          column: 22,
          in: 'new',
        },
      ],
      services: [{ idl: 'thrift', service: 'shop.v1.Orders', bump: 'major', isEnough: false }],
    });
  });

  it('writes annotations for GitHub, with a place only where the line is still there', async () => {
    const before = tree({ 'a.thrift': thrift('1.4.0') });
    const { stdout } = await compare(
      before,
      tree({ 'a.thrift': thrift('1.4.0', 'i32 found(1: string id)') }),
      '--format',
      'github',
    );
    expect(stdout).toMatch(
      /^::error title=RPC_NO_DELETE::The method shop\.v1\.Orders\/find is gone\. \(.*a\.thrift:3\) /m,
    );
    expect(stdout).toMatch(/^::notice file=.*a\.thrift,line=3,col=22,title=RPC_ADDED::/m);
    expect(stdout).toMatch(/^::error title=hawser breaking::.*%0A/m);
  });

  it('compares with a revision of git, and leaves the working tree and the index as they are', async () => {
    const repository = tree({ 'idl/a.thrift': thrift('1.4.0'), 'proto/shop/v1/shop.proto': proto('string name = 1;') });
    const git = (...args: string[]): string =>
      execFileSync('git', ['-c', 'user.name=a', '-c', 'user.email=a@b.example', ...args], {
        cwd: repository,
        encoding: 'utf8',
      });
    git('init', '-q');
    git('add', '.');
    git('commit', '-qm', 'one');
    git('tag', 'v1.4.0');
    writeFileSync(join(repository, 'idl/a.thrift'), thrift('1.4.0', 'i64 find(1: string id)'));
    writeFileSync(join(repository, 'proto/shop/v1/shop.proto'), proto('string label = 1;'));
    const args = ['breaking', '--against', 'git:v1.4.0', '--proto', 'proto', '--thrift', 'idl'];
    const { stdout, code } = await runProgram('src/cli/main.ts', args, { cwd: repository });
    expect(stdout).toContain('[RPC_SAME_RESPONSE_TYPE]');
    expect(stdout).toContain('[FIELD_SAME_NAME]');
    expect(code).toBe(1);
    expect(git('status', '--short')).toBe(' M idl/a.thrift\n M proto/shop/v1/shop.proto\n');
    writeFileSync(join(repository, 'idl/a.thrift'), thrift('1.4.0', 'string look(1: string id)'));
    const gone = await runProgram('src/cli/main.ts', args, { cwd: repository });
    expect(gone.stdout).toContain('git:v1.4.0:idl/a.thrift (as it was)');
    const unknown = await runProgram('src/cli/main.ts', ['breaking', '--against', 'git:v9', '--thrift', 'idl'], {
      cwd: repository,
    });
    expect(unknown).toMatchObject({ code: 1, stdout: '' });
    expect(unknown.stderr).toContain('the repository has no revision "v9"');
  });

  it('compares with a snapshot that hawser generate wrote', async () => {
    const before = tree({ 'a.thrift': thrift('1.4.0') });
    const snapshot = join(folder, 'released', 'api.json');
    const generated = await hawser(
      'generate',
      '--thrift',
      before,
      '--out',
      join(folder, 'gen'),
      '--snapshot',
      snapshot,
    );
    expect(generated.code).toBe(0);
    expect((await compare(snapshot, before)).stdout).toContain('Nothing has changed');
    const after = tree({ 'a.thrift': thrift('1.4.0', 'string look(1: string id)') });
    const { code, stdout } = await compare(snapshot, after);
    expect(code).toBe(1);
    expect(stdout).toContain('[RPC_NO_DELETE]');
    for (const [text, sentence] of [
      [
        readFileSync(snapshot, 'utf8').replace('"format": 1', '"format": 2'),
        'is a snapshot of format 2, and this Hawser reads format 1',
      ],
      ['{"kind": "hawser-schema", "format": 1}', 'is damaged: .files is no list'],
      ['[]', 'is no snapshot'],
      ['nonsense', 'is not JSON'],
    ] as const) {
      writeFileSync(snapshot, text);
      await expect(readSnapshot(snapshot)).rejects.toThrow(sentence);
    }
  });

  it('shows what is wrong with the IDL, and ends with 1', async () => {
    const good = tree({ 'a.thrift': thrift('1.4.0') });
    const { code, stderr } = await compare(good, tree({ 'a.thrift': 'struct {' }));
    expect(code).toBe(1);
    expect(stderr).toMatch(/a\.thrift:1:8: error: /);
  });

  it.each([
    [[], 'Name OLD and NEW'],
    [['a'], 'Name OLD and NEW'],
    [['/no/such/place', '.'], 'OLD /no/such/place does not exist'],
    [['.', '/no/such/place'], 'NEW /no/such/place does not exist'],
    [['a', 'b', 'c'], 'one argument too many'],
    [['--against', 'git:HEAD'], 'Nothing to compare'],
    [['--against', 'git:HEAD', 'proto'], 'stands alone'],
    [['a', 'b', '--format', 'xml'], 'there is text, json, github'],
  ])('refuses %j with a sentence', async (args, sentence) => {
    await expect(run(args)).rejects.toThrow(sentence);
    await expect(run(args)).rejects.toBeInstanceOf(UsageError);
  });
});
