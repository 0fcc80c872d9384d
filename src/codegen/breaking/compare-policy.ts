/** What the policy of a method promised its callers, and no longer does. */
import type { MethodKind } from '../../contract/method.js';
import type { Idempotency, Policy, TopicPolicy } from '../../contract/policy.js';
import { criticalities } from '../../contract/policy.js';
import { defaultMaxTimeout } from '../../interceptors/deadline.js';
import { effectivePolicy } from '../../interceptors/effective-policy.js';
import type { Changes } from './change.js';
import type { RuleId } from './rules.js';
import type { MethodDecl, ServiceDecl } from './schema.js';

interface Side {
  readonly service: ServiceDecl;
  readonly method: MethodDecl;
}

/** How much a caller may rely on: a call that has no effect promises the most. */
const idempotencyRank: Readonly<Record<Idempotency, number>> = {
  NONE: 0,
  KEYED: 1,
  IDEMPOTENT: 2,
  NO_SIDE_EFFECTS: 3,
};
const durabilities = ['NONE', 'PROCESS', 'FSYNC'] as const;

export function comparePolicies(before: Side, after: Side, changes: Changes): void {
  const { place } = after.method;
  const name = `${after.service.name}/${after.method.name}`;
  const found = (rule: RuleId, what: string, is: string, was: string): void =>
    changes.add(rule, name, place, `${what} of ${name} is ${is}, and was ${was}.`);
  const old = merged(before);
  const now = merged(after);

  const level = (policy: Policy): Idempotency => policy.idempotency ?? 'NONE';
  const rise = idempotencyRank[level(now)] - idempotencyRank[level(old)];
  if (rise !== 0) {
    found(rise < 0 ? 'POLICY_IDEMPOTENCY_LOWERED' : 'POLICY_IDEMPOTENCY_RAISED', 'idempotency', level(now), level(old));
  }
  // A call and a stream have different defaults, and what has changed between them is said already.
  if (streams(before.method.kind) === streams(after.method.kind)) compareTimes(before, after, found);
  if (old.keyField !== now.keyField && level(old) === 'KEYED' && level(now) === 'KEYED') {
    found('POLICY_KEY_FIELD_CHANGED', 'key_field', now.keyField ?? 'not set', old.keyField ?? 'not set');
  }
  if (now.keyRequired === true && old.keyRequired !== true) {
    found('POLICY_KEY_REQUIRED', 'key_required', 'true', old.keyRequired === undefined ? 'not set' : 'false');
  }
  const cost = (policy: Policy): number => policy.cost ?? 1;
  if (cost(now) > cost(old)) found('POLICY_COST_RAISED', 'cost', String(cost(now)), String(cost(old)));
  const rank = (policy: Policy): number => criticalities.indexOf(policy.criticality ?? 'CRITICAL');
  if (rank(now) > rank(old)) {
    found('POLICY_CRITICALITY_LOWERED', 'criticality', now.criticality ?? 'CRITICAL', old.criticality ?? 'CRITICAL');
  }
  compareTopics(old.topic, now.topic, found, () =>
    changes.add('POLICY_TOPIC_REMOVED', name, place, `${name} is no longer a topic.`),
  );
  for (const option of ['retry', 'hedge', 'checksum', 'attemptTimeout'] as const) {
    if (JSON.stringify(old[option]) !== JSON.stringify(now[option])) {
      changes.add('POLICY_CHANGED', name, place, `${snake(option)} of ${name} has changed.`);
    }
  }
}

type Found = (rule: RuleId, what: string, is: string, was: string) => void;

function compareTimes(before: Side, after: Side, found: Found): void {
  const timeout = ({ service, method }: Side): number =>
    effectivePolicy({ kind: method.kind, localName: method.name, policy: method.policy, service }).timeout.value;
  const longest = ({ service, method }: Side): number =>
    streams(method.kind)
      ? Number.POSITIVE_INFINITY
      : (method.policy.maxTimeout ?? service.policy.maxTimeout ?? defaultMaxTimeout);
  for (const [rule, option, of] of [
    ['POLICY_TIMEOUT_SHORTENED', 'timeout', timeout],
    ['POLICY_MAX_TIMEOUT_SHORTENED', 'max_timeout', longest],
  ] as const) {
    const [was, is] = [of(before), of(after)];
    if (is < was) found(rule, option, time(is), time(was));
    else if (is > was) found('POLICY_CHANGED', option, time(is), time(was));
  }
}

function compareTopics(
  old: TopicPolicy | undefined,
  now: TopicPolicy | undefined,
  found: Found,
  removed: () => void,
): void {
  if (old === undefined) return;
  if (now === undefined) {
    removed();
    return;
  }
  const parts = [
    ['POLICY_TOPIC_KEY_CHANGED', 'key', undefined],
    ['POLICY_TOPIC_MODE_CHANGED', 'mode', 'EVERY'],
    ['POLICY_TOPIC_MODE_CHANGED', 'conflation', 'ON_PRESSURE'],
    ['POLICY_TOPIC_MODE_CHANGED', 'merge', 'LAST'],
    ['POLICY_TOPIC_RECOVERY_CHANGED', 'recovery', undefined],
  ] as const;
  for (const [rule, part, usual] of parts) {
    const was = old[part] ?? usual;
    const is = now[part] ?? usual;
    if (was !== is) found(rule, `topic.${part}`, is ?? 'not set', was ?? 'not set');
  }
  const rank = (topic: TopicPolicy): number => durabilities.indexOf(topic.durability ?? 'PROCESS');
  if (rank(now) < rank(old)) {
    const word = (topic: TopicPolicy): string => topic.durability ?? 'PROCESS';
    found('POLICY_TOPIC_DURABILITY_LOWERED', 'topic.durability', word(now), word(old));
  }
  if (old.historyCount !== now.historyCount || old.historyAge !== now.historyAge) {
    const text = ({ historyCount, historyAge }: TopicPolicy): string =>
      `${historyCount ?? 'any number'} in ${historyAge === undefined ? 'any time' : time(historyAge)}`;
    found('POLICY_CHANGED', `topic.history`, text(now), text(old));
  }
}

function merged({ service, method }: Side): Policy {
  return { ...service.policy, ...method.policy };
}

function streams(kind: MethodKind): boolean {
  return kind !== 'unary' && kind !== 'oneway';
}

function time(ms: number): string {
  return ms === Number.POSITIVE_INFINITY ? 'unbounded' : `${ms} ms`;
}

function snake(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}
