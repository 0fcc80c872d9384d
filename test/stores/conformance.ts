/**
 * What every store of idempotency keys does, whatever database it is on. `make` gives a fresh, empty database and
 * a store on it; what only some stores can do (several processes, a restart) is tested where it gives the means.
 */
import fc from 'fast-check';
import { RpcError } from 'hawser';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { IdempotencyStore, NewRecord, RecordId, StoredOutcome } from '../../src/interceptors/idempotency-store.js';
import { deferred, settled } from '../support/served.js';
import { runs } from '../support/soak.js';

export interface StoreUnderTest<Tx> {
  readonly store: IdempotencyStore<Tx>;
  /** Writes one more effect of that name, inside the transaction. */
  write(tx: Tx, effect: string): Promise<void> | void;
  /** How many effects of that name have committed. */
  count(effect: string): Promise<number>;
  /** Another store on the same database, as another process has it. Left out where one process owns the database. */
  readonly peer?: () => Promise<IdempotencyStore<Tx>>;
  /** A store on the same database after `store` was closed. Left out by a store that forgets. */
  readonly reopen?: () => Promise<IdempotencyStore<Tx>>;
  dispose(): Promise<void>;
}

const wall = Date.UTC(2026, 5, 1);
const day = 86_400_000;
const nothing = (): void => {};

export function recordOf(id: Partial<RecordId> = {}, rest: Partial<NewRecord> = {}): NewRecord {
  return {
    id: { principal: 'anonymous', service: 'market.v1.Till', method: 'Sell', key: 'key', ...id },
    fingerprint: Uint8Array.of(1, 2, 3),
    trace: '',
    expiresAt: Date.now() + day,
    ...rest,
  };
}

export function answer(text: string): StoredOutcome {
  return { kind: 'response', type: '', encoding: 'proto', bytes: Buffer.from(text) };
}

/** The suite. Call it in a test file of the store. */
export function storeConformance<Tx>(name: string, make: () => Promise<StoreUnderTest<Tx>>): void {
  describe(`the store ${name} keeps what every store promises`, () => {
    let it_: StoreUnderTest<Tx>;
    beforeEach(async () => {
      it_ = await make();
    });
    afterEach(() => it_.dispose());

    /** Runs a key whose work writes an effect of the key's name. */
    const sell = (key: string, text = key, store = it_.store, before: () => Promise<void> | void = nothing) =>
      store.execute(
        recordOf({ key }),
        async (tx) => {
          await before();
          await it_.write(tx, key);
          return answer(text);
        },
        nothing,
      );

    it('names itself and how long it keeps records', () => {
      expect(it_.store.name).toMatch(/^[a-z]+$/);
      expect(it_.store.retention).toBeGreaterThanOrEqual(60_000);
      expect(it_.store.retention).toBeLessThanOrEqual(30 * day);
    });

    it('runs the work of a new key and commits its effect', async () => {
      expect(await sell('a')).toEqual({ kind: 'executed' });
      expect(await it_.count('a')).toBe(1);
    });

    it('takes work that is done at once, and rolls back what throws at once', async () => {
      const record = recordOf({ key: 'now' });
      const broken = new Error('no');
      const thrown = it_.store.execute(record, () => Promise.reject(broken), nothing);
      await expect(thrown).rejects.toBe(broken);
      const atOnce = it_.store.execute(
        record,
        () => {
          throw broken;
        },
        nothing,
      );
      await expect(atOnce).rejects.toBe(broken);
      expect(await it_.store.execute(record, () => answer('now'), nothing)).toEqual({ kind: 'executed' });
      expect(await it_.store.execute(record, () => answer('again'), nothing)).toMatchObject({ kind: 'recorded' });
      expect(await it_.store.transact(() => 7, nothing)).toBe(7);
    });

    it('answers a known key with its record, to the byte, and runs nothing', async () => {
      const bytes = Uint8Array.from({ length: 256 }, (_, at) => at);
      const trace = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
      const record = recordOf({}, { fingerprint: bytes.slice(3, 40), trace });
      const outcome: StoredOutcome = { kind: 'response', type: '', encoding: 'compact', bytes };
      const before = Date.now();
      await it_.store.execute(record, async () => outcome, nothing);
      let ran = false;
      const again = await it_.store.execute(
        recordOf(),
        async () => {
          ran = true;
          return answer('other');
        },
        nothing,
      );
      expect(ran).toBe(false);
      if (again.kind !== 'recorded') throw new Error(`it said ${again.kind}`);
      expect(Buffer.from(again.record.fingerprint)).toEqual(Buffer.from(bytes.slice(3, 40)));
      expect(again.record.trace).toBe(trace);
      expect(again.record.outcome).toMatchObject({ kind: 'response', type: '', encoding: 'compact' });
      expect(Buffer.from(again.record.outcome.bytes)).toEqual(Buffer.from(bytes));
      expect(Math.abs(again.record.committedAt - before)).toBeLessThan(60_000);
    });

    it('keeps a declared error with its type', async () => {
      const outcome: StoredOutcome = {
        kind: 'declared',
        type: 'market.v1.BadFish',
        encoding: 'binary',
        bytes: Buffer.from('x'),
      };
      await it_.store.execute(recordOf(), async () => outcome, nothing);
      const again = await it_.store.execute(recordOf(), async () => answer('no'), nothing);
      expect(again).toMatchObject({
        kind: 'recorded',
        record: { outcome: { kind: 'declared', type: 'market.v1.BadFish', encoding: 'binary' } },
      });
    });

    it.each([0, 1, 100_000, 3_000_000])('keeps an answer of %i bytes', async (length) => {
      const bytes = Buffer.alloc(length, 'abc');
      await it_.store.execute(recordOf(), async () => ({ ...answer(''), bytes }), nothing);
      const again = await it_.store.execute(recordOf(), async () => answer('no'), nothing);
      if (again.kind !== 'recorded') throw new Error(`it said ${again.kind}`);
      expect(Buffer.compare(Buffer.from(again.record.outcome.bytes), bytes)).toBe(0);
    });

    it('keeps what the work gave even when its memory is used again', async () => {
      const bytes = Buffer.from('before');
      const fingerprint = Buffer.from('before');
      await it_.store.execute(recordOf({}, { fingerprint }), async () => ({ ...answer(''), bytes }), nothing);
      bytes.fill(0);
      fingerprint.fill(0);
      const again = await it_.store.execute(recordOf(), async () => answer('no'), nothing);
      if (again.kind !== 'recorded') throw new Error(`it said ${again.kind}`);
      expect(Buffer.from(again.record.outcome.bytes).toString()).toBe('before');
      expect(Buffer.from(again.record.fingerprint).toString()).toBe('before');
    });

    it('rolls everything back when the work fails, with the same error, and runs the key afresh', async () => {
      const failure = new Error('no fish');
      const failed = it_.store.execute(
        recordOf({ key: 'a' }),
        async (tx) => {
          await it_.write(tx, 'a');
          throw failure;
        },
        nothing,
      );
      await expect(failed).rejects.toBe(failure);
      expect(await it_.count('a')).toBe(0);
      expect(await sell('a')).toEqual({ kind: 'executed' });
      expect(await it_.count('a')).toBe(1);
    });

    it('asks once more before the commit, after the work, and rolls back when that throws', async () => {
      const late = new RpcError('DEADLINE_EXCEEDED', 'too late');
      const steps: string[] = [];
      const refused = it_.store.execute(
        recordOf({ key: 'a' }),
        async (tx) => {
          await it_.write(tx, 'a');
          steps.push('work');
          return answer('a');
        },
        () => {
          steps.push('before commit');
          throw late;
        },
      );
      await expect(refused).rejects.toBe(late);
      expect(steps).toEqual(['work', 'before commit']);
      expect(await it_.count('a')).toBe(0);
      expect(await sell('a')).toEqual({ kind: 'executed' });
    });

    it('commits a call without a key as a whole, and rolls it back as a whole', async () => {
      const done = await it_.store.transact(async (tx) => {
        await it_.write(tx, 'a');
        await it_.write(tx, 'a');
        return { sold: 2 };
      }, nothing);
      expect(done).toEqual({ sold: 2 });
      expect(await it_.count('a')).toBe(2);
      const failure = new Error('no fish');
      const failed = it_.store.transact(async (tx) => {
        await it_.write(tx, 'b');
        throw failure;
      }, nothing);
      await expect(failed).rejects.toBe(failure);
      const late = new Error('too late');
      const refused = it_.store.transact(
        async (tx) => it_.write(tx, 'b'),
        () => {
          throw late;
        },
      );
      await expect(refused).rejects.toBe(late);
      expect(await it_.count('b')).toBe(0);
    });

    it('keeps keys of other callers, services and methods apart', async () => {
      const ids: Partial<RecordId>[] = [
        {},
        { principal: 'bob' },
        { service: 'market.v2.Till' },
        { method: 'Return' },
        { key: 'KEY' },
        { key: 'key ' },
        { principal: 'anonymou', service: 'smarket.v1.Till' },
        { service: 'market.v1.TillS', method: 'ell' },
        { method: 'Sellk', key: 'ey' },
        { key: `"';--%_\\ ${'~'.repeat(240)}` },
        { principal: 'CN=bob,O=Grundéns \u{1f41f}' },
        { principal: '' },
      ];
      for (const [at, id] of ids.entries()) {
        expect(await it_.store.execute(recordOf(id), async () => answer(`${at}`), nothing), `${at}`).toEqual({
          kind: 'executed',
        });
      }
      for (const [at, id] of ids.entries()) {
        const again = await it_.store.execute(recordOf(id), async () => answer('no'), nothing);
        if (again.kind !== 'recorded') throw new Error(`${at}: it said ${again.kind}`);
        expect(Buffer.from(again.record.outcome.bytes).toString()).toBe(`${at}`);
      }
    });

    it('keeps what succeeds and nothing of what fails when many keys run at once', async () => {
      const failure = new Error('no fish');
      const outcomes = await Promise.allSettled(
        Array.from({ length: 120 }, (_, n) =>
          it_.store.execute(
            recordOf({ key: `k${n}` }),
            async (tx) => {
              if (n % 5 === 0) await settled();
              await it_.write(tx, `k${n}`);
              if (n % 7 === 0) await settled();
              if (n % 3 === 0) throw failure;
              return answer(`${n}`);
            },
            () => {
              if (n % 3 === 1 && n % 2 === 0) throw failure;
            },
          ),
        ),
      );
      for (const [n, { status }] of outcomes.entries()) {
        const fails = n % 3 === 0 || (n % 3 === 1 && n % 2 === 0);
        expect(status, `k${n}`).toBe(fails ? 'rejected' : 'fulfilled');
        expect(await it_.count(`k${n}`), `effects of k${n}`).toBe(fails ? 0 : 1);
      }
    });

    it('lets others commit after one whose work never needed the transaction for long', async () => {
      const slow = deferred();
      const first = sell('slow', 'slow', it_.store, () => slow.promise);
      const others = Promise.all(['a', 'b', 'c'].map((key) => sell(key)));
      slow.resolve();
      await first;
      await others;
      for (const key of ['slow', 'a', 'b', 'c']) expect(await it_.count(key), key).toBe(1);
    });

    it('gives each call a transaction that is of no use once its work is over', async () => {
      let kept: Tx | undefined;
      await it_.store.execute(
        recordOf(),
        async (tx) => {
          kept = tx;
          return answer('a');
        },
        nothing,
      );
      await expect((async () => it_.write(kept as Tx, 'late'))()).rejects.toThrow(/over|ended|returned|after/);
      await it_.store.transact(async () => {}, nothing);
      expect(await it_.count('late')).toBe(0);
    });

    it('deletes what has expired, some at a time, and nothing else', async () => {
      const until = (key: string, expiresAt: number) =>
        it_.store.execute(recordOf({ key }, { expiresAt }), async () => answer(key), nothing);
      for (let n = 0; n < 25; n++) await until(`old${n}`, wall - 3 * day - n);
      for (let n = 0; n < 5; n++) await until(`new${n}`, wall + 1 + n);
      let deleted = 0;
      for (let turn = 0; turn < 40; turn++) deleted += await it_.store.expire(wall, 10);
      expect(deleted).toBe(25);
      expect((await until('old7', wall + day)).kind).toBe('executed');
      for (let n = 0; n < 5; n++) expect((await until(`new${n}`, wall)).kind, `new${n}`).toBe('recorded');
    });

    it('finds a record however old it is until it is deleted', async () => {
      const old = recordOf({}, { expiresAt: wall - 400 * day });
      await it_.store.execute(old, async () => answer('a'), nothing);
      expect((await it_.store.execute(old, async () => answer('b'), nothing)).kind).toBe('recorded');
    });

    it('waits for what runs when it is closed, and then refuses, not executed', async () => {
      const slow = deferred();
      const running = sell('a', 'a', it_.store, () => slow.promise);
      await settled();
      let closed = false;
      const closing = it_.store.close().then(() => {
        closed = true;
      });
      await settled();
      expect(closed).toBe(false);
      slow.resolve();
      expect(await running).toEqual({ kind: 'executed' });
      await closing;
      const refused = { code: 'UNAVAILABLE', disposition: 'not-executed' };
      await expect(sell('b')).rejects.toMatchObject(refused);
      await expect(it_.store.transact(async () => {}, nothing)).rejects.toMatchObject(refused);
    });

    it('agrees with a model of itself, whatever the order of calls', async () => {
      const step = fc.record({
        key: fc.integer({ min: 0, max: 5 }).map((n) => `k${n}`),
        does: fc.constantFrom('commits', 'fails', 'is late', 'has no key' as const),
        suspends: fc.boolean(),
      });
      let round = 0;
      await fc.assert(
        fc.asyncProperty(fc.array(step, { maxLength: 30 }), async (steps) => {
          round += 1;
          const recorded = new Map<string, string>();
          const effects = new Map<string, number>();
          for (const [at, { key: short, does, suspends }] of steps.entries()) {
            const key = `${round}-${short}`;
            const work = async (tx: Tx): Promise<StoredOutcome> => {
              await it_.write(tx, key);
              if (suspends) await Promise.resolve();
              if (does === 'fails') throw new Error('failed');
              return answer(`${at}`);
            };
            const look = (): void => {
              if (does === 'is late') throw new Error('late');
            };
            const known = recorded.get(key);
            if (does === 'has no key') {
              await it_.store.transact(work, look);
              effects.set(key, (effects.get(key) ?? 0) + 1);
              continue;
            }
            const result = await it_.store.execute(recordOf({ key }), work, look).catch(() => undefined);
            if (known !== undefined) {
              if (result?.kind !== 'recorded') throw new Error(`step ${at}: ${result?.kind}`);
              expect(Buffer.from(result.record.outcome.bytes).toString()).toBe(known);
            } else if (does === 'commits') {
              expect(result).toEqual({ kind: 'executed' });
              recorded.set(key, `${at}`);
              effects.set(key, (effects.get(key) ?? 0) + 1);
            } else expect(result).toBeUndefined();
          }
          for (const { key } of steps) {
            expect(await it_.count(`${round}-${key}`)).toBe(effects.get(`${round}-${key}`) ?? 0);
          }
        }),
        { numRuns: runs(15) },
      );
    });

    it('says that another process is at a key, at once, and knows the answer when that is done', async (context) => {
      if (it_.peer === undefined) return context.skip('one process owns the database');
      const peer = await it_.peer();
      const hold = deferred();
      const began = deferred();
      const running = sell('a', 'first', it_.store, () => {
        began.resolve();
        return hold.promise;
      });
      await began.promise;
      await expect.poll(async () => (await sell('a', 'second', peer)).kind).toBe('running');
      expect((await sell('b', 'b', peer)).kind, 'another key is free').toBe('executed');
      hold.resolve();
      await running;
      expect(await sell('a', 'second', peer)).toMatchObject({ kind: 'recorded' });
      expect(await it_.count('a')).toBe(1);
    });

    it('lets another process run a key whose execution was rolled back', async (context) => {
      if (it_.peer === undefined) return context.skip('one process owns the database');
      const peer = await it_.peer();
      await expect(
        sell('a', 'first', it_.store, () => {
          throw new Error('no fish');
        }),
      ).rejects.toThrow('no fish');
      expect((await sell('a', 'second', peer)).kind).toBe('executed');
      expect(await it_.count('a')).toBe(1);
    });

    it('knows every key and every effect after a restart', async (context) => {
      if (it_.reopen === undefined) return context.skip('it forgets, as it says');
      for (let n = 0; n < 20; n++) await sell(`k${n}`, `${n}`);
      await it_.store.close();
      const store = await it_.reopen();
      for (let n = 0; n < 20; n++) {
        const again = await sell(`k${n}`, 'no', store);
        if (again.kind !== 'recorded') throw new Error(`k${n}: it said ${again.kind}`);
        expect(Buffer.from(again.record.outcome.bytes).toString()).toBe(`${n}`);
        expect(await it_.count(`k${n}`)).toBe(1);
      }
      await store.close();
    });
  });
}
