/** One gzip run: both ends as processes of their own, under glibc's malloc that looks at every block when it is freed. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fromSource } from '../../support/program.js';
import { repository } from '../../support/scratch.js';

/** In Debian's libc6. A block that was written beyond its end, or freed twice, ends the process with SIGABRT. */
export const checkedMalloc = { LD_PRELOAD: 'libc_malloc_debug.so.0', MALLOC_CHECK_: '3' };

export interface Ended {
  readonly code: number | null;
  readonly signal: string | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Node, its heap checked. */
export function checkedNode(args: readonly string[]): ChildProcess {
  return spawn(process.execPath, ['--expose-gc', ...args], {
    cwd: repository,
    env: { ...process.env, ...checkedMalloc },
    stdio: ['pipe', 'pipe', 'pipe'],
  });
}

export async function ended(child: ChildProcess): Promise<Ended> {
  const text = { stdout: '', stderr: '' };
  for (const name of ['stdout', 'stderr'] as const) {
    child[name]?.setEncoding('utf8').on('data', (chunk: string) => (text[name] += chunk));
  }
  const [code, signal] = (await once(child, 'close')) as [number | null, string | null];
  return { code, signal, ...text };
}

/** What became of the client, and of the peer. */
export async function gzipRun(seed: number, calls: number): Promise<{ client: Ended; peer: Ended }> {
  const file = (name: string) => [...fromSource, `test/faults/gzip/${name}.ts`];
  const peer = checkedNode([...file('peer'), String(seed)]);
  const [addresses] = (await once(createInterface({ input: peer.stdout as NodeJS.ReadableStream }), 'line')) as [
    string,
  ];
  const peerEnded = ended(peer);
  try {
    const client = await ended(checkedNode([...file('client'), String(seed), String(calls), addresses]));
    peer.stdin?.end();
    return { client, peer: await peerEnded };
  } finally {
    peer.kill();
  }
}
