import { type Logger, silentLogger } from 'hawser';
import { describe, expect, it } from 'vitest';
import { type MemoryTransaction, memoryStore } from '../../src/stores/memory.js';
import { answer, recordOf, storeConformance } from './conformance.js';

storeConformance<MemoryTransaction>('memory', async () => {
  const effects = new Map<string, number>();
  const store = memoryStore({ logger: silentLogger });
  return {
    store,
    write: (tx, effect) => tx.onCommit(() => effects.set(effect, (effects.get(effect) ?? 0) + 1)),
    count: async (effect) => effects.get(effect) ?? 0,
    peer: async () => store,
    dispose: () => store.close(),
  };
});

describe('memoryStore', () => {
  it('says loudly, once, that it forgets', () => {
    const warnings: string[] = [];
    const logger: Logger = { ...silentLogger, warn: (_, message) => warnings.push(message) };
    memoryStore({ logger });
    expect(warnings).toEqual([expect.stringMatching(/forgets every idempotency key.*sqliteStore\(\)/)]);
  });

  it('refuses a new key when it is full, rather than forget an old one', async () => {
    const store = memoryStore({ logger: silentLogger, maxRecords: 2 });
    const run = (key: string) =>
      store.execute(
        recordOf({ key }),
        async () => answer(key),
        () => {},
      );
    await run('a');
    await run('b');
    await expect(run('c')).rejects.toMatchObject({ code: 'RESOURCE_EXHAUSTED', disposition: 'not-executed' });
    expect((await run('a')).kind).toBe('recorded');
    await store.expire(Date.now() + 2 * 86_400_000, 1);
    expect((await run('c')).kind).toBe('executed');
  });

  it.each([
    [{ maxRecords: 0 }, 'maxRecords is 0; it is a whole number above 0'],
    [{ retention: '1s' }, 'retention is 1000 ms; records are kept for 1 minute to 30 days'],
    [{ retention: '31d' }, 'retention is 2678400000 ms; records are kept for 1 minute to 30 days'],
  ])('refuses the options %j', (options, message) => {
    expect(() => memoryStore({ logger: silentLogger, ...options })).toThrow(message);
  });
});
