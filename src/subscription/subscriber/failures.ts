/** What ends a subscription for good, in the words of RpcError. */
import { ownError, toldError } from '../../call/own-error.js';
import type { RpcError } from '../../call/rpc-error.js';
import { type Code, codeOf as codeOfNumber, isCode } from '../../contract/code.js';
import type { SubscriptionSpec } from './spec.js';

/** The server's codes that are no gRPC codes. */
const codes: Readonly<Record<string, Code>> = {
  NO_SUCH_TOPIC: 'NOT_FOUND',
  UNRECOVERABLE: 'DATA_LOSS',
  UPDATE_TOO_LARGE: 'RESOURCE_EXHAUSTED',
  BACK_PRESSURE: 'RESOURCE_EXHAUSTED',
  TOO_MANY_SUBSCRIPTIONS: 'RESOURCE_EXHAUSTED',
  TOO_MANY_KEYS: 'RESOURCE_EXHAUSTED',
};

function codeOf(code: string): Code {
  if (code.startsWith('INVALID_')) return 'INVALID_ARGUMENT';
  return codes[code] ?? (isCode(code) ? code : 'ABORTED');
}

/** The server ended it, or refused it. `status`: the number of the code, where the server says it. */
export function ended(topic: string, code: string, message: string, status?: number): RpcError {
  const sentence = `the subscription to ${topic} has ended: ${message === '' ? code : message}`;
  return said(topic, code, sentence, status);
}

/** The server refused an amendment. */
export function refused(topic: string, code: string, message: string, status: number | undefined): RpcError {
  return said(topic, code, `the subscription to ${topic} was not changed: ${message === '' ? code : message}`, status);
}

function said(topic: string, code: string, sentence: string, status: number | undefined): RpcError {
  const reason = /^[A-Z][A-Z0-9_]{0,62}$/.test(code) ? code : 'UNSUBSCRIBED';
  const known = codeOf(code);
  const told = status === undefined || status === 0 || codes[code] !== undefined ? known : codeOfNumber(status);
  return toldError(reason, told, sentence, { metadata: { topic } });
}

/** An older server takes no keys for all. */
export function noEmptySet(topic: string): RpcError {
  return ownError(
    'NO_EMPTY_SET',
    `the subscription to ${topic} is to no keys, which this server takes for all: it is of an older version; name a key, or end the subscription`,
    { metadata: { topic } },
  );
}

/** The server keeps a commit that is in no log that it has for nothing. */
export function commitRefused(topic: string, code: string, message: string): RpcError {
  const reason = code === '' ? 'COMMIT_OF_OTHER_HISTORY' : code;
  return toldError(reason, 'FAILED_PRECONDITION', message === '' ? `a commit to ${topic} was refused` : message, {
    metadata: { topic },
  });
}

export function brokenForGood(topic: string, breaks: number, problem?: string): RpcError {
  return ownError(
    'CHAIN_BROKEN',
    `the subscription to ${topic} broke ${breaks} times and cannot go on by what it accepts${problem === undefined ? '' : `; the last time because ${problem}`}. Accept RESET to begin anew with a snapshot`,
    { metadata: { topic } },
  );
}

export function tooLarge({ topic, maxKeys, maxBytes }: SubscriptionSpec): RpcError {
  return ownError(
    'REPLICA_TOO_LARGE',
    `the state of ${topic} is larger than this subscription holds: ${maxKeys} keys, ${maxBytes} bytes. Subscribe to some of the keys, or raise maxKeys or maxBytes`,
    { metadata: { topic } },
  );
}

/** What a value is not. */
export function undecodable(topic: string, key: string, seq: number, typeName: string, cause: unknown): RpcError {
  const why = cause instanceof Error ? cause.message : String(cause);
  return ownError(
    'RESPONSE_MALFORMED',
    `the update ${seq} of ${topic}, key ${JSON.stringify(key)}, is not a valid ${typeName}: ${why}. onMalformed: 'skip' goes on without it`,
    { metadata: { topic }, cause },
  );
}
