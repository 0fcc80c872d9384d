/**
 * What a program pays before its first answer: loading the library, the first call, and what an install puts on the disk. Each
 * measurement is a process of plain Node on the built package, as users run it.
 */
import { execFile } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Bench, interleave, type Plan } from '../harness/bench.js';
import type { Remote } from '../harness/remote.js';
import { echoModule, echoServer } from '../subjects/echo.js';

const root = fileURLToPath(new URL('../../', import.meta.url));

const packages: Readonly<Record<string, readonly string[]>> = {
  hawser: ['hawser'],
  'grpc-js': ['@grpc/grpc-js'],
  'nice-grpc': ['nice-grpc'],
  'connect-node': ['@connectrpc/connect', '@connectrpc/connect-node'],
  thrift: ['thrift'],
};

const bytesCodec = `{ typeName: 'bench.v1.Payload', encode: (v) => v, decode: (v) => v, toJSON: String, fromJSON: Buffer.from }`;

/** A program that makes one call and knows the answer. A message is bytes: no generated code is loaded by any. */
const firstCalls: Readonly<Record<string, string>> = {
  hawser: `const { createClient } = await import('hawser');
    const { defineService, unary } = await import('hawser/proto');
    const bytes = ${bytesCodec};
    const Echo = defineService({ name: 'bench.v1.Echo', idl: 'proto', fingerprint: '',
      methods: { say: unary({ name: 'Say', request: bytes, response: bytes }) } });
    const answer = await createClient(Echo, 'grpc://' + address).say(message);`,
  'grpc-js': `const grpc = await import('@grpc/grpc-js');
    const client = new grpc.Client(address, grpc.credentials.createInsecure());
    const answer = await new Promise((resolve, reject) => client.makeUnaryRequest('/bench.v1.Echo/Say', (v) => v, (v) => v,
      message, { deadline: Date.now() + 10_000 }, (error, value) => error ? reject(error) : resolve(value)));`,
  'nice-grpc': `const { createChannel, createClient } = await import('nice-grpc');
    const method = { path: '/bench.v1.Echo/Say', requestStream: false, responseStream: false, options: {},
      requestSerialize: (v) => v, requestDeserialize: (v) => v, responseSerialize: (v) => v, responseDeserialize: (v) => v };
    const answer = await createClient({ say: method }, createChannel(address)).say(message);`,
};

/** What the program prints, a number. Rejects with an Error after half a minute, or when it fails. */
function runNode(program: string): Promise<number> {
  return new Promise((resolve, reject) => {
    const args = ['--input-type=module', '--eval', program];
    execFile(process.execPath, args, { cwd: root, timeout: 30_000, killSignal: 'SIGKILL' }, (error, out, errors) => {
      const value = Number(out);
      if (error !== null) reject(new Error(errors.trim().split('\n').slice(-3).join(' | ') || error.message));
      else if (out === '' || !Number.isFinite(value)) reject(new Error(`the program printed ${JSON.stringify(out)}`));
      else resolve(value);
    });
  });
}

const importOf = (names: readonly string[]): string =>
  `const started = performance.now();
   ${names.map((name) => `await import('${name}');`).join(' ')}
   process.stdout.write(String(performance.now() - started)); process.exit(0);`;

const firstCallOf = (subject: string, address: string): string =>
  `const started = performance.now();
   const address = '${address}', message = Buffer.from('0a0101', 'hex');
   ${firstCalls[subject]}
   if (answer.length !== 3) throw new Error('the answer is not the message');
   process.stdout.write(String(performance.now() - started)); process.exit(0);`;

function sizeOf(path: string): number {
  const entry = statSync(path);
  if (!entry.isDirectory()) return entry.size;
  // What is nested belongs to other packages, which are counted where they are needed.
  const names = readdirSync(path).filter((name) => name !== 'node_modules');
  return names.reduce((sum, name) => sum + sizeOf(join(path, name)), 0);
}

interface Manifest {
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly peerDependencies?: Readonly<Record<string, string>>;
  readonly peerDependenciesMeta?: Readonly<Record<string, { readonly optional?: boolean }>>;
  readonly files?: readonly string[];
}
/** What must be there besides: peers too, but for those that may be missing. */
function needsOf({ dependencies = {}, peerDependencies = {}, peerDependenciesMeta = {} }: Manifest): string[] {
  const peers = Object.keys(peerDependencies).filter((name) => peerDependenciesMeta[name]?.optional !== true);
  return [...Object.keys(dependencies), ...peers];
}

const manifestOf = (folder: string): Manifest => JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));

/** Where Node finds a package that `from` depends on. */
function folderOf(name: string, from: string): string {
  for (let folder = from; ; folder = dirname(folder)) {
    const candidate = join(folder, 'node_modules', name);
    if (existsSync(join(candidate, 'package.json'))) return candidate;
    if (dirname(folder) === folder) throw new Error(`${name} is not installed`);
  }
}

/** Bytes of packages and all that they depend on, each once. */
function installSize(names: readonly string[]): number {
  const found = new Set<string>();
  const visit = (folder: string): void => {
    if (found.has(folder)) return;
    found.add(folder);
    for (const name of needsOf(manifestOf(folder))) visit(folderOf(name, folder));
  };
  for (const name of names) visit(name === 'hawser' ? root : folderOf(name, root));
  const packed = (): number => (manifestOf(root).files ?? []).reduce((sum, name) => sum + sizeOf(join(root, name)), 0);
  return [...found].reduce((sum, folder) => sum + (folder === root ? packed() : sizeOf(folder)), 0);
}

/** Starting a process is short, and noisier than anything else: several make one run. */
const perRun = 5;

async function averaged(plan: Plan, program: string): Promise<number> {
  const times: number[] = [];
  for (let i = 0; i < plan.scaled(perRun, 2); i++) times.push(await runNode(program));
  return Math.min(...times);
}

export const startup: Bench = {
  name: 'startup',
  title: 'loading the library, the first call of a program, and what an install puts on the disk',
  cases: ['import', 'first-call', 'install'],
  mustHold: ['import', 'first-call', 'install'],
  subjects: Object.keys(packages),
  estimate: (plan) => 5 + plan.runs * plan.cases.length * plan.subjects.length * 1.2,
  async run(plan) {
    if (!existsSync(join(root, 'dist/src/index.js'))) {
      throw new Error('dist/ is missing; npm run build makes it, and npm ci does');
    }
    const has = (name: string): boolean => plan.cases.includes(name);
    if (has('import')) {
      await interleave(plan, 'import', plan.subjects, plan.runs, async (subject, run) => {
        const ms = await averaged(plan, importOf(packages[subject] ?? []));
        plan.record('import', subject, 'import_ms', 'ms', run, ms);
      });
    }
    if (has('first-call')) {
      const subjects = plan.subjects.filter((subject) => subject in firstCalls);
      let server: Remote | undefined;
      await interleave(plan, 'first-call', subjects, plan.runs, async (subject, run) => {
        // The same server for all: it is the client that starts.
        server ??= await plan.spawn('server of grpc-js', echoModule, echoServer, { name: 'grpc-js' });
        const ms = await averaged(plan, firstCallOf(subject, await server.ask<string>('address')));
        plan.record('first-call', subject, 'first_call_ms', 'ms', run, ms);
      });
    }
    if (has('install')) {
      await interleave(plan, 'install', plan.subjects, 1, async (subject, run) => {
        plan.record('install', subject, 'install_size', 'bytes', run, installSize(packages[subject] ?? []));
      });
    }
  },
};
