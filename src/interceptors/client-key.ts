/**
 * Client, stage `key`: every call of a KEYED method gets its key here, once, outside the retries, so that all its
 * attempts and copies have the same. It goes as a header and, where the IDL names a field for it, in that field;
 * over a wire without headers only the field arrives, and without one the call has no key and is not repeated.
 */
import { sharing } from '../call/answer-steps.js';
import type { Call } from '../call/call.js';
import type { Clock } from '../call/clock.js';
import type { Interceptor } from '../call/interceptor.js';
import { effectivePolicy, type PolicyOptions } from './effective-policy.js';
import { keyHeader, keyPropertyOf, newIdempotencyKey, parseKey, transactionHeader } from './idempotency-key.js';

export interface ClientKeyContext {
  readonly clock: Clock;
  /** Whether a header reaches the server. */
  readonly carriesHeaders: () => boolean;
}

export function clientKey({ clock, carriesHeaders }: ClientKeyContext, options: PolicyOptions): Interceptor {
  return sharing((method, next) => {
    const keyed = method.kind === 'unary' && effectivePolicy(method, options).idempotency.value === 'KEYED';
    if (!keyed) {
      return (call) => {
        if (call.options.idempotencyKey !== undefined) {
          throw new TypeError(
            `${method.path} is not KEYED, so nobody would look at the idempotencyKey; declare idempotency KEYED in the IDL, or leave it out`,
          );
        }
        announceTransactions(call);
        return next(call);
      };
    }
    const property = keyPropertyOf(method);
    return (call) => {
      const key = givenKey(call, property) ?? newIdempotencyKey(clock);
      call.headers.put(keyHeader, key);
      if (property !== undefined) putInto(call, property, key);
      if (property !== undefined || carriesHeaders()) call.idempotencyKey = key;
      announceTransactions(call);
      return next(call);
    };
  });
}

/** A call made inside a KEYED handler says which transactions wait for it, so that no server waits for one of them. */
function announceTransactions(call: Call): void {
  const { parent } = call;
  if (parent === undefined || parent.finished) return;
  const held = parent.transactions ?? (parent.hasHeaders ? parent.headers.get(transactionHeader) : undefined);
  if (held !== undefined) call.headers.set(transactionHeader, held);
}

/** The caller's own key, from wherever it gave it. Throws a TypeError for one that is none, and for two. */
function givenKey(call: Call, property: string | undefined): string | undefined {
  const { request, options } = call;
  const headers = call.hasHeaders ? call.headers.getAll(keyHeader) : [];
  if (headers.length > 1) {
    throw new TypeError(`${call.method.path} has ${headers.length} ${keyHeader} headers; a call has one key`);
  }
  const inOptions = keyIn(call, 'idempotencyKey', options.idempotencyKey);
  const inHeader = keyIn(call, theHeader, headers[0]);
  const field = property === undefined ? undefined : (request as Record<string, unknown> | null)?.[property];
  const inField = field === undefined || field === '' ? undefined : keyIn(call, `the field ${property}`, field);
  const key = inOptions ?? inHeader ?? inField;
  const other = inHeader === undefined || inHeader === key ? inField : inHeader;
  if (other === undefined || other === key) return key;
  const from = inOptions === undefined ? theHeader : 'idempotencyKey';
  const place = other === inHeader ? theHeader : `the field ${property}`;
  throw new TypeError(
    `${call.method.path} is given two idempotency keys, ${JSON.stringify(key)} as ${from} and ${JSON.stringify(other)} as ${place}; a call has one`,
  );
}

const theHeader = `the header ${keyHeader}`;

function keyIn(call: Call, place: string, text: unknown): string | undefined {
  if (text === undefined || text === null) return undefined;
  if (typeof text !== 'string') throw new TypeError(`${place} of ${call.method.path} is ${typeof text}; a key is text`);
  const parsed = parseKey(text);
  if ('fault' in parsed) throw new TypeError(`${place} of ${call.method.path} ${parsed.problem}`);
  return parsed.key;
}

/** In a copy: the request is the caller's. */
function putInto(call: Call, property: string, key: string): void {
  const { request } = call;
  if (typeof request !== 'object' || request === null || (request as Record<string, unknown>)[property] === key) return;
  call.request = { ...request, [property]: key };
}
