import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parseThrift, readPolicies } from '../../../src/codegen/thrift/index.js';
import { compile, errorsOf, scratch } from './scratch.js';

/** The policies of the first service of a file, and all that is wrong with them. */
function policies(idl: string) {
  const { program } = parseThrift(join(scratch({ 'a.thrift': `namespace js t\n${idl}` }), 'a.thrift'));
  if (program === undefined) throw new Error('unreadable');
  const [service] = readPolicies(program).values();
  const functions = [...(service?.functions.values() ?? [])];
  return { service, functions, diagnostics: program.source.diagnostics, errors: errorsOf(program.source.diagnostics) };
}

const onFunction = (annotations: string, head = 'i32 f(1: string key)') =>
  policies(`struct S { 1: string id } service A { ${head} (${annotations}) }`);

describe('policy annotations', () => {
  it('become the policy of a function', () => {
    const { functions, errors } = onFunction(`
      hawser.timeout = "2s", hawser.max_timeout = "1m", hawser.attempt_timeout = "500", hawser.idempotency = "KEYED",
      hawser.retry.max_attempts = "3", hawser.retry.initial_backoff = "10ms", hawser.retry.codes = "UNAVAILABLE, ABORTED",
      hawser.hedge.delay = "20ms", hawser.hedge.max_copies = "2", hawser.criticality = "SHEDDABLE", hawser.cost = "1.5",
      hawser.checksum, hawser.deprecated.since = "1.4", hawser.deprecated.replacement = "g", hawser.key_field = "key",
      hawser.key_required = "true", hawser.feature.name = "x", hawser.feature.since = "1.2", hawser.feature.name = "y"`);
    expect(errors).toEqual([]);
    expect(functions[0]).toEqual({
      kind: 'unary',
      item: undefined,
      policy: {
        timeout: 2000,
        maxTimeout: 60_000,
        attemptTimeout: 500,
        idempotency: 'KEYED',
        retry: { maxAttempts: 3, initialBackoff: 10, codes: ['UNAVAILABLE', 'ABORTED'] },
        hedge: { delay: 20, maxCopies: 2 },
        criticality: 'SHEDDABLE',
        cost: 1.5,
        checksum: true,
        deprecated: { since: '1.4', replacement: 'g' },
        keyField: 'key',
        keyRequired: true,
        features: [{ name: 'x', since: '1.2' }, { name: 'y' }],
      },
    });
  });

  it('become the policy and the version of a service', () => {
    const { service, errors } = policies(
      'service A {} (hawser.version = "1.4.0", hawser.timeout = "1s", hawser.checksum = "false")',
    );
    expect(errors).toEqual([]);
    expect(service).toMatchObject({ version: '1.4.0', policy: { timeout: 1000, checksum: false } });
    expect(compile({ 'a.thrift': 'service A {} (hawser.version = "1.4")' }).files.get('a.ts')).toContain(
      'version: "1.4"',
    );
  });

  it('make a topic of a function that returns a list', () => {
    const { functions, errors } = onFunction(
      'hawser.topic.key = "id", hawser.topic.mode = "LATEST", hawser.topic.history.count = "10", hawser.topic.history.age = "1h"',
      'list<S> f()',
    );
    expect(errors).toEqual([]);
    expect(functions[0]).toMatchObject({
      kind: 'server',
      policy: { topic: { key: 'id', mode: 'LATEST', historyCount: 10, historyAge: 3_600_000 } },
    });
  });

  it('of fields that a function reaches become features of the function', () => {
    const { functions, errors } = policies(`
      struct Deep { 1: i32 a (hawser.feature.name = "deep", hawser.feature.since = "1.3") }
      struct In { 1: list<Deep> deep, 2: optional In again }
      service A { In f(1: i32 flag (hawser.feature.name = "flag"), 2: In i) }`);
    expect(errors).toEqual([]);
    expect(functions[0]?.policy.features).toEqual([
      { name: 'flag', field: 't.A.f_args.flag' },
      { name: 'deep', since: '1.3', field: 't.Deep.a' },
    ]);
  });

  it.each([
    [
      'an unknown annotation',
      'hawser.tiemout = "1s"',
      /there is no annotation hawser\.tiemout; there are version, timeout/,
    ],
    ['a part that is missing', 'hawser.retry = "3"', /hawser\.retry has parts: hawser\.retry\.max_attempts/],
    ['a malformed duration', 'hawser.timeout = "soon"', /hawser\.timeout cannot be read: .*"soon"/],
    ['a number that is none', 'hawser.cost = "much"', /"much" is not a number/],
    ['a flag that is none', 'hawser.checksum = "maybe"', /neither "true" nor "false"/],
    ['an unknown choice', 'hawser.idempotency = "SURE"', /"SURE" is none of NONE, NO_SIDE_EFFECTS/],
    ['an unknown code', 'hawser.retry.codes = "OOPS"', /"OOPS" is no gRPC status code/],
    ['an annotation twice', 'hawser.timeout = "1s", hawser.timeout = "2s"', /already given/],
    ["a service's on a function", 'hawser.version = "1.0.0"', /no effect on a function; it belongs on a service/],
    ['errors', 'hawser.errors = "X"', /"throws" declares its errors/],
    ['a since without its feature', 'hawser.feature.since = "1.2"', /stands behind/],
    ['a hedge without idempotency', 'hawser.hedge.delay = "1s"', /hedge is on a method whose idempotency is NONE/],
    [
      'a key field that does not exist',
      'hawser.idempotency = "KEYED", hawser.key_field = "nope"',
      /none of its arguments/,
    ],
    ['a topic that returns no list', 'hawser.topic.key = "id"', /a topic is a function that returns list<T>/],
  ])('are refused: %s', (_, annotations, message) => {
    const { errors } = onFunction(annotations);
    expect(errors).toHaveLength(1);
    expect(errors[0]).toMatch(message);
  });

  it.each(['i64', 'binary', 'S', 'list<string>'])('refuse a key field that is %s and no string', (type) => {
    const { errors } = onFunction('hawser.idempotency = "KEYED", hawser.key_field = "id"', `i32 f(1: ${type} id)`);
    expect(errors).toEqual([expect.stringMatching(/key_field "id" must be a string/)]);
  });

  it('are refused where they have no effect', () => {
    for (const idl of [
      'struct S {} (hawser.timeout = "1s")',
      'enum E { A (hawser.timeout = "1s") }',
      'typedef i32 T (hawser.timeout = "1s")',
      'struct S { 1: list<i32> (hawser.timeout = "1s") a }',
      'struct S { 1: i32 a (hawser.timeout = "1s") }',
      'namespace js x (hawser.timeout = "1s")',
    ]) {
      expect(errorsOf(compile({ 'a.thrift': idl }).diagnostics).join()).toMatch(/hawser\.timeout has no effect/);
    }
  });

  it('are reported at the annotation', () => {
    const { diagnostics } = policies('service A {\n  void f() (x = "1",\n    hawser.timeout = "soon")\n}');
    expect(diagnostics.find(({ severity }) => severity === 'error')).toMatchObject({ line: 4, column: 5, length: 23 });
  });

  it('of others are left alone', () => {
    const { errors } = policies('service A { void f() (timeout = "x", hawsers.timeout = "x") } (deprecated = "y")');
    expect(errors).toEqual([]);
  });

  it('keep what the base service says for the functions that are inherited', () => {
    const idl = 'service A { void f() } (hawser.timeout = "1s") service B extends A { void g() }';
    const text = compile({ 'a.thrift': idl }).files.get('a.ts') ?? '';
    const derived = text.slice(text.indexOf('export const B ='));
    expect(derived).toMatch(/f: unary[\s\S]*timeout: 1000[\s\S]*g: unary/);
  });
});
