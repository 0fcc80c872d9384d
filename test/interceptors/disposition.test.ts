import type { Disposition } from 'hawser';
import { describe, expect, it } from 'vitest';
import { RpcError } from '../../src/call/rpc-error.js';
import { errorOfStatus } from '../../src/call/status.js';
import { dispositionOf, dispositionOfExecution, isUndone, most } from '../../src/interceptors/disposition.js';
import { note } from '../support/echo.js';
import { rejection, scripted } from '../support/scripted.js';

const no = 'not-executed';
const back = 'rolled-back';
const may = 'unknown';
const ran = 'executed';

describe('the disposition of a call', () => {
  // Rows: the attempts before; columns: the last one.
  it.each<[Disposition, Disposition, Disposition, Disposition, Disposition]>([
    //    no   back  may  ran
    [no, no, back, may, ran],
    [back, back, back, may, ran],
    [may, may, may, may, ran],
    [ran, ran, ran, ran, ran],
  ])('after attempts that were %s is the most that any of them may have done', (before, ...expected) => {
    expect([no, back, may, ran].map((last) => most(before, last as Disposition))).toEqual(expected);
  });

  it('counts an attempt that was given up under way, or broke off without a word, as unknown', () => {
    expect([
      dispositionOf(undefined),
      dispositionOf(new TypeError('x')),
      dispositionOf(new RpcError('ABORTED', 'x')),
    ]).toEqual([may, may, may]);
  });

  const failed = (disposition: Disposition) => new RpcError('UNAVAILABLE', 'x', { disposition });

  it.each([
    ['its handler never began', { error: failed(ran), before: true, handlerStarted: false, transactional: true }, no],
    ['its handler threw', { error: new Error('x'), before: true, handlerStarted: true, transactional: true }, back],
    [
      'its handler threw, and the store undoes nothing',
      { error: failed(no), before: true, handlerStarted: true, transactional: false },
      ran,
    ],
    [
      'the store committed nothing',
      { error: failed(no), before: false, handlerStarted: true, transactional: true },
      back,
    ],
    [
      'the store was not even reached',
      { error: failed(no), before: false, handlerStarted: false, transactional: true },
      no,
    ],
    [
      'its COMMIT went unanswered',
      { error: failed(may), before: false, handlerStarted: true, transactional: true },
      may,
    ],
    [
      'the store threw what is no RpcError',
      { error: new Error('x'), before: false, handlerStarted: true, transactional: true },
      may,
    ],
  ] as const)('of an execution, when %s', (_what, execution, expected) => {
    expect(dispositionOfExecution(execution)).toBe(expected);
  });

  it('lets a call be sent again as if it had not been, where nothing of it is left', () => {
    expect(([no, back, may, ran] as const).map((one) => isUndone(one, true))).toEqual([true, true, false, false]);
    expect(([no, back, may, ran] as const).map((one) => isUndone(one, false))).toEqual([true, false, false, false]);
  });
});

describe('a call that ends', () => {
  const idempotent = {
    methods: { say: { idempotency: 'IDEMPOTENT' } },
    retry: { initialBackoff: 100, maxBackoff: 100 },
  } as const;
  const executed = { error: new RpcError('UNAVAILABLE', 'x') } as const;

  it('with a retry that found no connection is told as executed when the attempt before was', async () => {
    const { client, clock, net } = await scripted({
      client: idempotent,
      script: () => {
        net.node('a').set({ refuse: true } as object);
        return executed;
      },
    });
    expect(await clock.runUntil(rejection(client.say(note('x'))))).toMatchObject({
      code: 'UNAVAILABLE',
      reason: 'CONNECT_FAILED',
      disposition: 'executed',
    });
  });

  it('at its deadline, before the next attempt, is told by the attempts that it had', async () => {
    const refusing = await scripted({ client: idempotent });
    refusing.net.node('a').set({ refuse: true } as object);
    const notRun = refusing.client.say(note('x'), { timeout: 120 });
    expect(await refusing.clock.runUntil(rejection(notRun))).toMatchObject({ disposition: 'not-executed' });

    const failing = await scripted({ client: idempotent, script: () => executed });
    const aborted = new AbortController();
    const ranOnce = failing.client.say(note('x'), { signal: aborted.signal });
    const error = rejection(ranOnce);
    await failing.clock.advance(1);
    aborted.abort();
    expect(await failing.clock.runUntil(error)).toMatchObject({ code: 'CANCELLED', disposition: 'executed' });
  });

  it('as a stream that its reader had already is told by the attempts before, too', async () => {
    let attempts = 0;
    const { client, clock } = await scripted({
      client: { methods: { repeat: { idempotency: 'IDEMPOTENT' } }, retry: { initialBackoff: 1 } },
      handlers: {
        async *repeat(request) {
          attempts += 1;
          if (attempts === 1) throw executed.error;
          yield request;
          await new Promise(() => {});
        },
      },
    });
    const read: unknown[] = [];
    const all = async (): Promise<void> => {
      for await (const one of client.repeat(note('x'), { timeout: 50 })) read.push(one);
    };
    expect(await clock.runUntil(rejection(all()))).toMatchObject({
      code: 'DEADLINE_EXCEEDED',
      disposition: 'executed',
    });
    expect([attempts, read]).toEqual([2, [note('x')]]);
  });

  it.each(['undone', 'ROLLED-BACK', 'rolled-back, executed', ''])('with the word %s is told as unknown', (word) => {
    expect(errorOfStatus({ code: 14, message: '', disposition: word }).disposition).toBe('unknown');
  });

  it('under way is told as unknown', async () => {
    const { client, clock } = await scripted({ client: idempotent, script: () => 'hang' });
    expect(await clock.runUntil(rejection(client.say(note('x'), { timeout: 50 })))).toMatchObject({
      code: 'DEADLINE_EXCEEDED',
      disposition: 'unknown',
    });
  });
});
