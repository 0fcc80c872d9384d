/**
 * An error of 128 bytes and more, whose status a foreign reader has to skip: each of Apache's libraries reads the error whole, and
 * the next call on the connection is answered.
 */
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { copyFile, mkdir, mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { createServer, RpcError, type Server, silentLogger } from 'hawser';
import { defineService, dynamicResult, dynamicStruct, type FieldInfo, unary } from 'hawser/thrift';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { describeWith, hasTool } from '../requires.js';

const run = promisify(execFile);
const here = (path: string): string => resolve(import.meta.dirname, path);
const python = '/usr/bin/python3';

const length: FieldInfo = {
  id: 1,
  name: 'length',
  localName: 'length',
  type: { kind: 'i32' },
  requiredness: 'default',
};
const Errors = defineService({
  name: 'long.Errors',
  idl: 'thrift',
  fingerprint: '',
  methods: {
    fail: unary({
      name: 'fail',
      request: dynamicStruct('long.fail_args', 'struct', [length]),
      response: dynamicResult({ kind: 'string' }, []),
    }),
    ping: unary({
      name: 'ping',
      request: dynamicStruct('long.ping_args', 'struct', []),
      response: dynamicResult({ kind: 'i32' }, []),
    }),
  },
});

/** What each program prints: protocol, length asked for, type, length that came, and the answer after it. */
const lines = (...protocols: string[]): string =>
  protocols.flatMap((name) => [20, 127, 128, 300, 5000].map((bytes) => `${name} ${bytes} 6 ${bytes} 1\n`)).join('');

let server: Server;
let port: string;
let folder: string;
const generate = (language: string, out: string): Promise<unknown> =>
  mkdir(out, { recursive: true }).then(() =>
    run('thrift', ['--gen', language, '-out', out, here('long_errors.thrift')]),
  );

/** The folder with what `build` makes of these files; made once for their content, as compilers take long. */
async function built(
  name: string,
  files: readonly string[],
  build: (out: string) => Promise<unknown>,
): Promise<string> {
  const hash = createHash('sha256');
  for (const file of [import.meta.filename, here('long_errors.thrift'), ...files]) hash.update(await readFile(file));
  const kept = resolve('node_modules/.cache/hawser-interop', `${name}-${hash.digest('hex').slice(0, 16)}`);
  if (existsSync(kept)) return kept;
  const out = join(folder, name);
  await mkdir(join(kept, '..'), { recursive: true });
  await build(out);
  const staged = `${kept}.${process.pid}`;
  await run('cp', ['-r', out, staged]); // the folder may be on another disk, where nothing can be renamed to
  await rename(staged, kept).catch(() => rm(staged, { recursive: true, force: true })); // another run was first
  return kept;
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'hawser-long-errors-'));
  server = createServer({ logger: silentLogger }).add(Errors, {
    fail: ({ length: bytes }: { length: number }) => {
      throw new RpcError('NOT_FOUND', 'x'.repeat(bytes), { reason: 'LONG', metadata: { fish: 'y'.repeat(200) } });
    },
    ping: () => 1,
  } as never);
  const { thrift } = await server.listen({ thrift: '127.0.0.1:0' });
  port = thrift?.slice(thrift.lastIndexOf(':') + 1) ?? '';
});
afterAll(async () => {
  await server.close({ grace: 0 });
  await rm(folder, { recursive: true, force: true });
});

const compiler = hasTool('thrift', ['--version']);

describeWith(
  'the thrift compiler and python3-thrift',
  compiler && hasTool(python, ['-c', 'import thrift']),
  'Python',
  () => {
    it('reads errors of any length, also accelerated and over THeader', async () => {
      const out = join(folder, 'python');
      await generate('py', out);
      const { stdout } = await run(python, [here('python/thrift_long_errors.py'), port, out], { timeout: 30_000 });
      expect(stdout).toBe(lines('binary', 'accelerated', 'compact', 'header'));
    });
  },
);

describeWith('the thrift compiler', compiler, 'the npm package', () => {
  it('reads errors of any length', async () => {
    const out = join(folder, 'node');
    await generate('js:node,es6', out);
    const env = { ...process.env, NODE_PATH: resolve('node_modules') };
    const { stdout } = await run('node', [here('node/thrift-long-errors.cjs'), port, out], { env, timeout: 30_000 });
    expect(stdout).toBe(lines('binary', 'compact'));
  });
});

describeWith(
  'the thrift compiler, g++ and libthrift-dev',
  compiler && hasTool('g++') && hasTool('pkg-config', ['thrift']),
  'C++',
  () => {
    it('reads errors of any length', async () => {
      const main = here('cpp/thrift_long_errors.cpp');
      const kept = await built('cpp', [main], async (out) => {
        await generate('cpp:no_skeleton', out);
        const sources = [main, join(out, 'Errors.cpp')];
        const program = join(out, 'errors');
        await run('g++', ['-O0', `-I${out}`, ...sources, '-lthrift', '-o', program], { timeout: 100_000 });
      });
      const { stdout } = await run(join(kept, 'errors'), [port], { timeout: 30_000 });
      expect(stdout).toBe(lines('binary', 'compact'));
    });
  },
);

describeWith('the thrift compiler, javac and mvn', compiler && hasTool('javac') && hasTool('mvn'), 'Java', () => {
  it('reads errors of any length', async () => {
    const [main, pom] = [here('java/LongErrors.java'), here('java/pom.xml')];
    const kept = await built('java', [main, pom], async (out) => {
      await generate('java:generated_annotations=suppress', out);
      await run('mvn', ['-q', '-B', '-f', pom, 'dependency:copy-dependencies', `-DoutputDirectory=${out}/jars`], {
        timeout: 150_000,
      });
      const sources = [main, join(out, 'Errors.java')];
      await run('javac', ['-nowarn', '-cp', `${out}/jars/*`, '-d', out, ...sources], { timeout: 100_000 });
    });
    const { stdout } = await run('java', ['-cp', `${kept}:${kept}/jars/*`, 'LongErrors', port], { timeout: 30_000 });
    expect(stdout).toBe(lines('binary', 'compact'));
  }, 300_000);
});

describeWith('the thrift compiler and Go', compiler && hasTool('go', ['version']), 'Go', () => {
  it('reads errors of any length, also over THeader', async () => {
    const out = join(folder, 'go');
    await generate('go', out);
    await rm(join(out, 'longerrors/errors-remote'), { recursive: true, force: true });
    await copyFile(here('go/thrift_long_errors.go'), join(out, 'main.go'));
    const module = 'module interop\n\ngo 1.19\n\nrequire github.com/apache/thrift v0.17.0\n';
    await writeFile(join(out, 'go.mod'), module);
    const env = { ...process.env, GOFLAGS: '-mod=mod', GOTOOLCHAIN: 'local' };
    const { stdout } = await run('go', ['run', '.', port], { cwd: out, env, timeout: 100_000 });
    expect(stdout).toBe(lines('binary', 'compact', 'header'));
  });
});
