import { describe, expect, it } from 'vitest';
import { checkPolicy, isVersion } from '../../src/codegen/policy-rules.js';
import type { Code } from '../../src/contract/code.js';
import type { MethodKind } from '../../src/contract/method.js';
import type { Policy } from '../../src/contract/policy.js';

function errors(policy: Policy, kind: MethodKind | undefined = 'unary', service: Policy = {}): string[] {
  return checkPolicy(policy, { service, kind, name: 'S/M' })
    .filter((one) => one.severity === 'error')
    .map((one) => one.option);
}

describe('the rules of policies', () => {
  it.each<[string, Policy, MethodKind, Policy, string[]]>([
    ['an empty policy', {}, 'unary', {}, []],
    ['a plain timeout', { timeout: 500 }, 'unary', {}, []],
    ['a timeout of nothing', { timeout: 0 }, 'unary', {}, ['timeout']],
    ['a timeout without end', { timeout: Number.POSITIVE_INFINITY }, 'unary', {}, ['timeout']],
    ['an attempt longer than the call', { timeout: 100, attemptTimeout: 101 }, 'unary', {}, ['attempt_timeout']],
    ['an attempt as long as the call', { timeout: 100, attemptTimeout: 100 }, 'unary', {}, []],
    [
      'an attempt longer than the service allows a call',
      { attemptTimeout: 101 },
      'unary',
      { timeout: 100 },
      ['attempt_timeout'],
    ],
    [
      'a timeout shorter than the attempt of the service',
      { timeout: 50 },
      'unary',
      { attemptTimeout: 100 },
      ['timeout'],
    ],
    ['a timeout beyond its clamp', { timeout: 200, maxTimeout: 100 }, 'unary', {}, ['timeout']],
    ['a clamp below the timeout of the service', { maxTimeout: 100 }, 'unary', { timeout: 200 }, ['max_timeout']],
    [
      'an attempt of a stream longer than unary calls may take',
      { attemptTimeout: 101 },
      'server',
      { timeout: 100 },
      [],
    ],
    ['a timeout of a stream beyond the clamp of unary calls', { timeout: 200 }, 'bidi', { maxTimeout: 100 }, []],
    [
      'a timeout of a stream shorter than an attempt',
      { timeout: 50, attemptTimeout: 60 },
      'server',
      {},
      ['attempt_timeout'],
    ],
    ['what the service itself got wrong, once', {}, 'unary', { timeout: 200, maxTimeout: 100 }, []],
    ['an attempt of a oneway', { attemptTimeout: 5 }, 'oneway', {}, ['attempt_timeout']],
    ['a keyed unary', { idempotency: 'KEYED', keyField: 'id', keyRequired: true }, 'unary', {}, []],
    ['a keyed stream', { idempotency: 'KEYED' }, 'server', {}, ['idempotency']],
    ['a key without KEYED', { keyField: 'id' }, 'unary', {}, ['key_field']],
    ['a required key without KEYED', { idempotency: 'IDEMPOTENT', keyRequired: true }, 'unary', {}, ['key_required']],
    ['one attempt', { retry: { maxAttempts: 1 } }, 'unary', {}, ['retry.max_attempts']],
    ['six attempts', { retry: { maxAttempts: 6 } }, 'unary', {}, ['retry.max_attempts']],
    ['five attempts', { retry: { maxAttempts: 5, codes: ['UNAVAILABLE'] } }, 'unary', {}, []],
    ['no backoff', { retry: { initialBackoff: 0 } }, 'unary', {}, ['retry.initial_backoff']],
    ['a backoff that shrinks', { retry: { initialBackoff: 2, maxBackoff: 1 } }, 'unary', {}, ['retry.initial_backoff']],
    ['a retry of success', { retry: { codes: ['OK'] } }, 'unary', {}, ['retry.codes']],
    ['a retry of what is no code', { retry: { codes: ['SAD' as Code] } }, 'unary', {}, ['retry.codes']],
    ['a code twice', { retry: { codes: ['ABORTED', 'ABORTED'] } }, 'unary', {}, ['retry.codes']],
    ['a hedge of what may do harm', { hedge: { delay: 5 } }, 'unary', {}, ['hedge']],
    ['a hedge of a read', { idempotency: 'NO_SIDE_EFFECTS', hedge: { delay: 5 } }, 'unary', {}, []],
    ['a hedge of a stream', { idempotency: 'IDEMPOTENT', hedge: { delay: 5 } }, 'server', {}, ['hedge']],
    ['a hedge at no time', { idempotency: 'IDEMPOTENT', hedge: {} }, 'unary', {}, ['hedge']],
    [
      'a hedge at two times',
      { idempotency: 'IDEMPOTENT', hedge: { delay: 5, percentile: 9 } },
      'unary',
      {},
      ['hedge.percentile'],
    ],
    ['percentile 0', { idempotency: 'IDEMPOTENT', hedge: { percentile: 0 } }, 'unary', {}, ['hedge.percentile']],
    ['percentile 100', { idempotency: 'IDEMPOTENT', hedge: { percentile: 100 } }, 'unary', {}, ['hedge.percentile']],
    [
      'percentile NaN',
      { idempotency: 'IDEMPOTENT', hedge: { percentile: Number.NaN } },
      'unary',
      {},
      ['hedge.percentile'],
    ],
    ['one copy', { idempotency: 'IDEMPOTENT', hedge: { delay: 1, maxCopies: 1 } }, 'unary', {}, ['hedge.max_copies']],
    ['a cost of nothing', { cost: 0 }, 'unary', {}, ['cost']],
    ['a sunset that is no date', { deprecated: { sunset: '2027-02-30' } }, 'unary', {}, ['deprecated.sunset']],
    ['a sunset', { deprecated: { sunset: '2027-02-28' } }, 'unary', {}, []],
    ['a feature without a name', { features: [{ name: '' }] }, 'unary', {}, ['feature']],
    [
      'a feature of two fields',
      {
        features: [
          { name: 'a', field: 'x' },
          { name: 'a', field: 'y' },
        ],
      },
      'unary',
      {},
      [],
    ],
    ['a feature twice', { features: [{ name: 'a' }, { name: 'a' }] }, 'unary', {}, ['feature']],
    ['a feature since a word', { features: [{ name: 'a', since: 'ever' }] }, 'unary', {}, ['feature']],
    ['a topic that is no stream', { topic: {} }, 'unary', {}, ['topic']],
    ['the newest of no key', { topic: { mode: 'LATEST' } }, 'server', {}, ['topic.mode']],
    ['the newest of a key', { topic: { mode: 'LATEST', key: 'fish', recovery: 'CONVERGENT' } }, 'server', {}, []],
    ['a merge of nothing', { topic: { key: 'k', merge: 'SUM' } }, 'server', {}, ['topic.merge']],
    ['a state per no key', { topic: { recovery: 'CONVERGENT' } }, 'server', {}, ['topic.recovery']],
    [
      'a history of nothing',
      { topic: { historyCount: 0, historyAge: 0 } },
      'server',
      {},
      ['topic.history', 'topic.history'],
    ],
  ])('judge %s', (_, policy, kind, service, expected) => {
    expect(errors(policy, kind, service)).toEqual(expected);
  });

  it('warn of an option that nothing enforces, and of no other', () => {
    const warnings = checkPolicy(
      { timeout: 5, checksum: true, idempotency: 'IDEMPOTENT' },
      { service: {}, kind: 'unary', name: 'S/M' },
    );
    expect(warnings.map(({ severity, option, message }) => [severity, option, message])).toEqual([
      [
        'warning',
        'checksum',
        'S/M: the runtime does not enforce checksum yet; the stub carries it, and nothing else happens.',
      ],
    ]);
  });

  it.each<[string, Policy, MethodKind | undefined, string[]]>([
    [
      'CANCELLED',
      { retry: { codes: ['UNAVAILABLE', 'CANCELLED'] } },
      'unary',
      ['CANCELLED, which no repetition mends'],
    ],
    [
      'INVALID_ARGUMENT of a service',
      { retry: { codes: ['INVALID_ARGUMENT'] } },
      undefined,
      ['INVALID_ARGUMENT, which no repetition mends'],
    ],
    [
      'INTERNAL',
      { retry: { codes: ['INTERNAL'] } },
      'unary',
      ["INTERNAL, after which a call may have run, and the method's idempotency is NONE"],
    ],
    ['INTERNAL, idempotent', { idempotency: 'IDEMPOTENT', retry: { codes: ['INTERNAL', 'UNKNOWN'] } }, 'unary', []],
    ['INTERNAL of a service', { retry: { codes: ['INTERNAL'] } }, undefined, []],
    [
      'what is repeated by a rule of its own',
      { retry: { codes: ['UNAVAILABLE', 'RESOURCE_EXHAUSTED', 'ABORTED', 'DEADLINE_EXCEEDED'] } },
      'unary',
      [],
    ],
  ])('warn of codes that are named in vain: %s', (_what, policy, kind, expected) => {
    const found = checkPolicy(policy, { service: {}, kind, name: 'S/M' }).filter((one) => one.severity === 'warning');
    expect(found.map(({ option }) => option)).toEqual(expected.map(() => 'retry.codes'));
    for (const [i, text] of expected.entries()) expect(found[i]?.message).toContain(`S/M: retry.codes names ${text}`);
  });

  it('allow as many attempts as a client makes', () => {
    const findings = (maxAttempts: number) =>
      checkPolicy({ retry: { maxAttempts } }, { service: {}, kind: 'unary', name: 'S/M' }).map((one) => one.message);
    expect([2, 3, 4, 5].flatMap(findings)).toEqual([]);
    for (const one of [0, 1, 6, 2.5, -1, Number.NaN]) {
      expect(findings(one)).toEqual([
        `S/M: retry.max_attempts is ${one}; it counts the first attempt too and must be 2 to 5.`,
      ]);
    }
  });

  it('say the value, the limit and the way out', () => {
    const [finding] = checkPolicy({ hedge: { delay: 1 } }, { service: {}, kind: 'unary', name: 'S/M' });
    expect(finding?.message).toBe(
      'S/M: hedge is on a method whose idempotency is NONE, so a copy could do harm; say NO_SIDE_EFFECTS, IDEMPOTENT or KEYED if that is true.',
    );
  });

  it('know a semantic version', () => {
    expect(['1.4.0', '1.4', '0.1.0-beta.1', '2.0.0+5'].map(isVersion)).toEqual([true, true, true, true]);
    expect(['1', 'v1.0', '1.4.', '', '1.x'].map(isVersion)).toEqual([false, false, false, false, false]);
  });
});
