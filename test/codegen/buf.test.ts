/** buf.yaml and buf.gen.yaml of this repository, and the plugin that buf runs. */
import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { CodeGeneratorRequestSchema, CodeGeneratorResponseSchema } from '@bufbuild/protobuf/wkt';
import { describe, expect, it, onTestFinished } from 'vitest';
import { compile } from '../../src/codegen/proto/buf.js';
import { groupSources } from '../../src/codegen/proto/groups.js';
import { readSources } from '../../src/codegen/proto/sources.js';
import { fromSource, runProgram } from '../support/program.js';
import { repository, scratchFolder } from '../support/scratch.js';

const buf = join(repository, 'node_modules/.bin/buf');
const plugin = 'src/cli/protoc-gen-hawser.ts';

function filesBelow(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1))
    .sort();
}

async function run(args: readonly string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  try {
    return { code: 0, ...(await promisify(execFile)(buf, args, { cwd: repository, timeout: 120_000 })) };
  } catch (error) {
    return error as { code: number; stdout: string; stderr: string };
  }
}

/** What the plugin answers to a request for one file. */
async function answerTo(text: string, parameter = ''): Promise<{ error: string; stderr: string; files: string[] }> {
  const { path, remove } = scratchFolder('plugin');
  onTestFinished(remove);
  writeFileSync(join(path, 'api.proto'), text);
  const sources = readSources([path], []);
  const [group] = groupSources(sources);
  if (group === undefined) throw new Error('there is no file');
  const { files, diagnostics } = await compile(group, sources.files);
  expect(diagnostics).toEqual([]);
  const request = create(CodeGeneratorRequestSchema, {
    protoFile: [...files],
    fileToGenerate: ['api.proto'],
    parameter,
  });
  const child = execFile(process.execPath, [...fromSource, join(repository, plugin)], {
    encoding: 'buffer',
    timeout: 120_000,
  });
  const parts = { stdout: [] as Buffer[], stderr: [] as Buffer[] };
  child.stdout?.on('data', (chunk: Buffer) => parts.stdout.push(chunk));
  child.stderr?.on('data', (chunk: Buffer) => parts.stderr.push(chunk));
  child.stdin?.end(toBinary(CodeGeneratorRequestSchema, request));
  const code = await new Promise((resolve) => child.on('close', resolve));
  const stderr = Buffer.concat(parts.stderr).toString();
  expect(code, stderr).toBe(0);
  const { error, file } = fromBinary(CodeGeneratorResponseSchema, Buffer.concat(parts.stdout));
  return { error, stderr, files: file.map(({ name }) => name) };
}

const api = (option: string): string =>
  `syntax = "proto3";\npackage a.v1;\nimport "hawser/policy/v1/policy.proto";\nmessage M {}\nservice S {\n  rpc Get(M) returns (M) {\n    option (hawser.policy.v1.method) = { ${option} };\n  }\n}\n`;

describe('buf in this repository', { timeout: 120_000 }, () => {
  it('lints the schemas', async () => {
    expect(await run(['lint'])).toMatchObject({ code: 0, stdout: '' });
  });

  it('finds what lint is for', async () => {
    const { path, remove } = scratchFolder('lint');
    onTestFinished(remove);
    mkdirSync(join(path, 'proto/bad'), { recursive: true });
    writeFileSync(join(path, 'buf.yaml'), readFileSync(join(repository, 'buf.yaml')).toString());
    writeFileSync(join(path, 'proto/bad/x.proto'), 'syntax = "proto3";\npackage bad.v1;\nenum E { A = 0; }\n');
    for (const folder of ['cache', 'google', 'grpc', 'hawser', 'market']) mkdirSync(join(path, 'proto', folder));
    const { code, stdout } = await run(['lint', path]);
    expect(code).toBe(100);
    expect(stdout).toContain('should be suffixed with "_UNSPECIFIED"');
    expect(stdout).toContain('"bad/v1"');
  });

  it('generates with buf.gen.yaml what is committed, byte for byte', async () => {
    const { path, remove } = scratchFolder('buf-gen');
    onTestFinished(remove);
    expect(await run(['generate', '-o', path])).toMatchObject({ code: 0, stdout: '' });
    const made = filesBelow(join(path, 'gen'));
    const protos = filesBelow(join(repository, 'proto'));
    expect(made).toEqual(expect.arrayContaining(protos.map((name) => name.replace(/\.proto$/, '.ts'))));
    for (const name of made) {
      const committed = join(repository, 'gen', name);
      expect(existsSync(committed), name).toBe(true);
      expect(readFileSync(join(path, 'gen', name)).equals(readFileSync(committed)), name).toBe(true);
    }
  });
});

describe('protoc-gen-hawser', { timeout: 120_000 }, () => {
  it('answers the files of the stub, and warnings besides', async () => {
    const { error, stderr, files } = await answerTo(api('checksum: true'));
    expect(error).toBe('');
    expect(files).toEqual(expect.arrayContaining(['api.ts', 'api.rpc.ts', 'api.desc.ts']));
    expect(stderr).toContain('api.proto:7:12: warning: a.v1.S/Get: the runtime does not enforce checksum yet');
  });

  it('refuses what hawser generate refuses, with the place, and options', async () => {
    const policy = await answerTo(api('timeout: "0s"'));
    expect(policy).toMatchObject({ files: [] });
    expect(policy.error).toContain('api.proto:7:12: error: a.v1.S/Get: timeout is 0 ms; it must be more than 0.');
    const option = await answerTo(api('timeout: "1s"'), 'paths=source_relative');
    expect(option).toMatchObject({ files: [] });
    expect(option.error).toBe(
      'protoc-gen-hawser has no option "paths"; it has import-extension, int64, enums, messages-only.',
    );
  });

  it('says how it is used when a user runs it', async () => {
    const ended = await runProgram(plugin, ['--help']);
    expect(ended).toMatchObject({ code: 2, stdout: '' });
    expect(ended.stderr).toContain('is run by buf or protoc');
  });
});
