/**
 * Whatever is killed, and whenever, each key has exactly one effect. The same harness finds the duplicates of a store that
 * commits keys and effects one after the other, so it is known to bite. `npm run soak` kills 1,000 times and more;
 * HAWSER_SEED repeats the draws of a run, though not the machine's timing.
 */
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { migratePostgres } from '../../../src/stores/postgres/index.js';
import { sqliteDriver } from '../../../src/stores/sqlite/index.js';
import { describeWith, hasTool } from '../../requires.js';
import { hasPostgres, type PostgresServer, postgresName, startPostgres } from '../../support/postgres.js';
import { scratchFolder } from '../../support/scratch.js';
import { bundleServer } from './bundle.js';
import { pythonGuest } from './guest.js';
import { type KillReport, type KillRun, killRun } from './run.js';

/** Kills of the short form, and of the long one. */
const kills = (short: number, long: number): number => (process.env.HAWSER_SOAK === undefined ? short : long);
const seed = process.env.HAWSER_SEED ?? String(Date.now() % 1_000_000);

const scratch = scratchFolder('kills');
let program: string;
beforeAll(async () => {
  program = await bundleServer(scratch.path);
});
afterAll(() => scratch.remove());

type Effects = ReadonlyMap<string, readonly number[]>;

function grouped(rows: readonly { key: string; number: number }[]): Effects {
  const effects = new Map<string, number[]>();
  for (const { key, number } of rows) {
    const numbers = effects.get(key);
    if (numbers === undefined) effects.set(key, [number]);
    else numbers.push(number);
  }
  return effects;
}

/** A file with an empty table of effects. */
function file(name: string): { path: string; effects: () => Promise<Effects> } {
  const path = join(scratch.path, name);
  const db = sqliteDriver().open(path);
  db.exec('PRAGMA journal_mode = WAL; CREATE TABLE effects (key TEXT NOT NULL, number INTEGER NOT NULL)');
  db.close();
  return {
    path,
    async effects() {
      const reader = sqliteDriver().open(path, { readOnly: true });
      try {
        return grouped(reader.prepare('SELECT key, number FROM effects').all() as { key: string; number: number }[]);
      } finally {
        reader.close();
      }
    },
  };
}

async function run(name: string, options: Omit<KillRun, 'program' | 'seed'>): Promise<KillReport> {
  const report = await killRun({ program, seed: `${seed} ${name}`, ...options });
  const { kills, keys, acknowledged, replays, duplicates, lost } = report;
  console.log(
    `${name}: seed ${seed}, ${kills} kills, ${keys} keys, ${acknowledged} acknowledged, ${replays} replays, ${duplicates} duplicates, ${lost} lost`,
  );
  return report;
}

const flawless = { duplicates: 0, lost: 0, unequal: 0, falselyDenied: 0, strangers: 0 };

function expectExactlyOnce(report: KillReport): void {
  expect(report.surprises).toEqual([]);
  expect(report.atTheEnd).toMatchObject(flawless);
  expect(report).toMatchObject(flawless);
  expect(report.acknowledged).toBe(report.keys);
  expect(report.keys).toBeGreaterThan(report.kills);
  expect(report.replays).toBeGreaterThan(0);
}

const long = 3_600_000;

describeWith(
  "Python's grpcio and grpcio-tools (Debian: python3-grpcio, python3-grpc-tools)",
  hasTool('/usr/bin/python3', ['-c', 'import grpc, grpc_tools']),
  'on SQLite, over gRPC, with a client in Python among the others',
  () => {
    it(
      'each key has exactly one effect',
      async () => {
        const { path, effects } = file('grpc.db');
        const guest = pythonGuest(scratch.path);
        const store = { kind: 'sqlite', path } as const;
        expectExactlyOnce(
          await run('sqlite over gRPC', { wire: 'grpc', store, servers: 1, kills: kills(35, 600), effects, guest }),
        );
      },
      long,
    );
  },
);

describe('on SQLite, over Thrift', () => {
  it(
    'each key has exactly one effect',
    async () => {
      const { path, effects } = file('thrift.db');
      const store = { kind: 'sqlite', path } as const;
      expectExactlyOnce(
        await run('sqlite over Thrift', { wire: 'thrift', store, servers: 1, kills: kills(25, 500), effects }),
      );
    },
    long,
  );
});

describeWith(postgresName, hasPostgres, 'on Postgres, with three servers on one database', () => {
  let postgres: PostgresServer;
  beforeAll(async () => {
    postgres = await startPostgres();
  });
  afterAll(() => postgres?.remove());

  it.each([
    ['grpc', 15, 120],
    ['thrift', 10, 100],
  ] as const)(
    'each key has exactly one effect, over %s',
    async (wire, short, soak) => {
      const schema = `kills_${wire}`;
      const admin = postgres.pool({ max: 1 });
      await migratePostgres(admin, { schema });
      await admin.query(`CREATE TABLE ${schema}.effects (key text NOT NULL, number integer NOT NULL)`);
      const effects = async () => grouped((await admin.query(`SELECT key, number FROM ${schema}.effects`)).rows);
      const store = { kind: 'postgres', url: postgres.url, schema } as const;
      expectExactlyOnce(
        await run(`postgres over ${wire}`, { wire, store, servers: 3, kills: kills(short, soak), effects }),
      );
    },
    long,
  );
});

describe('on a store that commits keys and effects one after the other', () => {
  it(
    'the same harness finds duplicates',
    async () => {
      const { path, effects } = file('split.db');
      const store = { kind: 'split', path } as const;
      const report = await run('split', { wire: 'grpc', store, servers: 1, kills: kills(15, 100), effects });
      expect(report.duplicates).toBeGreaterThan(0);
      expect(report.unequal).toBeGreaterThan(0);
    },
    long,
  );
});
