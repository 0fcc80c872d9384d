/** What `hawser breaking` compares, and what it is told to let pass. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, describe, expect, it, onTestFinished, vi } from 'vitest';
import { run } from '../../src/cli/breaking.js';
import { UsageError } from '../../src/cli/usage.js';
import { printSnapshot } from '../../src/codegen/breaking/snapshot.js';

const folder = mkdtempSync(join(tmpdir(), 'hawser-sides-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

let made = 0;
function tree(files: Readonly<Record<string, string>>): string {
  const path = join(folder, `t${made++}`);
  mkdirSync(path);
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(path, name)), { recursive: true });
    writeFileSync(join(path, name), text);
  }
  return path;
}

const proto = (field: string, method = 'Get'): string =>
  `syntax = "proto3";\npackage a.v1;\nmessage M {\n  ${field} a = 1;\n}\nservice S {\n  rpc ${method}(M) returns (M);\n}\n`;
const thrift = (field: string): string => `struct M { 1: ${field} a }\nservice S { M get() }\n`;
const empty = printSnapshot({ files: [], types: [], services: [], extensions: [] });

interface Outcome {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** In this process: a program for each case would take most of a minute. */
async function breaking(...args: string[]): Promise<Outcome> {
  const lines = { log: [] as string[], error: [] as string[] };
  const spies = (['log', 'error'] as const).map((kind) =>
    vi.spyOn(console, kind).mockImplementation((text: string) => void lines[kind].push(text)),
  );
  try {
    const code = await run(args);
    return { code, stdout: lines.log.join('\n'), stderr: lines.error.join('\n') };
  } finally {
    for (const spy of spies) spy.mockRestore();
  }
}

function inFolder(path: string): void {
  const before = process.cwd();
  process.chdir(path);
  onTestFinished(() => process.chdir(before));
}

/** A repository whose tag v1 has these files; `git` runs in it. */
function repositoryOf(files: Readonly<Record<string, string>>): { path: string; git: (...args: string[]) => string } {
  const path = tree(files);
  const git = (...args: string[]): string =>
    execFileSync('git', ['-c', 'user.name=a', '-c', 'user.email=a@b.example', ...args], {
      cwd: path,
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'pipe'],
    });
  git('init', '-q');
  git('add', '-A');
  git('commit', '-qm', 'one');
  git('tag', 'v1');
  return { path, git };
}

describe('an old side without IDL', { timeout: 60_000 }, () => {
  it('is an error where the folder was moved, and compared where that is said', async () => {
    const { path } = repositoryOf({ 'api/x.proto': proto('int32') });
    renameSync(join(path, 'api'), join(path, 'proto'));
    writeFileSync(join(path, 'proto/x.proto'), proto('string', 'Fetch'));
    inFolder(path);
    const moved = await breaking('--against', 'git:v1', '--proto', 'proto');
    expect(moved).toMatchObject({ code: 1, stdout: '' });
    expect(moved.stderr).toBe(
      'hawser breaking: git:v1 holds no .proto file at proto, so there is nothing to compare proto with; if it was moved, say --moved WAS=proto, and if it is new, --new proto.',
    );
    const said = await breaking('--against', 'git:v1', '--proto', 'proto', '--moved', 'api=proto');
    expect(said.code).toBe(1);
    expect(said.stdout).toContain('[RPC_NO_DELETE]');
    expect(said.stdout).toContain('git:v1:api/x.proto (as it was)');
    expect(said.stdout).not.toContain('FILE_NO_DELETE');
    expect((await breaking('--against', 'git:v1', '--proto', 'proto', '--new', 'proto')).code).toBe(0);
    for (const [named, moved, fresh] of [
      ['proto/', 'api=proto', 'proto'],
      ['./proto', 'api/=proto/', './proto/'],
    ] as const) {
      expect(await breaking('--against', 'git:v1', '--proto', named, '--moved', moved)).toEqual(said);
      expect((await breaking('--against', 'git:v1', '--proto', named, '--new', fresh)).code).toBe(0);
    }
  });

  it('is an error for one IDL though the other is there', async () => {
    const { path } = repositoryOf({ 'idl/x.thrift': thrift('i32'), 'proto/README': '' });
    mkdirSync(join(path, 'proto/v1'), { recursive: true });
    writeFileSync(join(path, 'proto/v1/x.proto'), proto('int32'));
    inFolder(path);
    const both = ['--against', 'git:v1', '--proto', 'proto', '--thrift', 'idl'];
    expect(await breaking(...both)).toMatchObject({ code: 1, stdout: '' });
    expect((await breaking(...both, '--new', 'proto')).code).toBe(0);
  });

  it('is an error in a folder, a file and a snapshot', async () => {
    const now = tree({ 'proto/x.proto': proto('int32'), 'idl/x.thrift': thrift('i32') });
    const old = tree({ 'proto/README': '', 'snapshot.json': empty, 'other/x.proto': proto('int32') });
    inFolder(now);
    for (const args of [
      [join(old, 'proto'), 'proto'],
      [join(old, 'snapshot.json'), 'proto'],
      ['--against', join(old, 'snapshot.json'), '--proto', 'proto'],
      ['--against', old, '--proto', 'proto'],
      ['--against', old, '--proto', 'proto/x.proto'],
      ['--against', old, '--thrift', 'idl'],
    ]) {
      const outcome = await breaking(...args);
      expect(outcome, args.join(' ')).toMatchObject({ code: 1, stdout: '' });
      expect(outcome.stderr, args.join(' ')).toMatch(/holds no /);
    }
  });

  it('is an error where a snapshot holds only the other IDL', async () => {
    const now = tree({ 'proto/x.proto': proto('int32') });
    const only = printSnapshot({
      files: [
        {
          idl: 'thrift',
          name: 'x.thrift',
          package: '',
          syntax: '',
          options: {},
          place: { file: 'x', line: 0, column: 0 },
        },
      ],
      types: [],
      services: [],
      extensions: [],
    });
    writeFileSync(join(now, 'old.json'), only);
    inFolder(now);
    const outcome = await breaking('--against', 'old.json', '--proto', 'proto');
    expect(outcome).toMatchObject({ code: 1, stdout: '' });
    expect(outcome.stderr).toContain('if it is new, say --new proto');
  });

  it('is told from a revision that a shallow clone lacks', async () => {
    const { path, git } = repositoryOf({ 'proto/x.proto': proto('int32') });
    git('commit', '-q', '--allow-empty', '-m', 'two');
    const clone = join(folder, 'shallow');
    execFileSync('git', ['clone', '-q', '--depth', '1', `file://${path}`, clone]);
    inFolder(clone);
    const outcome = await breaking('--against', 'git:HEAD~1', '--proto', 'proto');
    expect(outcome).toMatchObject({ code: 1, stdout: '' });
    expect(outcome.stderr).toContain('this clone is shallow, so fetch the rest with git fetch --unshallow --tags');
  });
});

describe('a new side without IDL', { timeout: 60_000 }, () => {
  it('is an error: what is gone would pass for nothing', async () => {
    const old = tree({ 'proto/x.proto': 'syntax = "proto3";\npackage a.v1;\nmessage M {}\n' });
    const now = tree({ 'proto/README': '', 'snapshot.json': empty });
    inFolder(now);
    for (const args of [
      [join(old, 'proto'), 'proto'],
      [join(old, 'proto'), 'snapshot.json'],
      ['--against', old, '--proto', 'proto'],
      ['--against', old, '--thrift', 'proto'],
    ]) {
      const outcome = await breaking(...args);
      expect(outcome, args.join(' ')).toMatchObject({ code: 1, stdout: '' });
      expect(outcome.stderr, args.join(' ')).toMatch(/holds no /);
    }
  });

  it.each([
    [['--against', 'git:v1', '--proto', '.', '--moved', 'api'], 'write it WAS=IS'],
    [['--against', 'git:v1', '--proto', '.', '--moved', 'api=idl'], 'which is not compared'],
    [['--against', 'git:v1', '--proto', '.', '--new', 'idl'], 'which is not compared'],
    [['.', '.', '--exceptions', 'no/such.json'], 'does not exist'],
  ])('refuses %j with a sentence', async (args, sentence) => {
    await expect(run(args)).rejects.toThrow(sentence);
    await expect(run(args)).rejects.toBeInstanceOf(UsageError);
  });
});

describe('exceptions', { timeout: 60_000 }, () => {
  const sides = (): { old: string; now: string } => ({
    old: tree({ 'a/v1/x.proto': proto('int32') }),
    now: tree({ 'a/v1/x.proto': proto('string', 'Fetch') }),
  });
  const excepting = async (exceptions: unknown, ...args: string[]): Promise<Outcome> => {
    const { old, now } = sides();
    const file = join(now, 'exceptions.json');
    writeFileSync(file, typeof exceptions === 'string' ? exceptions : JSON.stringify(exceptions));
    return breaking(old, now, '--exceptions', file, ...args);
  };

  it('let pass what they name, and show what is accepted with its reason', async () => {
    const method = { rule: 'RPC_NO_DELETE', element: 'a.v1.S/Get', reason: 'nobody called it since May' };
    const field = { element: 'a.v1.M', reason: 'no client reads it' };
    expect((await excepting({ accept: [method] })).code).toBe(1);
    const { code, stdout, stderr } = await excepting({ accept: [method, field] });
    expect(stderr).toBe('');
    expect(stdout).toContain(
      'accepted: The method a.v1.S/Get is gone. [RPC_NO_DELETE]\n    nobody called it since May',
    );
    expect(stdout).toContain('2 accepted');
    expect(code).toBe(0);
    const json = JSON.parse((await excepting({ accept: [method, field] }, '--format', 'json')).stdout);
    expect(json).toMatchObject({ compatible: true, accepted: [method, { rule: 'FIELD_WIRE_COMPATIBLE_TYPE' }] });
  });

  it('ignore by rule, by element and by file', async () => {
    const reason = 'released together with all its clients';
    for (const file of ['a/v1/x.proto', 'x.proto', 'v1/']) {
      const { code, stdout } = await excepting({ ignore: [{ file, reason }] });
      expect(stdout).toMatch(/^Nothing has changed but what the exceptions cover: \d ignored\.$/);
      expect(code).toBe(0);
    }
    const rules = ['RPC_NO_DELETE', 'FIELD_WIRE_COMPATIBLE_TYPE'].map((rule) => ({ rule, reason }));
    expect((await excepting({ ignore: rules })).code).toBe(0);
    expect((await excepting({ ignore: [{ element: 'a.v1', reason }] })).code).toBe(0);
    // Neither a part of a name nor of a path.
    expect((await excepting({ ignore: [{ element: 'a.v', reason }] })).code).toBe(1);
    expect((await excepting({ ignore: [{ file: '1/', reason }] })).code).toBe(1);
  });

  it('are warned of where they are good for nothing', async () => {
    const reason = 'because';
    const { stderr } = await excepting({
      accept: [{ rule: 'FILE_NO_DELETE', reason }],
      ignore: [
        { element: 'a.v2', reason },
        { rule: 'FILE_NO_DELETE', reason },
        { rule: 'FILE_NO_DELETE', file: 'x.proto', reason },
      ],
    });
    expect(stderr.split('\n')).toEqual([
      'hawser breaking: warning: accept FILE_NO_DELETE matches no change; delete the entry.',
      'hawser breaking: warning: ignore a.v2 names nothing in either version; mend or delete the entry.',
    ]);
  });

  it.each([
    ['{', 'is not JSON'],
    ['[]', 'must be an object'],
    ['{"except": []}', 'there is no "except"; write "accept" or "ignore"'],
    ['{"accept": {}}', '"accept" must be a list'],
    ['{"accept": null}', '"accept" must be a list'],
    ['{"accept": [{"rule": "RPC_NO_DELETE"}]}', 'accept[0] has no reason'],
    ['{"accept": [{"rule": "RPC_NO_DELETE", "reason": " "}]}', 'it must be text'],
    ['{"accept": [{"rule": "RPC_GONE", "reason": "x"}]}', 'there is no rule "RPC_GONE"'],
    ['{"accept": [{"rule": "toString", "reason": "x"}]}', 'there is no rule "toString"'],
    ['{"ignore": [{"reason": "x"}]}', 'would match every change'],
    ['{"ignore": [{"path": "x", "reason": "x"}]}', 'an exception has rule, element, file, reason'],
  ])('are refused as %s', async (text, sentence) => {
    const outcome = await excepting(text);
    expect(outcome).toMatchObject({ code: 1, stdout: '' });
    expect(outcome.stderr).toContain(sentence);
  });

  it('are read from hawser-breaking.json in the working folder', async () => {
    const { old, now } = sides();
    const ignore = [{ file: 'x.proto', reason: 'young' }];
    writeFileSync(join(now, 'hawser-breaking.json'), JSON.stringify({ ignore }));
    inFolder(now);
    expect((await breaking(old, '.')).code).toBe(0);
  });
});

describe('types that are nobody’s own', { timeout: 60_000 }, () => {
  it('are no change of the API, vendored or not', async () => {
    const api = proto('google.rpc.Code').replace('message', 'import "google/rpc/code.proto";\nmessage');
    const vendored = (value: string): Record<string, string> => ({
      'google/rpc/code.proto': `syntax = "proto3";\npackage google.rpc;\nenum Code { OK = 0; ${value} }\nmessage Status { int32 code = 1; }\n`,
      'google/protobuf/duration.proto':
        'syntax = "proto3";\npackage google.protobuf;\nmessage Duration { int64 seconds = 1; int32 nanos = 2; }\n',
      'hawser/policy/v1/policy.proto':
        'syntax = "proto2";\npackage hawser.policy.v1;\nimport "google/protobuf/descriptor.proto";\nextend google.protobuf.MethodOptions { optional string method = 57740; }\n',
    });
    const old = tree({ 'x.proto': api, ...vendored('ABORTED = 10;') });
    const now = tree({
      'x.proto': api,
      'google/rpc/code.proto': vendored('GONE = 11;')['google/rpc/code.proto'] ?? '',
    });
    expect(await breaking(old, now)).toEqual({
      code: 0,
      stderr: '',
      stdout: 'Nothing has changed that a peer or a program could notice.',
    });
    // The field that names one is the API's own.
    const other = tree({ 'x.proto': proto('string') });
    expect((await breaking(old, other)).stdout).toContain('The field a (number 1) of a.v1.M changed its type');
  });
});
