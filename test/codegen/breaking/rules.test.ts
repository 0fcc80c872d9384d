/** Rules that neither buf nor Apache's audit knows, and what the docs say of all of them. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { compareSchemas } from '../../../src/codegen/breaking/compare.js';
import { loadSchema } from '../../../src/codegen/breaking/load.js';
import { rules, severities } from '../../../src/codegen/breaking/rules.js';
import type { Schema } from '../../../src/codegen/breaking/schema.js';
import { judge, type Verdict } from '../../../src/codegen/breaking/verdict.js';
import { versionAfter } from '../../../src/codegen/breaking/version.js';
import { repository, scratchFolder } from '../../support/scratch.js';
import { protoCases } from './proto-cases.js';
import { thriftCases } from './thrift-cases.js';

async function verdict(before: string, after: string): Promise<Verdict> {
  const { path, remove } = scratchFolder('rules');
  onTestFinished(remove);
  const schemas = [];
  for (const [side, text] of Object.entries({ before, after })) {
    mkdirSync(join(path, side));
    writeFileSync(join(path, side, 'api.thrift'), text);
    const { schema, diagnostics } = await loadSchema({ proto: [], thrift: [join(path, side)], include: [] });
    expect(diagnostics.filter(({ severity }) => severity === 'error')).toEqual([]);
    schemas.push(schema);
  }
  const [old, now] = schemas as [Schema, Schema];
  return judge(old, now, compareSchemas(old, now));
}

async function found(before: string, after: string): Promise<string[]> {
  return (await verdict(before, after)).changes.map(({ rule }) => rule);
}

const service = (annotations: string, body = 'string find(1: string id)'): string =>
  `struct Update { 1: string fish, 2: i32 price, 3: string other }\nexception Gone {}\nservice Orders { ${body} ${annotations === '' ? '' : `(${annotations})`} }`;
const topic = (parts: string): string => service(parts, 'list<Update> prices()');
const base = 'hawser.topic.key = "fish", hawser.topic.mode = "LATEST"';

describe('the compatibility gate', () => {
  it.each([
    ['a shorter timeout', 'hawser.timeout = "2s"', 'hawser.timeout = "1s"', ['POLICY_TIMEOUT_SHORTENED']],
    ['a longer timeout', 'hawser.timeout = "1s"', 'hawser.timeout = "2s"', ['POLICY_CHANGED']],
    ['a timeout below the default', '', 'hawser.timeout = "1ms"', ['POLICY_TIMEOUT_SHORTENED']],
    ['a shorter max_timeout', '', 'hawser.max_timeout = "1m"', ['POLICY_MAX_TIMEOUT_SHORTENED']],
    [
      'less idempotency',
      'hawser.idempotency = "IDEMPOTENT"',
      'hawser.idempotency = "NONE"',
      ['POLICY_IDEMPOTENCY_LOWERED'],
    ],
    ['more idempotency', '', 'hawser.idempotency = "IDEMPOTENT"', ['POLICY_IDEMPOTENCY_RAISED']],
    [
      'a required key',
      'hawser.idempotency = "KEYED"',
      'hawser.idempotency = "KEYED", hawser.key_required = "true"',
      ['POLICY_KEY_REQUIRED'],
    ],
    [
      'another key',
      'hawser.idempotency = "KEYED"',
      'hawser.idempotency = "KEYED", hawser.key_field = "id"',
      ['POLICY_KEY_FIELD_CHANGED'],
    ],
    ['a higher cost', '', 'hawser.cost = "3"', ['POLICY_COST_RAISED']],
    ['less criticality', '', 'hawser.criticality = "SHEDDABLE"', ['POLICY_CRITICALITY_LOWERED']],
    ['retries', '', 'hawser.retry.max_attempts = "2"', ['POLICY_CHANGED']],
  ])('judges %s', async (_, before, after, expected) => {
    expect(await found(service(before), service(after))).toEqual(expected);
  });

  it.each([
    ['another key', 'hawser.topic.key = "other", hawser.topic.mode = "LATEST"', ['POLICY_TOPIC_KEY_CHANGED']],
    ['another mode', 'hawser.topic.key = "fish", hawser.topic.mode = "EVERY"', ['POLICY_TOPIC_MODE_CHANGED']],
    ['another recovery', `${base}, hawser.topic.recovery = "CONVERGENT"`, ['POLICY_TOPIC_RECOVERY_CHANGED']],
    ['less durability', `${base}, hawser.topic.durability = "NONE"`, ['POLICY_TOPIC_DURABILITY_LOWERED']],
    ['none', '', ['POLICY_TOPIC_REMOVED']],
  ])('judges a topic with %s', async (_, after, expected) => {
    expect(await found(topic(base), topic(after))).toEqual(expected);
  });

  it('tells a union and an enum that are answered from those that are only sent', async () => {
    const api = (member: string, value: string, method: string): string =>
      `enum E { A = 1${value} }\nunion U { 1: i32 a${member} }\nservice S { ${method} }`;
    const more = [', 2: i32 b', ', B = 2'] as const;
    const asked = 'void f(1: U u, 2: E e)';
    expect(await found(api('', '', asked), api(...more, asked))).toEqual(['ENUM_VALUE_ADDED', 'FIELD_ADDED']);
    const answered = 'U f(), E g()';
    expect(await found(api('', '', answered), api(...more, answered))).toEqual([
      'ENUM_VALUE_ADDED_TO_RESPONSE',
      'UNION_MEMBER_ADDED_TO_RESPONSE',
    ]);
    const gated = ', 2: i32 b (hawser.feature.name = "b")';
    expect(await found(api('', '', answered), api(gated, '', answered))).toEqual(['FIELD_ADDED']);
  });

  it('finds what differs inside a struct that has another name', async () => {
    const api = (name: string, type: string): string => `struct ${name} { 1: ${type} x }\nservice S { ${name} f() }`;
    expect((await found(api('A', 'i32'), api('B', 'i32'))).sort()).toEqual([
      'MESSAGE_NO_DELETE',
      'STRUCT_RENAMED',
      'TYPE_ADDED',
    ]);
    expect(await found(api('A', 'i32'), api('B', 'i64'))).toContain('FIELD_WIRE_COMPATIBLE_TYPE');
  });

  it('names the fields of a struct that stands for another by the struct that has them', async () => {
    const structs = 'struct A { 1: string name, 2: i32 price }\nstruct B { 1: string name, 3: required i32 cost }\n';
    const api = (answer: string): string => `${structs}service S { ${answer} f() }\nservice Other { B g() }`;
    const { changes, services } = await verdict(api('A'), api('B'));
    expect(changes.map(({ rule, element, message }) => [rule, element, message]).sort()).toEqual([
      [
        'FIELD_NO_DELETE_UNLESS_NUMBER_RESERVED',
        'api.A.price',
        'The field price (id 2) of api.A (api.B is in its place) is gone.',
      ],
      [
        'MESSAGE_SAME_REQUIRED_FIELDS',
        'api.B.cost',
        'The field cost (id 3) of api.B (in place of api.A) is new, and required.',
      ],
      ['STRUCT_RENAMED', 'api.S/f', 'The method api.S/f answers api.B, and answered api.A.'],
    ]);
    // A service that always answered B is not concerned.
    expect(services.map(({ service: name, bump }) => [name, bump])).toEqual([['api.S', 'major']]);
  });

  it('concerns every service that names another struct', async () => {
    const structs = 'struct A { 1: i32 x }\nstruct B { 1: i64 x }\nenum E { X = 1 }\nenum F { Y = 1 }\n';
    const api = (type: string, value: string): string =>
      `${structs}struct In { 1: ${type} a }\nservice S { ${type} f() }\nservice T { void f(1: In x) }\nservice U { ${value} f() }\nservice V { B f(1: F y) }`;
    const { changes, services } = await verdict(api('A', 'E'), api('B', 'F'));
    expect(services.map(({ service: name }) => name)).toEqual(['api.S', 'api.T', 'api.U']);
    expect(changes.find(({ rule }) => rule === 'ENUM_VALUE_SAME_NAME')).toMatchObject({
      element: 'api.F.Y',
      message: 'The value 1 of api.F (in place of api.E) is now called Y, and was X.',
    });
  });

  it.each([
    ['string find(), void more()', '1.4.1', '1.5.0', false],
    ['string find(), void more()', '1.5.0', '1.5.0', true],
    ['string look()', '1.9.0', '2.0.0', false],
    ['string look()', '2.0.0', '2.0.0', true],
  ])('judges %s declared as %s after 1.4.0', async (body, version, needed, isEnough) => {
    const api = (one: string, is: string): string => `service Orders { ${one} } (hawser.version = "${is}")`;
    const { services, isCompatible } = await verdict(api('string find()', '1.4.0'), api(body, version));
    expect(services).toMatchObject([{ versions: { before: '1.4.0', after: version, needed }, isEnough }]);
    expect(isCompatible).toBe(isEnough);
  });

  it('refuses a version that falls, and one that is no longer declared', async () => {
    const api = (version: string): string => `service Orders { void f() } ${version}`;
    for (const after of ['(hawser.version = "1.3.0")', '']) {
      const { changes, isCompatible } = await verdict(api('(hawser.version = "1.4.0")'), api(after));
      expect(changes.map(({ rule }) => rule)).toEqual(['VERSION_NO_DECREASE']);
      expect(isCompatible).toBe(false);
    }
  });

  it('asks for the next version that may break: the minor below 1.0', () => {
    expect(versionAfter('1.4.2', 'major')).toBe('2.0.0');
    expect(versionAfter('1.4.2', 'minor')).toBe('1.5.0');
    expect(versionAfter('0.4.2', 'major')).toBe('0.5.0');
    expect(versionAfter('0.4.2', 'minor')).toBe('0.4.3');
  });

  it('is described rule by rule in the docs, with every verdict that others do not share', () => {
    const docs = readFileSync(join(repository, 'docs/breaking.md'), 'utf8');
    for (const [id, { severity }] of Object.entries(rules)) expect(docs).toContain(`| \`${id}\` | ${severity} |`);
    for (const severity of severities) expect(docs).toContain(`**${severity}**`);
    for (const { name, wire, file } of protoCases) {
      if (wire !== undefined || file !== undefined) expect(docs).toContain(`| ${name} |`);
    }
    for (const { name, differs } of thriftCases) if (differs !== undefined) expect(docs).toContain(`| ${name} |`);
  });
});
