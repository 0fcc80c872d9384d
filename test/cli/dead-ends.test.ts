/** Every command where nothing can come of it: it ends with 0, 1 or 2 and says why. None is silent, none hangs. */
import { execFileSync, spawn } from 'node:child_process';
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer as createTcpServer } from 'node:net';
import { join } from 'node:path';
import { build } from 'esbuild';
import { createServer, silentLogger } from 'hawser';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { Quotes } from '../../gen/market/v1/market.rpc.js';
import { repository, scratchFolder } from '../support/scratch.js';

const folder = scratchFolder('dead-ends');
afterAll(() => folder.remove());
const at = (...path: string[]): string => join(folder.path, ...path);

/** Free ports of 127.0.0.1 below 1024 are nobody's, and no program of a test listens there. */
const dead = '127.0.0.1:1';
const idl = ['--thrift', 'idl/market.thrift'];
const proto = ['--proto', 'proto'];
const quotes = 'market.v1.Quotes/Prices';
const sale = 'market.v1.TradeHistory/GetLastSale';

/** Put together once: to compile it for each of so many runs would take most of their time. */
beforeAll(async () => {
  await build({
    absWorkingDir: repository,
    entryPoints: ['src/cli/main.ts', 'src/cli/protoc-gen-hawser.ts'],
    outdir: at('built'),
    bundle: true,
    splitting: true,
    format: 'esm',
    platform: 'node',
    conditions: ['hawser-source'],
    external: ['ts-proto', '@bufbuild/*', 'pg', '@opentelemetry/*', 'better-sqlite3', '@grpc/grpc-js'],
    outExtension: { '.js': '.mjs' },
  });
  writeFileSync(at('file'), 'no IDL');
  writeFileSync(at('not-json.json'), 'no JSON');
  mkdirSync(at('named.thrift'));
  symlinkSync('/dev/zero', at('endless.thrift'));
  writeFileSync(at('includes.thrift'), 'include "endless.thrift"\nstruct A {}');
  mkdirSync(at('protos'));
  symlinkSync('/dev/zero', at('protos', 'endless.proto'));
  execFileSync('mkfifo', [at('pipe.thrift'), at('pipe.proto'), at('pipe.json')]);
});

type Pipe = 'pipe' | 'closed' | 'ignore';

interface Run {
  readonly args: readonly string[];
  readonly file?: string;
  readonly input?: string;
  /** `closed`: nobody reads it. */
  readonly stdout?: Pipe;
  readonly stderr?: Pipe;
}

/** ms; far above what any of them takes, and a hang all the same. */
const longest = 30_000;

function run({ args, file = 'main', input, stdout = 'pipe', stderr = 'pipe' }: Run) {
  return new Promise<{ code: number | null; signal: string | null; out: string; err: string }>((resolve) => {
    const child = spawn(process.execPath, [at('built', `${file}.mjs`), ...args], {
      cwd: repository,
      stdio: [input === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'],
      env: { ...process.env, DATABASE_URL: '' },
    });
    const timer = setTimeout(() => child.kill('SIGKILL'), longest);
    const text = { out: '', err: '' };
    child.stdin?.on('error', () => {});
    child.stdin?.end(input);
    if (stdout === 'closed') child.stdout?.destroy();
    else child.stdout?.on('data', (chunk) => (text.out += chunk));
    if (stderr === 'closed') child.stderr?.destroy();
    else child.stderr?.on('data', (chunk) => (text.err += chunk));
    child.on('close', (code, signal) => {
      clearTimeout(timer);
      resolve({ code, signal, ...text });
    });
  });
}

const rows: readonly (readonly [what: string, code: number, says: RegExp, ...args: string[]])[] = [
  // Nobody listens there.
  ['call, by reflection', 1, /^hawser call: UNAVAILABLE: cannot connect to 127\.0\.0\.1:1/, 'call', dead],
  ['call over gRPC', 1, /^hawser call: UNAVAILABLE: cannot connect/, 'call', dead, sale, ...proto],
  ['call over Thrift', 1, /^hawser call: UNAVAILABLE: cannot connect/, 'call', dead, sale, ...idl],
  ['call of a socket', 1, /^hawser call: UNAVAILABLE: .*ENOENT/, 'call', `unix:${at('none')}`, sale, ...idl],
  ['subscribe, by reflection', 1, /^hawser subscribe: UNAVAILABLE: cannot connect/, 'subscribe', dead, quotes],
  ['store status', 1, /^hawser store: .*ECONNREFUSED/, 'store', 'status', `postgres://u@${dead}/x`],
  ['store migrate', 1, /^hawser store: .*ECONNREFUSED/, 'store', 'migrate', `postgres://u@${dead}/x`],
  // The output cannot be written.
  ...(process.platform === 'linux'
    ? ([
        [
          'a folder in /proc',
          1,
          /^hawser generate: the folder \/proc\/x cannot be made: ENOENT/,
          'generate',
          ...idl,
          '--out',
          '/proc/x',
        ],
        [
          'a folder deep in /proc',
          1,
          /^hawser generate: the folder \/proc\/x\/y cannot be made/,
          'generate',
          ...idl,
          '--out',
          '/proc/x/y',
        ],
        ['/proc itself', 1, /^hawser generate: .*\/proc\/.* cannot be written/, 'generate', ...idl, '--out', '/proc'],
        [
          'a snapshot in /proc',
          1,
          /^hawser generate: the folder \/proc\/x cannot be made/,
          'generate',
          ...idl,
          '--out',
          at('out'),
          '--snapshot',
          '/proc/x/api.json',
        ],
        [
          'a snapshot on a full disk',
          1,
          /^hawser generate: \/dev\/full cannot be written: ENOSPC/,
          'generate',
          ...idl,
          '--out',
          at('out'),
          '--snapshot',
          '/dev/full',
        ],
        ['a device', 1, /The output folder is a file/, 'generate', ...idl, '--out', '/dev/null'],
      ] as const)
    : []),
  ['a file', 1, /The output folder is a file/, 'generate', ...idl, '--out', at('file')],
  [
    'below a file',
    1,
    /^hawser generate: the folder .*file\/x cannot be made: ENOTDIR/,
    'generate',
    ...idl,
    '--out',
    at('file', 'x'),
  ],
  ['a name too long', 1, /ENAMETOOLONG/, 'generate', ...idl, '--out', at('x'.repeat(300))],
  // The input is no file, or never ends.
  [
    'generate from a pipe',
    2,
    /pipe\.thrift is neither a folder nor a \.thrift file/,
    'generate',
    '--thrift',
    at('pipe.thrift'),
    '--out',
    at('out'),
  ],
  [
    'generate from a pipe, proto',
    2,
    /pipe\.proto is neither/,
    'generate',
    '--proto',
    at('pipe.proto'),
    '--out',
    at('out'),
  ],
  [
    'generate from an endless include',
    1,
    /endless\.thrift.*no regular file|no regular file/,
    'generate',
    '--thrift',
    at('includes.thrift'),
    '--out',
    at('out'),
  ],
  [
    'generate from an endless file, proto',
    1,
    /no regular file|holds no \.proto/,
    'generate',
    '--proto',
    at('protos'),
    '--out',
    at('out'),
  ],
  ['explain a folder named as a file', 2, /There is no service x\.S/, 'explain', 'x.S', '--thrift', at('named.thrift')],
  ['explain a pipe', 2, /pipe\.thrift is neither/, 'explain', 'x.S', '--thrift', at('pipe.thrift')],
  [
    'breaking of a pipe',
    2,
    /OLD .*pipe\.json is neither a folder nor a regular file/,
    'breaking',
    at('pipe.json'),
    'idl',
  ],
  ['breaking of a device', 2, /NEW \/dev\/null is neither/, 'breaking', 'idl', '/dev/null'],
  ['breaking of what is no snapshot', 1, /not-json\.json/, 'breaking', at('not-json.json'), 'idl'],
  ['breaking with a folder of exceptions', 1, /is no file/, 'breaking', 'idl', 'idl', '--exceptions', folder.path],
  [
    'call with a folder as certificate',
    2,
    /--ca .* cannot be read: EISDIR/,
    'call',
    `grpcs://${dead}`,
    '--ca',
    folder.path,
  ],
];

for (const [what, code, says, ...args] of rows) {
  it(
    `${what}: ends with ${code} and a sentence`,
    async () => {
      const ended = await run({ args });
      expect(ended.err).toMatch(says);
      expect(ended.err).not.toMatch(/^ +at /m);
      expect([ended.code, ended.signal, ended.out]).toEqual([code, null, '']);
    },
    longest + 5000,
  );
}

describe('subscribe where nobody listens', () => {
  it.each([
    ['gRPC', dead, proto],
    ['Thrift', `thrift://${dead}`, idl],
    ['gRPC over a socket', `unix:${at('none')}`, proto],
    ['a name that nobody has', 'dns:///nowhere.invalid:1', proto],
  ] as const)(
    'says so once, and --timeout ends it: %s',
    async (_wire, address, sources) => {
      const ended = await run({ args: ['subscribe', address, quotes, ...sources, '--timeout', '700ms'] });
      const lines = ended.err.trim().split('\n');
      expect(lines).toHaveLength(2);
      expect(lines[0]).toContain(`hawser subscribe: ${address} is not reached: UNAVAILABLE: `);
      expect(lines[1]).toContain(`hawser subscribe: ${address} was not reached within 700 ms: UNAVAILABLE: `);
      expect([ended.code, ended.out]).toEqual([1, '']);
    },
    longest + 5000,
  );

  it('says when the cause changes, and is there when the server comes', async () => {
    // It takes connections and never says a word; then nobody; then a server.
    const silent = createTcpServer((socket) => void socket.on('error', () => {}));
    await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
    const { port } = silent.address() as { port: number };
    const sockets = new Set<{ destroy(): void }>();
    silent.on('connection', (socket) => sockets.add(socket));
    const address = `127.0.0.1:${port}`;
    const child = spawn(
      process.execPath,
      [at('built', 'main.mjs'), 'subscribe', address, quotes, ...proto, '--count', '1'],
      { cwd: repository },
    );
    onTestFinished(() => void child.kill('SIGKILL'));
    let err = '';
    let out = '';
    child.stdout.on('data', (chunk) => (out += chunk));
    child.stderr.on('data', (chunk) => (err += chunk));
    const code = new Promise((resolve) => child.on('close', resolve));
    const says = (text: string) => expect.poll(() => err, { timeout: 20_000 }).toContain(text);
    await says(`${address} has not answered yet; trying on`);
    silent.close();
    for (const socket of sockets) socket.destroy();
    await says('ECONNREFUSED');
    const server = createServer({ logger: silentLogger }).add(Quotes, {});
    onTestFinished(() => server.close({ grace: 0 }));
    await server.topic(Quotes.methods.prices).publish({ fish: 'cod', price: 1, market: 1, seq: 1n });
    await server.listen({ grpc: address });
    expect(await code).toBe(0);
    expect(out).toContain('"fish":"cod"');
    expect(err.split('\n').filter((line) => line.includes('ECONNREFUSED'))).toHaveLength(1);
  }, 60_000);
});

it('a stream of a server that never answers: hawser call says what it waits for, and --timeout ends it', async () => {
  const silent = createTcpServer((socket) => void socket.on('error', () => {}));
  await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void silent.close());
  const address = `127.0.0.1:${(silent.address() as { port: number }).port}`;
  const ended = await run({ args: ['call', address, quotes, '{}', ...proto, '--timeout', '3s'] });
  expect(ended.err).toMatch(
    /^hawser call: \S+ has not answered yet; waiting on \(.*\)\nhawser call: DEADLINE_EXCEEDED/,
  );
  expect(ended.code).toBe(1);
}, 45_000);

describe('standard streams that are closed', () => {
  const help = ['generate', '--help'];
  it.each<[string, Run, number, RegExp]>([
    ['no input, where the request is on it', { args: ['call', dead, sale, '-', ...idl] }, 2, /the request is not JSON/],
    ['an empty input', { args: ['call', dead, sale, '-', ...idl], input: '' }, 2, /the request is not JSON/],
    ['output', { args: help, stdout: 'closed' }, 1, /^hawser generate: nobody reads its output any more\.\n$/],
    ['output of a report', { args: ['explain', sale, ...idl], stdout: 'closed' }, 1, /nobody reads its output/],
    ['output of a comparison', { args: ['breaking', 'idl', 'idl'], stdout: 'closed' }, 1, /nobody reads its output/],
    ['errors', { args: ['call', dead, sale, ...idl], stderr: 'closed' }, 1, /^$/],
    ['errors of the command line', { args: ['generate'], stderr: 'closed' }, 2, /^$/],
    ['no input of the plugin', { args: [], file: 'protoc-gen-hawser' }, 0, /^$/],
    [
      'a wrong input of the plugin',
      { args: [], file: 'protoc-gen-hawser', input: 'no request' },
      1,
      /^protoc-gen-hawser: what came on standard input is no CodeGeneratorRequest/,
    ],
  ])(
    '%s',
    async (_what, one, code, says) => {
      const ended = await run(one);
      expect(ended.err).toMatch(says);
      expect([ended.code, ended.signal]).toEqual([code, null]);
    },
    longest + 5000,
  );
});
