import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { scratch } from '../codegen/proto/scratch.js';
import { repository } from '../support/scratch.js';

function hawser(folder: string, ...args: string[]): { status: number | null; out: string; err: string } {
  const program = ['--conditions=hawser-source', '--import', 'tsx', join(repository, 'src/cli/main.ts')];
  const { status, stdout, stderr } = spawnSync(process.execPath, [...program, ...args], {
    cwd: folder,
    encoding: 'utf8',
  });
  return { status, out: stdout, err: stderr };
}

describe('hawser generate', { timeout: 60_000 }, () => {
  const folder = scratch({
    'proto/a.proto': 'syntax = "proto3"; message A {} service S { rpc Get(A) returns (A); }',
    'bad/b.proto': 'syntax = "proto3";\nmessage B { int32 x = 0; }\n',
    'README.txt': '',
  });

  it('writes stubs and ends with a summary', () => {
    const { status, out, err } = hawser(folder, 'generate', '--proto', 'proto', '--out', 'gen');
    expect([status, err]).toEqual([0, '']);
    expect(out).toMatch(/^3 files from 1 input, 1 service, 1 method, \d+ ms\n$/);
    expect(existsSync(join(folder, 'gen/a.rpc.ts'))).toBe(true);
  });

  it('prints errors with their place, and ends with 1', () => {
    const { status, out, err } = hawser(folder, 'generate', '--proto', 'proto', '--proto', 'bad', '--out', 'gen2');
    expect([status, out]).toEqual([1, '']);
    expect(err).toMatch(
      /^bad\/b\.proto:2:23: error: .+\n {2}message B \{ int32 x = 0; \}\n {24}\^\n1 error; nothing was written\.\n$/,
    );
    expect(existsSync(join(folder, 'gen2'))).toBe(false);
  });

  it('takes a folder without IDL for the wrong one, and leaves what an earlier run made', () => {
    const empty = scratch({ 'api/a.proto': 'syntax = "proto3"; message A {}', 'proto/README': '', 'idl/README': '' });
    expect(hawser(empty, 'generate', '--proto', 'api', '--out', 'gen').status).toBe(0);
    const { status, out, err } = hawser(empty, 'generate', '--proto', 'proto', '--thrift', 'idl', '--out', 'gen');
    expect([status, out]).toEqual([1, '']);
    expect(err).toBe(
      'idl: error: It holds no .thrift file.\nproto: error: It holds no .proto file.\n2 errors; nothing was written.\n',
    );
    expect(existsSync(join(empty, 'gen/a.ts'))).toBe(true);
  });

  it.each<[string[], string]>([
    [
      ['generate', '--proto', 'proto', '--out', 'gen', '--snapshot', 'proto'],
      '--snapshot proto is a folder; name a file.',
    ],
    [['explain', 'S', '--proto', 'nowhere'], '--proto nowhere does not exist.'],
    [['call', '127.0.0.1:1', 'S/Get', '--proto', 'nowhere'], '--proto nowhere does not exist.'],
    [['call', '127.0.0.1:1', 'S/Get', '--thrift', 'nowhere'], '--thrift nowhere does not exist.'],
    [['call', '127.0.0.1:1', 'S/Get', '--include', 'nowhere'], '--include nowhere is no folder.'],
    [['subscribe', '127.0.0.1:1', 'S/Get', '--thrift', 'nowhere'], '--thrift nowhere does not exist.'],
    [['subscribe', '127.0.0.1:1', 'S/Get', '--count', '0'], '--count is 0; it is a number of changes, 1 or more'],
    [['breaking', '--against', 'git:HEAD', '--proto', 'nowhere'], '--proto nowhere does not exist.'],
    [['generate'], 'Nothing to generate from; name a folder with --proto or --thrift.'],
    [['generate', '--proto', 'proto'], 'The folder to write is missing; name it with --out.'],
    [['generate', '--proto', 'nowhere', '--out', 'gen'], '--proto nowhere does not exist.'],
    [
      ['generate', '--thrift', 'README.txt', '--out', 'gen'],
      '--thrift README.txt is neither a folder nor a .thrift file.',
    ],
    [['generate', '--proto', 'proto', '--include', 'README.txt', '--out', 'gen'], '--include README.txt is no folder.'],
    [
      ['generate', '--proto', 'proto', '--out', 'a', '--out', 'b'],
      '--out is given 2 times; one command writes one folder.',
    ],
    [
      ['generate', 'proto', '--out', 'gen'],
      '"proto" stands alone; write --proto, --thrift, --include or --out before it.',
    ],
    [['generate', '--proto', '', '--out', 'gen'], '--proto is empty; name a folder.'],
    [['generate', '--porto', 'proto'], "Unknown option '--porto'"],
    [['generate', '--proto'], "Option '--proto <value>' argument missing"],
    [['generrate'], 'there is no command "generrate"; there is '],
  ])('refuses %j with a sentence and 2', (args, sentence) => {
    const { status, out, err } = hawser(folder, ...args);
    expect([status, out]).toEqual([2, '']);
    expect(err).toContain(sentence);
    expect(err).toContain('--help');
  });

  it('explains itself', () => {
    for (const args of [['--help'], ['help']])
      expect(hawser(folder, ...args)).toMatchObject({ status: 0, out: expect.stringContaining('generate') });
    const { status, out } = hawser(folder, 'generate', '--help');
    expect(status).toBe(0);
    for (const flag of ['--proto', '--thrift', '--include', '--out', '--quiet', '--help', 'examples:'])
      expect(out).toContain(flag);
    expect(Math.max(...out.split('\n').map((line) => line.length))).toBeLessThan(120);
  });
});
