/**
 * What the gate calls compatible is: a peer of either version reads what the other wrote, and reads the same. Random edits of
 * random schemas, each by its seed; run one alone with HAWSER_SEED.
 */
import { expect, it } from 'vitest';
import type { Change } from '../../../src/codegen/breaking/change.js';
import { compareSchemas } from '../../../src/codegen/breaking/compare.js';
import { protoSchema } from '../../../src/codegen/breaking/proto-schema.js';
import { thriftSchema } from '../../../src/codegen/breaking/thrift-schema.js';
import { seededRandom } from '../../../src/testing/random.js';
import { runs } from '../../support/soak.js';
import { edited, type Model, randomModel } from './edits.js';
import { fileName, protoExchange, protoFile, protoRegistry } from './ground-proto.js';
import { thriftExchange, thriftProgram } from './ground-thrift.js';

/** Messages sent each way. */
const messages = 12;

interface Pair {
  readonly changes: readonly Change[];
  /** What goes wrong with one random message, sent from the old version or to it. */
  exchange(forth: boolean, seed: string): string | undefined;
}

function pairOf(before: Model, after: Model): Pair {
  if (before.dialect === 'thrift') {
    const [old, now] = [before, after].map((model) => ({ model, program: thriftProgram(model) })) as [Version, Version];
    const schema = ({ program }: Version): ReturnType<typeof thriftSchema> =>
      thriftSchema(new Map([[program, 'model.thrift']]));
    return {
      changes: compareSchemas(schema(old), schema(now)),
      exchange: (forth, seed) => thriftExchange(forth ? old : now, forth ? now : old, seededRandom(seed)),
    };
  }
  const files = [protoFile(before), protoFile(after)] as const;
  const [old, now] = [protoRegistry(files[0]), protoRegistry(files[1])];
  const schema = (file: (typeof files)[number]): ReturnType<typeof protoSchema> =>
    protoSchema([file], new Set([fileName]), new Map());
  return {
    changes: compareSchemas(schema(files[0]), schema(files[1])),
    exchange: (forth, seed) => protoExchange(forth ? old : now, forth ? now : old, seededRandom(seed)),
  };
}

type Version = Parameters<typeof thriftExchange>[0];

function failure({ exchange }: Pair, seed: string): string | undefined {
  for (let i = 0; i < messages; i++) {
    for (const forth of [true, false]) {
      const wrong = exchange(forth, `${seed} ${i}`);
      if (wrong !== undefined) return `${forth ? 'old to new' : 'new to old'}: ${wrong}`;
    }
  }
  return undefined;
}

const one = process.env.HAWSER_SEED;

it('is compatible on the wire and in meaning wherever no change is wire or semantic', { timeout: 600_000 }, () => {
  const seeds = one === undefined ? Array.from({ length: runs(2000) }, (_, seed) => String(seed)) : [one];
  const counts = { compatible: 0, changed: 0, caught: 0 };
  for (const seed of seeds) {
    const random = seededRandom(`breaking ${seed}`);
    const model = randomModel(random);
    const pair = pairOf(model, edited(model, random));
    const wrong = failure(pair, seed);
    if (pair.changes.some(({ bump }) => bump === 'major')) {
      if (wrong !== undefined) counts.caught += 1;
      continue;
    }
    counts.compatible += 1;
    if (pair.changes.length > 0) counts.changed += 1;
    const rules = pair.changes.map(({ rule, message }) => `${rule}: ${message}`).join('\n');
    if (wrong !== undefined) throw new Error(`seed ${seed} (HAWSER_SEED=${seed}): ${wrong}\nwe said only:\n${rules}`);
  }
  // The proof is worth something only while there is much of each.
  if (one === undefined) {
    expect(counts.changed).toBeGreaterThan(seeds.length / 5);
    expect(counts.caught).toBeGreaterThan(seeds.length / 10);
  }
});
