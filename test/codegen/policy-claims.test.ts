/**
 * What README and docs/policy.md say of the options is what the code does: every option is in the table, in both IDLs, and is
 * enforced, which a test shows, or warned of by both generators and by `hawser explain`.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { explain } from '../../src/cli/explain.js';
import { isEnforced, type PolicyOption, policyOptions } from '../../src/codegen/policy-rules.js';
import { compileProto } from '../../src/codegen/proto/index.js';
import { compileThrift } from '../../src/codegen/thrift/index.js';
import { policyOptionTable } from '../../src/codegen/thrift/policy-options.js';
import { repository, scratchFolder } from '../support/scratch.js';

/** For each option that is enforced, a test that fails when it is not. */
const shown: Readonly<Partial<Record<PolicyOption, readonly [file: string, test: string]>>> = {
  version: ['negotiation/matrix.test.ts', 'are refused with both ranges when too old or too new'],
  timeout: ['interceptors/retry.test.ts', 'never reaches beyond the call, whose own deadline ends it'],
  max_timeout: ['interceptors/idempotency.test.ts', "is rolled back when the method's longest time has passed"],
  attempt_timeout: ['interceptors/retry.test.ts', 'ends an attempt that hangs, and another is made'],
  idempotency: ['interceptors/idempotency.test.ts', 'runs once, and is answered from its record ever after'],
  retry: ['interceptors/retry.test.ts', 'is sent again until it succeeds, at most three times in all'],
  hedge: ['interceptors/hedge.test.ts', 'goes out as often as copies are allowed'],
  criticality: ['interceptors/admission.test.ts', 'a criticality above what the IDL says is believed of a trusted'],
  cost: ['interceptors/gates.test.ts', 'is asked for each call with its key, its cost and its rate'],
  deprecated: ['negotiation/deprecation.test.ts', 'says since when and until when, and its client warns once a day'],
  key_field: ['interceptors/idempotency.test.ts', 'is the field that the IDL names, on both sides'],
  key_required: ['interceptors/idempotency.test.ts', 'is missing where it is required'],
  errors: ['interceptors/idempotency.test.ts', 'gets the declared error that its key got, as its class'],
  feature: ['negotiation/features.test.ts', 'is used when both ends understand it and use it, and not before'],
  topic: ['server/poll-service.test.ts', 'resumes after a position, and says so'],
};

const table = readFileSync(join(repository, 'docs/policy.md'), 'utf8')
  .split('\n')
  .filter((line) => line.startsWith('| `'))
  .map((line) => {
    const [, option = '', places = '', says = ''] = line.split('|').map((cell) => cell.trim());
    return { option: option.replaceAll('`', ''), places, says };
  });

/** Every option once, on the method where it may stand there; what one needs of another is there too. */
const proto = `syntax = "proto3";
package all.v1;
import "hawser/policy/v1/policy.proto";
message Ask { string id = 1; }
message Refused {}
message Answer { string key = 1 [(hawser.policy.v1.field) = { feature: { name: "keys" since: "1.1" } }]; }
service Service {
  option (hawser.policy.v1.service) = {
    version: "1.4.0" timeout: "2s" max_timeout: "5s" attempt_timeout: "1s" retry: { max_attempts: 3 } checksum: true
    feature: { name: "whole" since: "1.1" }
  };
  rpc Keyed(Ask) returns (Answer) {
    option deprecated = true;
    option (hawser.policy.v1.method) = {
      timeout: "2s" max_timeout: "5s" attempt_timeout: "1s" idempotency: KEYED retry: { max_attempts: 3 }
      hedge: { delay: "50ms" } criticality: SHEDDABLE cost: 2 checksum: true deprecated: { since: "1.3" }
      key_field: "id" key_required: true errors: "Refused" feature: { name: "method" since: "1.2" }
    };
  }
  rpc Topic(Ask) returns (stream Answer) {
    option (hawser.policy.v1.method) = { topic: { key: "key" mode: LATEST } };
  }
}
`;

const thrift = `namespace * all.v1
struct Answer { 1: string key (hawser.feature.name = "keys", hawser.feature.since = "1.1") }
exception Refused {}
service Service {
  Answer keyed(1: string id) throws (1: Refused refused) (
    hawser.timeout = "2s", hawser.max_timeout = "5s", hawser.attempt_timeout = "1s", hawser.idempotency = "KEYED",
    hawser.retry.max_attempts = "3", hawser.hedge.delay = "50ms", hawser.criticality = "SHEDDABLE", hawser.cost = "2",
    hawser.checksum = "true", hawser.deprecated.since = "1.3", hawser.key_field = "id", hawser.key_required = "true",
    hawser.feature.name = "method", hawser.feature.since = "1.2")
  list<Answer> topic(1: string id) (hawser.topic.key = "key", hawser.topic.mode = "LATEST")
} (hawser.version = "1.4.0", hawser.timeout = "2s", hawser.max_timeout = "5s", hawser.attempt_timeout = "1s",
  hawser.retry.max_attempts = "3", hawser.checksum = "true", hawser.feature.name = "whole", hawser.feature.since = "1.1")
`;

describe('the options of policies', () => {
  it('are all in the table of the docs, and in both IDLs', () => {
    expect(table.map(({ option }) => option).sort()).toEqual([...policyOptions].sort());
    const schema = readFileSync(join(repository, 'proto/hawser/policy/v1/policy.proto'), 'utf8');
    const part = (name: string): string => schema.slice(schema.indexOf(`message ${name} {`)).split('\n}')[0] ?? '';
    const fields = (name: string): string[] => [...part(name).matchAll(/ (\w+) = \d+;/g)].map(([, one]) => one ?? '');
    const names = [...new Set([...fields('ServicePolicy'), ...fields('MethodPolicy')])];
    expect(names.sort()).toEqual([...policyOptions].sort());
    const annotations = new Set([...policyOptionTable.keys()].map((key) => key.split('.')[0]));
    // In Thrift `throws` says which errors there are.
    expect([...annotations].sort()).toEqual(policyOptions.filter((one) => one !== 'errors').sort());
    for (const { option, places } of table) {
      if (option === 'errors' || option === 'feature') continue;
      const onService = [...policyOptionTable].some(
        ([key, one]) => key.split('.')[0] === option && one.places.includes('service'),
      );
      expect(places.includes('service'), option).toBe(onService);
    }
  });

  it('are enforced, as a test of each shows, or the docs say that they are not', () => {
    for (const option of policyOptions) {
      const [file, test] = shown[option] ?? [];
      expect(file !== undefined, option).toBe(isEnforced(option));
      if (file === undefined || test === undefined) continue;
      expect(readFileSync(join(repository, 'test', file), 'utf8'), `${option}: ${file}`).toContain(test);
    }
    for (const { option, says } of table) {
      expect(says.includes('not enforced yet'), option).toBe(!isEnforced(option as PolicyOption));
    }
  });

  it('are claimed in README as they are', () => {
    const claim = readFileSync(join(repository, 'README.md'), 'utf8')
      .split('\n')
      .find((line) => line.startsWith('| Policy in the IDL'));
    const missing = policyOptions.filter((option) => !isEnforced(option));
    expect(claim).toBeDefined();
    expect([...(claim ?? '').matchAll(/`(\w+)`/g)].map(([, option]) => option)).toEqual(missing);
    if (missing.length > 0) {
      expect(claim).toContain('not enforced yet');
      expect(claim).not.toContain('every option');
    }
    const docs = readFileSync(join(repository, 'docs/policy.md'), 'utf8');
    expect(docs).toContain(`Every option is enforced but ${missing.map((one) => `\`${one}\``).join(', ')}.`);
  });

  it('that are not enforced are warned of by the generator of either IDL, and no others are', async () => {
    const { path, remove } = scratchFolder('claims');
    onTestFinished(remove);
    writeFileSync(join(path, 'all.proto'), proto);
    writeFileSync(join(path, 'all.thrift'), thrift);
    const missing = policyOptions.filter((option) => !isEnforced(option));
    for (const { diagnostics } of [
      await compileProto({ roots: [path], includes: [] }),
      compileThrift({ roots: [path], includes: [] }),
    ]) {
      expect(diagnostics.filter(({ severity }) => severity === 'error')).toEqual([]);
      const warned = diagnostics.map(({ message }) => /does not enforce (\w+) yet/.exec(message)?.[1] ?? message);
      // Once on the service and once on the method.
      expect(warned).toEqual([...missing, ...missing]);
    }
    for (const option of policyOptions) {
      expect(proto, option).toMatch(new RegExp(`\\b${option}\\b`));
      if (option !== 'errors') expect(thrift, option).toMatch(new RegExp(`hawser\\.${option}\\b`));
    }
  });

  it('that are not enforced are shown as such by hawser explain', () => {
    const method = { name: 'M', localName: 'm', kind: 'unary', service: { policy: {} } } as const;
    const text = explain('S', { ...method, policy: { checksum: true, cost: 2 } });
    expect(text).toMatch(/checksum +true, not enforced yet +method/);
    expect(text).toMatch(/cost +2 +method/);
  });
});
