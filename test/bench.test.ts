/** `npm run bench`, end to end with tiny runs: what it prints means nothing here, its shape and its manners do. */
import { execFile } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { Histogram } from '../bench/harness/histogram.js';
import { openLoop } from '../bench/harness/load.js';
import { Remote } from '../bench/harness/remote.js';
import { Results } from '../bench/harness/results.js';
import { barChart } from '../bench/harness/svg.js';
import { markdown } from '../bench/harness/table.js';
import { verdicts, verdictTable } from '../bench/harness/targets.js';
import { describeWith, hasTool } from './requires.js';
import { repository } from './support/scratch.js';

const folder = mkdtempSync(join(tmpdir(), 'hawser-bench-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

interface Ended {
  readonly code: number;
  readonly out: string;
  readonly errors: string;
}

function bench(...args: string[]): Promise<Ended> {
  return benchIn(process.env, ...args);
}

function benchIn(env: NodeJS.ProcessEnv, ...args: string[]): Promise<Ended> {
  const command = ['--conditions=hawser-source', '--import', 'tsx', 'bench/main.ts', ...args];
  return new Promise((resolve) => {
    execFile(process.execPath, command, { cwd: repository, env, timeout: 150_000 }, (error, out, errors) =>
      resolve({ code: error === null ? 0 : Number(error.code ?? -1), out, errors }),
    );
  });
}

const goBuilds = (): boolean =>
  hasTool('go', ['version']) && hasTool('go', ['-C', join(repository, 'bench/subjects/grpc-go'), 'mod', 'download']);

describe('npm run bench', () => {
  it('measures both sides of each subject and writes one object a line', async () => {
    const json = join(folder, 'results.jsonl');
    const results = join(folder, 'results');
    const only = [
      'unary',
      'thrift',
      '--case',
      '100B/1',
      '--case',
      'binary/1',
      '--subject',
      'hawser',
      '--subject',
      'grpc-js',
    ];
    const { code, out, errors } = await bench(
      ...only,
      '--quick',
      '--seconds',
      '0.1',
      '--json',
      json,
      '--results',
      results,
    );
    expect([code, errors]).toEqual([0, expect.not.stringContaining('error:')]);
    const rows = readFileSync(json, 'utf8')
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line));
    for (const row of rows) {
      expect(Object.keys(row)).toEqual(['bench', 'case', 'subject', 'metric', 'unit', 'value', 'min', 'max', 'runs']);
      expect(row.value).toBeGreaterThan(0);
    }
    const found = rows.map((row) => [row.bench, row.case, row.subject, row.metric].join(' '));
    for (const metric of [
      'calls_per_s',
      'p99_us',
      'cpu_us_per_call',
      'server_cpu_us_per_call',
      'client_cpu_us_per_call',
      'server_peak_rss',
    ]) {
      expect(found).toContain(`unary 100B/1 grpc-js ${metric}`);
      expect(found).toContain(`unary 100B/1 hawser ${metric}`);
      expect(found).toContain(`thrift binary/1 hawser ${metric}`);
    }
    expect(out).toContain(`Node ${process.versions.node}`);
    expect(out).toContain('| 100B/1 | calls_per_s |');
    expect(readFileSync(join(results, 'unary.svg'), 'utf8')).toContain('</svg>');
    expect(readFileSync(join(results, 'results.md'), 'utf8')).toContain('![unary.svg](unary.svg)');
  }, 160_000);

  it('measures 64 connections on the bare engine, and leaves grpc-go out by name where there is no Go', async () => {
    const only = ['many', '--subject', 'engine', '--subject', 'grpc-go', '--quick', '--seconds', '0.1'];
    const { code, out, errors } = await benchIn({ ...process.env, PATH: folder }, ...only);
    expect([code, errors]).toEqual([0, expect.stringContaining('skipped: many grpc-go: there is no Go\n')]);
    expect(out).toMatch(/\| 100B\/64x1 \| cpu_us_per_call, us \| [\d.,]+ \|/);
  }, 160_000);

  describeWith('Go and the modules of grpc-go', goBuilds(), 'grpc-go', () => {
    it('is measured over TLS, and on streams both ways', async () => {
      const only = ['unary', 'stream', 'bidi', '--case', 'tls', '--case', '125B', '--subject', 'grpc-go', '--quick'];
      const { code, out, errors } = await bench(...only);
      expect([code, errors]).toEqual([0, expect.not.stringContaining('error:')]);
      expect(out.match(/\| (tls-100B\/64|125B) \| cpu_us_per_\w+, us \| [\d.,]+ \|/g)).toHaveLength(3);
    }, 160_000);
  });

  it('lists what there is, the peers by name', async () => {
    const { code, out } = await bench('--list');
    expect(code).toBe(0);
    for (const name of [
      'unary',
      'stream',
      'bidi',
      'many',
      'thrift',
      'codec',
      'startup',
      'idle',
      'grpc-js',
      'grpc-go',
      'engine',
    ]) {
      expect(out).toContain(name);
    }
  }, 60_000);

  it('refuses a bench that does not exist, naming those that do', async () => {
    const { code, errors } = await bench('unarry');
    expect([code, errors]).toEqual([2, expect.stringMatching(/there is no bench unarry; there are unary, /)]);
    expect(existsSync(join(folder, 'unarry'))).toBe(false);
  }, 60_000);
});

describe('the harness', () => {
  it('rejects the questions to a process that cannot start, and says why', async () => {
    const remote = new Remote(
      'nothing',
      join(repository, 'bench/subjects/echo.ts'),
      'echoServer',
      { name: 'nobody' },
      {},
    );
    await expect(remote.started()).rejects.toThrow(/there is no subject nobody/);
    await expect(remote.ask('address')).rejects.toThrow(/there is no subject nobody/);
    remote.kill();
  }, 60_000);

  it('charges a stop of the server to every call that was due in it', async () => {
    let until: number | undefined;
    const call = () => {
      // From the first call on: the loop may begin late.
      until ??= performance.now() + 100;
      const rest = Math.max(0, until - performance.now());
      return new Promise((resolve) => setTimeout(resolve, rest));
    };
    const { calls, p50 } = await openLoop(call, 1_000, 0.1);
    expect(calls).toBe(100);
    expect(p50).toBeGreaterThan(20_000);
  });

  it('finds quantiles to 3 %', () => {
    const histogram = new Histogram();
    for (let value = 1; value <= 10_000; value++) histogram.record(value);
    for (const q of [0.5, 0.99]) expect(Math.abs(histogram.quantile(q) / (q * 10_000) - 1)).toBeLessThan(0.03);
  });

  it('takes medians of runs, and ratios of runs that stood side by side', () => {
    const results = new Results();
    const key = { bench: 'unary', case: '100B/64', metric: 'calls_per_s' };
    for (const [run, value] of [300, 100, 200].entries()) {
      results.add({ ...key, subject: 'hawser' }, '1/s', run, value);
      results.add({ ...key, subject: 'grpc-js' }, '1/s', run, value / 2);
    }
    expect(results.rows()[0]).toMatchObject({ value: 200, min: 100, max: 300, runs: 3 });
    expect(results.ratio({ ...key, subject: 'hawser' }, { subject: 'grpc-js' })).toEqual({ value: 2, pairs: 3 });
    expect(markdown(results.rows())).toContain('| 100B/64 | calls_per_s | 200 (100 to 300) | 100 (50 to 150) |');
  });

  it('says of a limit whether it holds: a share of a peer, or so much more than without the promise', () => {
    const results = new Results();
    const add = (bench: string, name: string, subject: string, metric: string, ...values: number[]) => {
      for (const [run, value] of values.entries()) results.add({ bench, case: name, subject, metric }, '', run, value);
    };
    add('fanout', '125B/batched', 'hawser', 'updates_per_s', 290, 100);
    add('fanout', '125B/batched', 'grpc-js', 'updates_per_s', 100, 33);
    add('tracing', 'memory-1/no-sdk', 'hawser', 'cpu_us_per_call', 11.1);
    add('tracing', 'memory-1/off', 'hawser', 'cpu_us_per_call', 10);
    add('policies', 'memory-1/defaults', 'hawser', 'cpu_us_per_call', 9);
    add('policies', 'memory-1/none', 'hawser', 'cpu_us_per_call', 10);
    expect(verdictTable(verdicts(results)).split('\n').slice(2, -1)).toEqual([
      '| updates to 100 subscribers (`125B/batched`) | at least 3x grpc-js | 2.97x | 2 | no |',
      '| all default policies, memory (`memory-1/defaults`) | at most 1.5 us more than `memory-1/none` | -1.00 us | 1 | yes |',
      '| tracing without an SDK (`memory-1/no-sdk`) | at most 1 us more than `memory-1/off` | +1.10 us | 1 | no |',
    ]);
  });

  it('escapes what it draws', () => {
    const svg = barChart('a < b', [{ label: '"&', bars: [{ label: 'x', value: 1, min: 1, max: 2 }] }], String);
    expect(svg).toContain('a &lt; b');
    expect(svg).toContain('&quot;&amp;');
  });
});
