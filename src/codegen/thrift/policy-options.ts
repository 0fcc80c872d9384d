/** The `hawser.*` annotations: where each may stand, and how its value is read into a Policy. */
import { isCode } from '../../contract/code.js';
import { milliseconds } from '../../contract/duration.js';
import { criticalities } from '../../contract/policy.js';

export type OptionPlace = 'service' | 'function' | 'field';

export interface PolicyOption {
  readonly places: readonly OptionPlace[];
  /** Where the value goes in the Policy: `retry.maxAttempts`. */
  readonly path: string;
  /** Throws an Error that says what is wrong. */
  readonly read: (text: string) => unknown;
}

const duration = (text: string): number => milliseconds(text, 'the value');

const text = (value: string): string => value;

function number(value: string): number {
  const result = Number(value);
  if (value.trim() === '' || Number.isNaN(result)) throw new TypeError(`${JSON.stringify(value)} is not a number`);
  return result;
}

function flag(value: string): boolean {
  if (value === '1' || value === 'true') return true;
  if (value === '0' || value === 'false') return false;
  throw new TypeError(`${JSON.stringify(value)} is neither "true" nor "false"`);
}

function oneOf(...names: readonly string[]): (value: string) => string {
  return (value) => {
    if (names.includes(value)) return value;
    throw new TypeError(`${JSON.stringify(value)} is none of ${names.join(', ')}`);
  };
}

function codes(value: string): string[] {
  const names = value
    .split(',')
    .map((name) => name.trim())
    .filter((name) => name !== '');
  const wrong = names.find((name) => !isCode(name));
  if (wrong !== undefined) throw new TypeError(`"${wrong}" is no gRPC status code; write one such as UNAVAILABLE`);
  if (names.length === 0) throw new TypeError('it names no code');
  return names;
}

/** An option with parts, written without any of them: `hawser.deprecated`. */
function present(value: string): object {
  if (value === '1' || value === 'true') return {};
  throw new TypeError(
    `${JSON.stringify(value)} is not a value for it; write its parts, each as an annotation of its own`,
  );
}

const both = ['service', 'function'] as const;
const onFunction = ['function'] as const;
const anywhere = ['service', 'function', 'field'] as const;

function option(places: readonly OptionPlace[], path: string, read: (value: string) => unknown): PolicyOption {
  return { places, path, read };
}

/** By the annotation's key without `hawser.`. A feature's parts are put together by the reader. */
export const policyOptionTable: ReadonlyMap<string, PolicyOption> = new Map([
  ['version', option(['service'], 'version', text)],
  ['timeout', option(both, 'timeout', duration)],
  ['max_timeout', option(both, 'maxTimeout', duration)],
  ['attempt_timeout', option(both, 'attemptTimeout', duration)],
  ['idempotency', option(onFunction, 'idempotency', oneOf('NONE', 'NO_SIDE_EFFECTS', 'IDEMPOTENT', 'KEYED'))],
  ['retry.max_attempts', option(both, 'retry.maxAttempts', number)],
  ['retry.initial_backoff', option(both, 'retry.initialBackoff', duration)],
  ['retry.max_backoff', option(both, 'retry.maxBackoff', duration)],
  ['retry.codes', option(both, 'retry.codes', codes)],
  ['hedge.delay', option(onFunction, 'hedge.delay', duration)],
  ['hedge.percentile', option(onFunction, 'hedge.percentile', number)],
  ['hedge.max_copies', option(onFunction, 'hedge.maxCopies', number)],
  ['criticality', option(onFunction, 'criticality', oneOf(...criticalities))],
  ['cost', option(onFunction, 'cost', number)],
  ['checksum', option(both, 'checksum', flag)],
  ['deprecated', option(onFunction, 'deprecated', present)],
  ['deprecated.since', option(onFunction, 'deprecated.since', text)],
  ['deprecated.sunset', option(onFunction, 'deprecated.sunset', text)],
  ['deprecated.replacement', option(onFunction, 'deprecated.replacement', text)],
  ['key_field', option(onFunction, 'keyField', text)],
  ['key_required', option(onFunction, 'keyRequired', flag)],
  ['feature.name', option(anywhere, 'features', text)],
  ['feature.since', option(anywhere, 'features', text)],
  ['topic', option(onFunction, 'topic', present)],
  ['topic.key', option(onFunction, 'topic.key', text)],
  ['topic.mode', option(onFunction, 'topic.mode', oneOf('EVERY', 'LATEST', 'MERGE'))],
  ['topic.conflation', option(onFunction, 'topic.conflation', oneOf('ON_PRESSURE', 'ALWAYS', 'NEVER'))],
  ['topic.merge', option(onFunction, 'topic.merge', oneOf('LAST', 'SUM', 'MIN', 'MAX', 'UNION', 'CUSTOM'))],
  [
    'topic.recovery',
    option(onFunction, 'topic.recovery', oneOf('PRECISE', 'REPEATING', 'CONVERGENT', 'DIVERGENT', 'GAP')),
  ],
  ['topic.history.count', option(onFunction, 'topic.historyCount', number)],
  ['topic.history.age', option(onFunction, 'topic.historyAge', duration)],
  ['topic.durability', option(onFunction, 'topic.durability', oneOf('NONE', 'PROCESS', 'FSYNC'))],
]);
