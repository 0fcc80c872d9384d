/** Subscribers that are not ours, in Python: nothing is lost and nothing comes twice though the server is killed. */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';
import { afterAll, expect, it } from 'vitest';
import { describeWith, hasTool } from '../requires.js';
import { startProgram } from '../support/program.js';
import { repository, scratchFolder } from '../support/scratch.js';

const run = promisify(execFile);
const python = '/usr/bin/python3';
const scripts = join(import.meta.dirname, 'python');
const kills = process.env.HAWSER_SOAK === undefined ? 2 : 50;
/** Updates that are acknowledged between two kills. */
const between = 100;

interface Line {
  readonly seq?: number;
  readonly value?: number;
  readonly event?: string;
  readonly topic?: string;
  readonly grpc?: string;
  readonly thrift?: string;
}

const children: ChildProcess[] = [];
afterAll(() => {
  for (const child of children) child.kill('SIGKILL');
});

/** Calls `fn` for each line of JSON. */
function lines(child: ReturnType<typeof startProgram>, fn: (line: Line) => void): void {
  children.push(child);
  child.stderr.pipe(process.stderr);
  createInterface(child.stdout).on('line', (text) => fn(JSON.parse(text) as Line));
}

/** A server that is killed and started again on the same file and ports. */
class Victim {
  readonly acknowledged = new Map<string, number>();
  bound = { grpc: '127.0.0.1:0', thrift: '127.0.0.1:0' };
  #child: ReturnType<typeof startProgram> | undefined;
  #heard: () => void = () => {};

  constructor(readonly file: string) {}

  start(): Promise<void> {
    const { grpc, thrift } = this.bound;
    const child = startProgram('test/interop/subscription-server.ts', [this.file, grpc, thrift]);
    this.#child = child;
    return new Promise((resolve) => {
      lines(child, ({ topic, seq, ...bound }) => {
        if (topic === undefined) {
          this.bound = bound as Victim['bound'];
          resolve();
        } else {
          this.acknowledged.set(topic, seq as number);
          this.#heard();
        }
      });
    });
  }

  kill(): void {
    this.#child?.kill('SIGKILL');
  }

  /** When so many more have been acknowledged of each topic. */
  more(count: number): Promise<void> {
    const wanted = ['grpc', 'thrift'].map((name) => [name, (this.acknowledged.get(name) ?? 0) + count] as const);
    return new Promise((resolve) => {
      this.#heard = () => {
        if (wanted.every(([name, seq]) => (this.acknowledged.get(name) ?? 0) >= seq)) resolve();
      };
    });
  }
}

function subscriber(script: string, ...args: string[]) {
  const seen: Line[] = [];
  let heard = (): void => {};
  lines(spawn(python, [join(scripts, script), ...args]), (line) => {
    seen.push(line);
    heard();
  });
  const reaches = (seq: number): Promise<void> =>
    new Promise((resolve) => {
      heard = () => {
        if ((seen.at(-1)?.seq ?? 0) >= seq) resolve();
      };
      heard();
    });
  return { seen, reaches };
}

const present = hasTool('thrift', ['--version']) && hasTool(python, ['-c', 'import thrift, grpc, grpc_tools']);

describeWith(
  "Python's thrift, grpcio and grpcio-tools, and the thrift compiler",
  present,
  'subscribers in Python',
  () => {
    it(
      `have each update once, in order, through ${kills} kills of the server`,
      async () => {
        const scratch = scratchFolder('subscribers');
        try {
          const generated = join(scratch.path, 'generated');
          mkdirSync(generated);
          for (const file of ['hawser', 'market']) {
            await run('thrift', ['--gen', 'py', '-out', generated, join(repository, `idl/${file}.thrift`)]);
          }
          const stubs = join(scratch.path, 'stubs');
          mkdirSync(stubs);
          // Debian's grpc_tools are older than `optional` in proto3, which is the same on the wire.
          const frames = 'hawser/subscription/v1/subscription.proto';
          const plain = join(scratch.path, 'proto');
          mkdirSync(join(plain, dirname(frames)), { recursive: true });
          const schema = readFileSync(join(repository, 'proto', frames), 'utf8');
          writeFileSync(join(plain, frames), schema.replaceAll(/^ {2}optional /gm, '  '));
          await run(python, [
            ...['-m', 'grpc_tools.protoc', '-I', plain, '-I', join(repository, 'proto')],
            ...[`--python_out=${stubs}`, `--grpc_python_out=${stubs}`],
            ...[frames, 'hawser/policy/v1/policy.proto', 'market/v1/market.proto'],
          ]);
          const server = new Victim(join(scratch.path, 'topics.db'));
          await server.start();
          const { grpc, thrift } = server.bound;
          const overGrpc = subscriber('grpc_subscriber.py', stubs, grpc, 'test.GrpcQuotes/Prices');
          const [host = '', port = ''] = thrift.split(':');
          const overThrift = subscriber('thrift_subscriber.py', generated, host, port, 'test.ThriftQuotes/Prices');
          for (let kill = 0; kill < kills; kill++) {
            await server.more(between);
            server.kill();
            await server.start();
          }
          await server.more(between);
          for (const [name, { seen, reaches }] of [
            ['grpc', overGrpc],
            ['thrift', overThrift],
          ] as const) {
            const acknowledged = server.acknowledged.get(name) as number;
            await reaches(acknowledged);
            expect(seen.filter(({ event }) => event !== undefined)).toEqual([]);
            const expected = seen.map((_, at) => at + 1);
            expect(seen.map(({ seq }) => seq)).toEqual(expected);
            expect(seen.map(({ value }) => value)).toEqual(expected);
            expect(seen.length).toBeGreaterThanOrEqual(acknowledged);
          }
        } finally {
          for (const child of children) child.kill('SIGKILL');
          scratch.remove();
        }
      },
      120_000 + kills * 5000,
    );
  },
);
