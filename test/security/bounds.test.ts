/** docs/security.md lists every bound: its options exist with those defaults, and its tests are there. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createServer, defaultDecodeLimits, setDecodeLimits, silentLogger } from 'hawser';
import { setThriftLimits, defaultLimits as thriftCodec } from 'hawser/thrift';
import { afterEach, describe, expect, it } from 'vitest';
import { defaultCallerLimits } from '../../src/server/caller-limits.js';
import { checkPlace } from '../../src/server/listening.js';
import { defaultPollLimits, pollLimits } from '../../src/server/poll-service.js';
import { hubLimits, defaultLimits as topicLimits } from '../../src/subscription/hub/limits.js';
import { defaultOutput } from '../../src/transports/grpc/server-options.js';
import { defaultLimits as thriftWire } from '../../src/transports/thrift/limits.js';
import { repository } from '../support/scratch.js';

interface Row {
  readonly bound: string;
  readonly default: string;
  readonly option: string;
  readonly reason: string;
  readonly test: string;
}

/** The rows of the table under `## Bounds`. */
function table(): Row[] {
  const text = readFileSync(join(repository, 'docs/security.md'), 'utf8');
  const from = text.indexOf('## Bounds');
  const section = text.slice(from, text.indexOf('\n## ', from));
  const lines = section.split('\n').filter((line) => line.startsWith('|'));
  const [header = '', , ...rows] = lines;
  const cells = (line: string): string[] =>
    line
      .split('|')
      .slice(1, -1)
      .map((cell) => cell.trim());
  expect(cells(header)).toEqual(['bound', 'default', 'option', 'reason', 'test']);
  return rows.map((row) => {
    const [bound = '', value = '', option = '', reason = '', test = ''] = cells(row);
    return { bound, default: value, option, reason, test };
  });
}

/** How each place takes an option: sets it to `value`, and throws for a name that it does not know. */
const places: Record<string, (name: string, value: number) => void> = {
  setDecodeLimits: (name, value) => setDecodeLimits({ [name]: value }),
  setThriftLimits: (name, value) => {
    if (!(name in thriftCodec)) throw new TypeError(`no ${name}`);
    setThriftLimits({ [name]: value });
  },
  'thrift.limits': (name, value) => void createServer({ logger: silentLogger, thrift: { limits: { [name]: value } } }),
  'topics.limits': (name, value) => {
    if (!(name in topicLimits)) throw new TypeError(`no ${name}`);
    hubLimits({ [name]: value });
  },
  'topics.polls': (name, value) => {
    if (!(name in defaultPollLimits)) throw new TypeError(`no ${name}`);
    pollLimits({ [name]: value });
  },
  limits: (name, value) => void createServer({ logger: silentLogger, limits: { [name]: value } }),
  'admission.queue': (name, value) =>
    void createServer({ logger: silentLogger, admission: { queue: { [name]: value } } }),
  health: (name, value) => void createServer({ logger: silentLogger, health: { [name]: value } }),
  reflection: (name, value) => void createServer({ logger: silentLogger, reflection: { [name]: value } }),
  'listen.port': (name, value) => checkPlace({ address: ':0', [name]: value }, 'port'),
  grpc: (name, value) => void createServer({ logger: silentLogger, grpc: { [name]: value } }),
};

const defaults: Record<string, Readonly<Record<string, number>>> = {
  setDecodeLimits: { ...defaultDecodeLimits },
  setThriftLimits: { ...thriftCodec },
  'thrift.limits': { ...thriftWire },
  'topics.limits': { ...topicLimits },
  'topics.polls': { ...defaultPollLimits },
  limits: { ...defaultCallerLimits },
  grpc: { ...defaultOutput },
};

/** `64 MiB`, `16,000,000`, `10 s`; undefined for what is said in words. */
function number(text: string): number | undefined {
  const match = /^([\d,.]+)(?: (KiB|MiB|s))?$/.exec(text);
  if (match === null) return undefined;
  const unit = { KiB: 1024, MiB: 1024 * 1024, s: 1000 }[match[2] ?? ''] ?? 1;
  return Number((match[1] ?? '').replaceAll(',', '')) * unit;
}

afterEach(() => {
  setDecodeLimits();
  setThriftLimits({});
});

const rows = table();

describe('the table of bounds', () => {
  it('has rows', () => {
    expect(rows.length).toBeGreaterThan(5);
  });

  it.each(rows)('tells the truth of: $bound', ({ default: value, option, reason, test }) => {
    const [, place = '', name = ''] = /^`([\w.]+): (\w+)`$/.exec(option) ?? [];
    const set = places[place];
    expect(set, `there is no place ${place} for options; add it to this test`).toBeDefined();
    expect(() => set?.(name, 20_000)).not.toThrow(TypeError);
    expect(() => set?.(`${name}Not`, 20_000)).toThrow(TypeError);
    const known = defaults[place]?.[name];
    if (known !== undefined && number(value) !== undefined) expect(known).toBe(number(value));
    for (const file of test.split(', ')) expect(existsSync(join(repository, file)), file).toBe(true);
    if (reason !== '') {
      const [, word = ''] = /^`([A-Z_]+)`$/.exec(reason) ?? [];
      const texts = test.split(', ').map((file) => readFileSync(join(repository, file), 'utf8'));
      expect(
        texts.some((text) => text.includes(word) && word !== ''),
        `${test} says nothing of ${reason}`,
      ).toBe(true);
    }
  });

  it('has every limit of a Thrift connection', () => {
    const named = rows.map(({ option }) => /^`thrift\.limits: (\w+)`$/.exec(option)?.[1]);
    for (const name of Object.keys(thriftWire)) expect(named).toContain(name);
  });
});
