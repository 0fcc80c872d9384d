import fc from 'fast-check';
import { describe, expect, it, vi } from 'vitest';
import { PlaceOrderRequest } from '../../gen/market/v1/market.js';
import { Orders } from '../../gen/market/v1/market.rpc.js';
import { type AnswerStep, answerFrom, answerTo, leaveStage, leaveStep, sharing } from '../../src/call/answer-steps.js';
import { Call } from '../../src/call/call.js';
import type { Handler, Interceptor } from '../../src/call/interceptor.js';
import { runs } from '../support/soak.js';

const method = Orders.methods.placeOrder;

function newCall(): Call {
  return new Call({ method, side: 'client', encoding: 'proto', request: PlaceOrderRequest.create() });
}

/** A stage of ours that notes down what passes. */
function noting(name: string): Interceptor {
  return sharing((_method, next) => (call) => {
    leaveStage(call, {
      answered: (response) => `${response} ${name}`,
      failed: (error) => {
        throw new Error(`${(error as Error).message} ${name}`);
      },
    });
    return next(call);
  });
}

function piped(interceptors: readonly Interceptor[], innermost: Handler): Handler {
  return interceptors.reduceRight((next, interceptor) => interceptor(method, next), innermost);
}

const answers: Handler = async () => 'answer';
const fails: Handler = async () => {
  throw new Error('failure');
};
const message = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    (response) => response,
    (error: unknown) => (error as Error).message,
  );

describe('the steps of a call', () => {
  it('are taken from the innermost stage out, of an answer and of a failure', async () => {
    expect(await answerFrom(piped([noting('outer'), noting('inner')], answers), newCall())).toBe('answer inner outer');
    expect(await message(answerFrom(piped([noting('outer'), noting('inner')], fails), newCall()))).toBe(
      'failure inner outer',
    );
  });

  it("share one promise, with those of stages that only let them pass, and an interceptor of the user's sees none", async () => {
    const passing: Interceptor = sharing((_method, next) => (call) => next(call));
    const seen: unknown[] = [];
    const user: Interceptor = (_method, next) => async (call) => {
      const response = await next(call);
      seen.push(response);
      return response;
    };
    const inner = Promise.resolve('answer');
    const handler = piped([noting('a'), passing, user, passing, noting('b'), passing, noting('c')], () => inner);
    const then = vi.spyOn(inner, 'then');
    const call = newCall();
    expect(await answerFrom(handler, call)).toBe('answer c b a');
    expect(seen).toEqual(['answer c b']);
    expect(then).toHaveBeenCalledTimes(1);
    expect(call.step).toBeUndefined();
  });

  it('are those of the stages that have begun: one that refuses leaves those within out', async () => {
    const refusing: Interceptor = sharing(() => () => Promise.reject(new Error('refused')));
    const throwing: Interceptor = sharing(() => () => {
      throw new Error('thrown');
    });
    for (const [stage, said] of [
      [refusing, 'refused'],
      [throwing, 'thrown'],
    ] as const) {
      const handler = piped([noting('outer'), stage, noting('inner')], answers);
      expect(await message(answerFrom(handler, newCall()))).toBe(`${said} outer`);
    }
  });

  it('end with the one that the call was begun for', async () => {
    const said: unknown[] = [];
    const last = (): AnswerStep => ({
      outer: undefined,
      answered: (response) => said.push(response),
      failed: (error) => said.push((error as Error).message),
    });
    answerTo(piped([noting('stage')], answers), newCall(), last());
    answerTo(piped([noting('stage')], fails), newCall(), last());
    answerTo(
      () => {
        throw new Error('thrown');
      },
      newCall(),
      last(),
    );
    await expect.poll(() => said.sort()).toEqual(['answer stage', 'failure stage', 'thrown']);
  });

  it('are told apart where a stage calls the next one again, at once or later', async () => {
    const twice: Interceptor = (_method, next) => async (call) => {
      const [one, other] = await Promise.all([next(call), next(call)]);
      return `${one}, ${other}, ${await next(call)}`;
    };
    const handler = piped([noting('outer'), twice, noting('inner')], answers);
    expect(await answerFrom(handler, newCall())).toBe('answer inner, answer inner, answer inner outer');
  });

  it('are nothing to a stage that has none', () => {
    const none: Interceptor = sharing((_method, next) => next);
    expect(none(method, answers)).toBe(answers);
  });
});

/** What a stage does, as a step and by hand. */
interface Kind {
  readonly answered: (value: number) => unknown;
  readonly failed: (value: number) => unknown;
}

const kinds: Readonly<Record<string, Kind>> = {
  counts: {
    answered: (value) => value + 1,
    failed: (value) => {
      throw value + 1;
    },
  },
  turns: {
    answered: (value) => {
      throw value * 3;
    },
    failed: (value) => value * 5,
  },
  waits: { answered: async (value) => value * 7, failed: async (value) => Promise.reject(value * 11) },
  turnsLater: { answered: async (value) => Promise.reject(value * 13), failed: async (value) => value * 17 },
};

function asStep({ answered, failed }: Kind): Interceptor {
  return sharing((_method, next) => (call) => {
    leaveStep(call, {
      outer: undefined,
      answered: (value) => answered(value as number),
      failed: (value) => failed(value as number),
    });
    return next(call);
  });
}

function byHand({ answered, failed }: Kind): Interceptor {
  return (_method, next) => (call) =>
    next(call).then(
      (value) => answered(value as number),
      (value: unknown) => failed(value as number),
    );
}

it('whatever stages do, and wherever others stand between them, steps come to what promises come to', async () => {
  const stage = fc.record({ kind: fc.constantFrom(...Object.keys(kinds)), shares: fc.boolean() });
  const outcome = async (handler: Handler): Promise<string> =>
    answerFrom(handler, newCall()).then(
      (value) => `answered ${value}`,
      (value: unknown) => `failed ${value}`,
    );
  await fc.assert(
    fc.asyncProperty(fc.array(stage, { maxLength: 8 }), fc.boolean(), async (stages, ok) => {
      const innermost: Handler = async () => (ok ? 2 : Promise.reject(2));
      const pipe = (all: boolean): Handler =>
        piped(
          stages.map(({ kind, shares }) => (all && shares ? asStep : byHand)(kinds[kind] as Kind)),
          innermost,
        );
      expect(await outcome(pipe(true))).toBe(await outcome(pipe(false)));
    }),
    { numRuns: runs(500) },
  );
});
