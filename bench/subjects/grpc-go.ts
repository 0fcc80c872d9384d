/**
 * grpc-go: the program in the folder of the same name, built once, as two processes of their own. An actor stands before
 * each, so that it is asked as every subject is; what it says it used is the program's, not the actor's.
 */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { rmSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';
import type { Actor } from '../harness/actor.js';
import type { TlsFiles } from '../harness/certificate.js';

export const goModule = import.meta.filename;
const source = join(import.meta.dirname, 'grpc-go');
const run = promisify(execFile);
/** For the compiler, with every module to fetch and to build. */
const patience = 240_000;

let built: Promise<string> | undefined;

/** The program's path. Rejects with an Error that says what is missing. */
export function goProgram(): Promise<string> {
  built ??= build();
  return built;
}

async function build(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'hawser-bench-go-'));
  process.once('exit', () => rmSync(folder, { recursive: true, force: true }));
  try {
    const program = join(folder, 'grpcgo');
    await run('go', ['build', '-o', program, '.'], { cwd: source, timeout: patience });
    return program;
  } catch (error) {
    await rm(folder, { recursive: true, force: true });
    const { code, stderr = '' } = error as { code?: string; stderr?: string };
    if (code === 'ENOENT') throw new Error('there is no Go');
    throw new Error(`go build: ${stderr.trim().split('\n')[0]}`);
  }
}

interface Line {
  readonly value?: unknown;
  readonly error?: string;
}

/** Asks one question after the other. */
class Program {
  readonly #child: ChildProcess;
  readonly #waiting: { resolve: (value: unknown) => void; reject: (error: Error) => void }[] = [];

  constructor(program: string, role: 'server' | 'client') {
    const env = { ...process.env, GOMAXPROCS: '1' };
    const child = spawn(program, [role], { env, stdio: ['pipe', 'pipe', 'inherit'] });
    this.#child = child;
    createInterface({ input: child.stdout }).on('line', (text) => {
      const { value, error } = JSON.parse(text) as Line;
      const asked = this.#waiting.shift();
      if (error === undefined) asked?.resolve(value);
      else asked?.reject(new Error(error));
    });
    child.on('exit', (code, signal) => {
      for (const { reject } of this.#waiting) reject(new Error(`grpc-go's ${role} ended with ${signal ?? code}`));
    });
  }

  ask<T>(ask: string, args: object = {}): Promise<T> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ resolve: resolve as (value: unknown) => void, reject });
      this.#child.stdin?.write(`${JSON.stringify({ ask, ...args })}\n`);
    });
  }

  /** The program ends with its input, so also when this process is killed. */
  get actor(): Actor {
    const questions = ['usage', 'closed', 'stream'] as const;
    return Object.fromEntries(questions.map((ask) => [ask, (args: object) => this.ask(ask, args)]));
  }
}

interface ServerArgs {
  readonly program: string;
  readonly tls?: TlsFiles | undefined;
}

export async function goServer({ program, tls }: ServerArgs): Promise<Actor> {
  const server = new Program(program, 'server');
  const address = await server.ask<string>('serve', { tls });
  return { ...server.actor, address: () => address };
}

interface ClientArgs extends ServerArgs {
  readonly address: string;
  readonly size: number;
  readonly connections: number;
}

export async function goClient({ program, ...args }: ClientArgs): Promise<Actor> {
  const client = new Program(program, 'client');
  await client.ask('connect', args);
  return client.actor;
}
