/**
 * A Postgres server of the test's own, on loopback, with fsync on: made in a temporary folder, gone at the end. Started
 * through a shell that outlives nothing: when the test dies, its pipe closes, and the shell stops the server.
 */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { chownSync, existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { freePort } from './free-port.js';

/** Debian keeps the server's programs out of the PATH. */
const binaries = ((): string | undefined => {
  const root = '/usr/lib/postgresql';
  if (!existsSync(root)) return undefined;
  const versions = readdirSync(root).sort((a, b) => Number(b) - Number(a));
  return versions.map((version) => join(root, version, 'bin')).find((path) => existsSync(join(path, 'postgres')));
})();

export const hasPostgres = binaries !== undefined;
export const postgresName = 'Postgres (Debian: postgresql)';

export interface PostgresServer {
  /** `postgres://postgres@127.0.0.1:41234/postgres` */
  readonly url: string;
  readonly port: number;
  /** A pool that ignores errors of its idle clients, ended with the server. */
  pool(options?: pg.PoolConfig): pg.Pool;
  /** `immediate`: as after a crash, with recovery at the next start. */
  stop(mode?: 'fast' | 'immediate'): Promise<void>;
  start(): Promise<void>;
  /** Ends pools and server and removes the folder. */
  remove(): Promise<void>;
}

/** Postgres refuses to run as root. */
const asOther = process.getuid?.() === 0 ? ['runuser', '-u', 'postgres', '--'] : [];

export async function startPostgres(settings: Readonly<Record<string, string>> = {}): Promise<PostgresServer> {
  if (binaries === undefined) throw new Error(`${postgresName} is missing`);
  const bin = binaries;
  const folder = mkdtempSync(join(tmpdir(), 'hawser-pg-'));
  if (asOther.length > 0) {
    const id = (flag: string): number => Number(execFileSync('id', [flag, 'postgres'], { encoding: 'utf8' }));
    chownSync(folder, id('-u'), id('-g'));
  }
  const data = join(folder, 'data');
  const run = [
    ...asOther,
    join(bin, 'initdb'),
    '-D',
    data,
    '-U',
    'postgres',
    '-A',
    'trust',
    '-E',
    'UTF8',
    '--no-locale',
  ];
  // Only the making of the cluster goes without fsync; the server itself has it on.
  execFileSync(run[0] as string, [...run.slice(1), '--no-sync'], { stdio: 'ignore', cwd: folder });
  const port = await freePort();
  const url = `postgres://postgres@127.0.0.1:${port}/postgres`;
  const all = {
    listen_addresses: '127.0.0.1',
    port: String(port),
    unix_socket_directories: folder,
    fsync: 'on',
    ...settings,
  };
  const options = Object.entries(all).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
  const pools: pg.Pool[] = [];
  let server: ChildProcess | undefined;

  async function start(): Promise<void> {
    // The shell reads the pipe until its other end, this process, is gone; then it stops what it started.
    const script = [
      'exec 3<&0; "$@" & pid=$!',
      '(cat <&3 >/dev/null; touch "$FOLDER/orphan"; kill -QUIT $pid) &',
      'wait $pid; kill $!; [ ! -e "$FOLDER/orphan" ] || rm -rf "$FOLDER"',
    ].join('\n');
    const child = spawn(
      asOther[0] ?? 'sh',
      [
        ...(asOther.length > 0 ? [...asOther.slice(1), 'sh'] : []),
        ...['-c', script, 'sh', join(bin, 'postgres'), '-D', data, ...options],
      ],
      { stdio: ['pipe', 'ignore', 'ignore'], cwd: folder, env: { ...process.env, FOLDER: folder } },
    );
    child.stdin?.on('error', () => {});
    server = child;
    for (let left = 300; ; left--) {
      const client = new pg.Client(url);
      client.on('error', () => {});
      try {
        await client.connect();
        await client.end();
        return;
      } catch (error) {
        if (left === 0 || child.exitCode !== null) throw error;
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
    }
  }

  async function stop(mode: 'fast' | 'immediate' = 'fast'): Promise<void> {
    const child = server;
    if (child === undefined) return;
    server = undefined;
    const ended = new Promise((resolve) => child.once('exit', resolve));
    const control = [...asOther, join(bin, 'pg_ctl'), 'stop', '-D', data, '-m', mode, '-w'];
    execFileSync(control[0] as string, control.slice(1), { stdio: 'ignore', cwd: folder });
    await ended;
    child.stdin?.end();
  }

  await start();
  return {
    url,
    port,
    pool(options = {}) {
      const pool = new pg.Pool({ connectionString: url, ...options });
      pool.on('error', () => {});
      pools.push(pool);
      return pool;
    },
    stop,
    start,
    async remove() {
      await Promise.all(pools.map((pool) => (pool.ended ? undefined : pool.end())));
      await stop('immediate');
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
