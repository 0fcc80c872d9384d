/**
 * What a policy may say, for both IDLs: each rule refuses a combination that the runtime could only keep by
 * breaking a promise, or could not keep at all. It gets the method's own policy and its service's, and judges
 * what holds for the method; the caller knows the place in the file of the option that is named.
 */
import { isCode } from '../contract/code.js';
import { type MethodKind, streamsRequest, streamsResponse } from '../contract/method.js';
import { criticalities, type Policy } from '../contract/policy.js';
import { mostAttempts, repeatable } from '../interceptors/effective-policy.js';
import { neverRepeated, onlyDeclared } from '../interceptors/retry-rules.js';

export interface PolicyFinding {
  readonly severity: 'error' | 'warning';
  /** One sentence, which names the method or service. */
  readonly message: string;
  /** The option, as it is called in Thrift without the prefix and in proto below the extension: `retry.max_attempts`. */
  readonly option: string;
}

export interface PolicyContext {
  /** What the service says for all its methods; when the service itself is checked, its own policy. */
  readonly service: Policy;
  /** Undefined when the policy is the service's own. */
  readonly kind: MethodKind | undefined;
  /** For messages: `market.v1.TradeHistory/GetLastSale`. */
  readonly name: string;
}

/** Every option there is, by its name in the IDL. */
export const policyOptions = [
  'version',
  'timeout',
  'max_timeout',
  'attempt_timeout',
  'idempotency',
  'retry',
  'hedge',
  'criticality',
  'cost',
  'checksum',
  'deprecated',
  'key_field',
  'key_required',
  'errors',
  'feature',
  'topic',
] as const;
export type PolicyOption = (typeof policyOptions)[number];

/**
 * The options that do something. One that is written and not listed here is a warning, so that nobody
 * relies on a promise that is not kept yet.
 */
const enforced: ReadonlySet<PolicyOption> = new Set<PolicyOption>([
  'version',
  'timeout',
  'max_timeout',
  'attempt_timeout',
  'idempotency',
  'retry',
  'hedge',
  'errors',
  'deprecated',
  'key_field',
  'key_required',
  'feature',
  'topic',
  'criticality',
  'cost',
]);

export function isEnforced(option: PolicyOption): boolean {
  return enforced.has(option);
}

/** The field of Policy that holds an option. `version` and `errors` are not part of Policy. */
const fields: Readonly<Partial<Record<PolicyOption, keyof Policy>>> = {
  timeout: 'timeout',
  max_timeout: 'maxTimeout',
  attempt_timeout: 'attemptTimeout',
  idempotency: 'idempotency',
  retry: 'retry',
  hedge: 'hedge',
  criticality: 'criticality',
  cost: 'cost',
  checksum: 'checksum',
  deprecated: 'deprecated',
  key_field: 'keyField',
  key_required: 'keyRequired',
  feature: 'features',
  topic: 'topic',
};

/** Findings on `policy`, errors and warnings, in no order that matters. */
export function checkPolicy(policy: Policy, context: PolicyContext): PolicyFinding[] {
  const findings: PolicyFinding[] = [];
  const error = (option: string, message: string): void => {
    findings.push({ severity: 'error', option, message: `${context.name}: ${message}` });
  };
  const warning = (option: string, message: string): void => {
    findings.push({ severity: 'warning', option, message: `${context.name}: ${message}` });
  };
  checkTimes(policy, context, error);
  checkIdempotency(policy, context, error);
  checkRetry(policy, context, error, warning);
  checkHedge(policy, context, error);
  checkRest(policy, error);
  checkTopic(policy, context, error);
  for (const option of policyOptions) {
    const field = fields[option];
    if (field !== undefined && policy[field] !== undefined && !enforced.has(option)) {
      findings.push({
        severity: 'warning',
        option,
        message: `${context.name}: the runtime does not enforce ${option} yet; the stub carries it, and nothing else happens.`,
      });
    }
  }
  return findings;
}

type Report = (option: string, message: string) => void;

function checkTimes(policy: Policy, { service, kind }: PolicyContext, error: Report): void {
  const times = [
    ['timeout', policy.timeout],
    ['max_timeout', policy.maxTimeout],
    ['attempt_timeout', policy.attemptTimeout],
  ] as const;
  for (const [option, value] of times) {
    if (value !== undefined && !(value > 0 && Number.isFinite(value))) {
      error(option, `${option} is ${value} ms; it must be more than 0. Leave it out for no bound of its own.`);
    }
  }
  // What a service says of these is not said of its streams.
  const streams = kind !== undefined && (streamsRequest(kind) || streamsResponse(kind));
  const timeout = policy.timeout ?? (streams ? undefined : service.timeout);
  const max = policy.maxTimeout ?? (streams ? undefined : service.maxTimeout);
  const attempt = policy.attemptTimeout ?? service.attemptTimeout;
  // A pair that the service wrote in one place is reported there, once.
  const own = (a: number | undefined, b: number | undefined): boolean => a !== undefined || b !== undefined;
  if (timeout !== undefined && max !== undefined && timeout > max && own(policy.timeout, policy.maxTimeout)) {
    const option = policy.timeout === undefined ? 'max_timeout' : 'timeout';
    error(option, `timeout (${timeout} ms) is longer than max_timeout (${max} ms), so the server would always cut it.`);
  }
  if (
    timeout !== undefined &&
    attempt !== undefined &&
    attempt > timeout &&
    own(policy.timeout, policy.attemptTimeout)
  ) {
    const option = policy.attemptTimeout === undefined ? 'timeout' : 'attempt_timeout';
    error(
      option,
      `attempt_timeout (${attempt} ms) is longer than timeout (${timeout} ms), so it would never end an attempt.`,
    );
  }
  if (kind === 'oneway' && policy.attemptTimeout !== undefined) {
    error('attempt_timeout', 'attempt_timeout is on a oneway method, which has no answer to wait for.');
  }
}

function checkIdempotency(policy: Policy, { kind }: PolicyContext, error: Report): void {
  const keyed = policy.idempotency === 'KEYED';
  if (keyed && kind !== undefined && kind !== 'unary') {
    error(
      'idempotency',
      `idempotency is KEYED on a ${kind} method; a key names one request with one answer, so only a unary method has one.`,
    );
  }
  if (policy.keyField !== undefined && !keyed) {
    error(
      'key_field',
      `key_field is set, and idempotency is ${policy.idempotency ?? 'not'}${policy.idempotency === undefined ? ' set' : ''}; write idempotency KEYED, or leave key_field out.`,
    );
  }
  if (policy.keyField === '') error('key_field', 'key_field is empty; name a field of the request.');
  if (policy.keyRequired === true && !keyed) {
    error('key_required', 'key_required is set on a method whose idempotency is not KEYED, where no key is read.');
  }
}

function checkRetry(policy: Policy, { kind }: PolicyContext, error: Report, warning: Report): void {
  const { retry } = policy;
  if (retry === undefined) return;
  const { maxAttempts, initialBackoff, maxBackoff, codes } = retry;
  if (
    maxAttempts !== undefined &&
    !(Number.isInteger(maxAttempts) && maxAttempts >= 2 && maxAttempts <= mostAttempts)
  ) {
    error(
      'retry.max_attempts',
      `retry.max_attempts is ${maxAttempts}; it counts the first attempt too and must be 2 to ${mostAttempts}.`,
    );
  }
  for (const [option, value] of [
    ['retry.initial_backoff', initialBackoff],
    ['retry.max_backoff', maxBackoff],
  ] as const) {
    if (value !== undefined && !(value > 0 && Number.isFinite(value)))
      error(option, `${option} is ${value} ms; it must be more than 0.`);
  }
  if (initialBackoff !== undefined && maxBackoff !== undefined && initialBackoff > maxBackoff) {
    error(
      'retry.initial_backoff',
      `retry.initial_backoff (${initialBackoff} ms) is longer than retry.max_backoff (${maxBackoff} ms).`,
    );
  }
  const seen = new Set<string>();
  for (const code of (codes ?? []) as readonly string[]) {
    if (!isCode(code))
      error('retry.codes', `retry.codes names "${code}", which is no gRPC status code; write one such as UNAVAILABLE.`);
    else if (code === 'OK') error('retry.codes', 'retry.codes names OK; a call that succeeded is not repeated.');
    else if (seen.has(code)) error('retry.codes', `retry.codes names ${code} twice.`);
    else if (neverRepeated.has(code)) {
      warning('retry.codes', `retry.codes names ${code}, which no repetition mends, so nothing is repeated for it.`);
    } else if (onlyDeclared.has(code) && kind !== undefined && !repeatable.includes(policy.idempotency ?? 'NONE')) {
      warning(
        'retry.codes',
        `retry.codes names ${code}, after which a call may have run, and the method's idempotency is ${policy.idempotency ?? 'NONE'}, so nothing is repeated for it; say NO_SIDE_EFFECTS, IDEMPOTENT or KEYED if that is true.`,
      );
    }
    seen.add(code);
  }
}

function checkHedge(policy: Policy, { kind }: PolicyContext, error: Report): void {
  const { hedge } = policy;
  if (hedge === undefined) return;
  if (!repeatable.includes(policy.idempotency ?? 'NONE')) {
    error(
      'hedge',
      `hedge is on a method whose idempotency is ${policy.idempotency ?? 'NONE'}, so a copy could do harm; say NO_SIDE_EFFECTS, IDEMPOTENT or KEYED if that is true.`,
    );
  }
  if (kind !== undefined && kind !== 'unary')
    error('hedge', `hedge is on a ${kind} method; only a unary call is sent twice.`);
  const { delay, percentile, maxCopies } = hedge;
  if (delay !== undefined && percentile !== undefined)
    error('hedge.percentile', 'hedge has both delay and percentile; write one.');
  if (delay === undefined && percentile === undefined)
    error('hedge', 'hedge has neither delay nor percentile, so it does not say when to send a copy.');
  if (delay !== undefined && !(delay >= 0 && Number.isFinite(delay)))
    error('hedge.delay', `hedge.delay is ${delay} ms; it must be 0 or more.`);
  if (percentile !== undefined && !(percentile > 0 && percentile < 100)) {
    error('hedge.percentile', `hedge.percentile is ${percentile}; it must be above 0 and below 100.`);
  }
  if (maxCopies !== undefined && !(Number.isInteger(maxCopies) && maxCopies >= 2 && maxCopies <= 3)) {
    error('hedge.max_copies', `hedge.max_copies is ${maxCopies}; it counts the first copy too and must be 2 or 3.`);
  }
}

function checkRest(policy: Policy, error: Report): void {
  if (policy.cost !== undefined && !(policy.cost > 0 && Number.isFinite(policy.cost))) {
    error('cost', `cost is ${policy.cost}; it must be a number above 0.`);
  }
  if (policy.criticality !== undefined && !criticalities.includes(policy.criticality)) {
    error('criticality', `criticality is ${policy.criticality}; it must be one of ${criticalities.join(', ')}.`);
  }
  const sunset = policy.deprecated?.sunset;
  if (sunset !== undefined && !isDate(sunset)) {
    error(
      'deprecated.sunset',
      `deprecated.sunset is "${sunset}"; write a date as RFC 3339 does, "2027-06-30" or "2027-06-30T12:00:00Z".`,
    );
  }
  const names = new Set<string>();
  for (const { name, since, field } of policy.features ?? []) {
    if (!/^[A-Za-z0-9][\w.-]*$/.test(name))
      error('feature', `feature is named "${name}"; a name is letters, digits, ".", "-" and "_".`);
    else if (names.has(`${name} ${field ?? ''}`)) error('feature', `feature "${name}" is named twice.`);
    names.add(`${name} ${field ?? ''}`);
    if (since !== undefined && !/^\d+\.\d+(?:\.\d+)?$/.test(since)) {
      error('feature', `feature "${name}" is since "${since}"; write a version such as "1.4".`);
    }
  }
}

function checkTopic(policy: Policy, { kind }: PolicyContext, error: Report): void {
  const { topic } = policy;
  if (topic === undefined) return;
  if (kind !== 'server')
    error(
      'topic',
      `topic is on a ${kind ?? 'service'}${kind === undefined ? '' : ' method'}; only a server-streaming method is one.`,
    );
  const keyed = topic.key !== undefined && topic.key !== '';
  if (!keyed && (topic.mode === 'LATEST' || topic.mode === 'MERGE')) {
    error('topic.mode', `topic.mode is ${topic.mode}, which keeps one update of each key, and topic.key is not set.`);
  }
  if (topic.merge !== undefined && topic.mode !== 'MERGE')
    error('topic.merge', 'topic.merge is set, and topic.mode is not MERGE.');
  if (topic.recovery === 'CONVERGENT' && !keyed) {
    error(
      'topic.recovery',
      'topic.recovery is CONVERGENT, which ends in the same state per key, and topic.key is not set.',
    );
  }
  if (topic.historyCount !== undefined && !(Number.isSafeInteger(topic.historyCount) && topic.historyCount > 0)) {
    error('topic.history', `topic.history.count is ${topic.historyCount}; it must be a whole number above 0.`);
  }
  if (topic.historyAge !== undefined && !(topic.historyAge > 0 && Number.isFinite(topic.historyAge))) {
    error('topic.history', `topic.history.age is ${topic.historyAge} ms; it must be more than 0.`);
  }
}

/** A full date of RFC 3339, with or without a time, that exists. */
function isDate(text: string): boolean {
  const match = /^(\d{4})-(\d{2})-(\d{2})(?:T\d{2}:\d{2}:\d{2}(?:\.\d+)?(?:Z|[+-]\d{2}:\d{2}))?$/.exec(text);
  if (match === null || Number.isNaN(Date.parse(text))) return false;
  const day = new Date(Date.UTC(Number(match[1]), Number(match[2]) - 1, Number(match[3])));
  return day.getUTCDate() === Number(match[3]);
}

/** Semver of a contract: `1.4.0`, or `1.4`. */
export function isVersion(text: string): boolean {
  return /^\d+\.\d+(?:\.\d+(?:-[0-9A-Za-z.-]+)?(?:\+[0-9A-Za-z.-]+)?)?$/.test(text);
}
