/**
 * Whether a known caller may make a call. Asked after decoding, so that the request can be looked at; what a subscription may be
 * shown is asked in permission.ts. Only `true` lets a call pass: a hook that forgets to answer denies.
 */
import { answerFrom, sharing } from '../call/answer-steps.js';
import type { Call } from '../call/call.js';
import type { Clock } from '../call/clock.js';
import type { Interceptor } from '../call/interceptor.js';
import type { Logger } from '../call/logger.js';
import { isOwn, ownError } from '../call/own-error.js';
import { isDownstream, isRpcError, type RpcError, withoutStack } from '../call/rpc-error.js';
import { isHealth } from './admission/health.js';
import { rejected } from './admission/refusal.js';
import type { ServerEventHub } from './server-events.js';

/** What the hook sees of a call. `request` is the decoded message; for a streamed request an AsyncIterable not to be read. */
export type AuthorizedCall = Pick<
  Call,
  'method' | 'headers' | 'peer' | 'principal' | 'identity' | 'request' | 'deadline'
>;

/** Part of a method that is asked about by itself. */
export interface Resource {
  readonly topic: string;
  /** What is to be done with it. A client that deletes a key publishes. */
  readonly action?: 'subscribe' | 'publish';
  /** The keys that are asked for, `'all'` included; of a topic without keys always `'all'`. */
  readonly keys: ReadonlySet<string> | 'all';
  /** Where a single key is asked about, that key; else left out. */
  readonly key?: string;
}

/** What may be seen of a topic: keys by name, or those that a function says `true` of. */
export type Visible = ReadonlySet<string> | ((key: string) => boolean);

/**
 * `true` lets the call pass. Anything else, and whatever is thrown, refuses it with PERMISSION_DENIED; an RpcError of the hook's
 * own goes out as it is.
 *
 * Where there is a `resource`, the answer may be what may be seen of it (`Visible`): a subscriber is shown that and no more. A hook that
 * looks at `resource.key` and not at `resource.keys` judges single keys and has said nothing of all of them, so its `true` is not
 * taken for an answer to `keys: 'all'`. The function is called for each update that is sent, so it answers at once and from memory.
 */
export type Authorize = (
  call: AuthorizedCall,
  principal: string,
  resource?: Resource,
) => boolean | Visible | Promise<boolean | Visible>;

export interface AuthorizeContext {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly events: ServerEventHub;
}

/** ms that the hook may take; a stream has no deadline of its own. */
export const longestAuthorization = 10_000;

/** Server, stage `authorize`. Throws a TypeError when the hook is no function. */
export function authorization(hook: Authorize | undefined, context: AuthorizeContext): Interceptor {
  if (hook === undefined) return (_method, next) => next;
  if (typeof hook !== 'function') {
    throw new TypeError(`authorize is ${typeof hook}; it is a function (call, principal) => boolean`);
  }
  return sharing((method, next) => {
    if (isHealth(method)) return next;
    return (call) => {
      const allowed = permitted(hook, call, context);
      return allowed === undefined ? next(call) : allowed.then(() => answerFrom(next, call));
    };
  });
}

/** Undefined when the call may pass; else a promise that rejects when it may not. Does not throw. */
function permitted(hook: Authorize, call: Call, context: AuthorizeContext): Promise<void> | undefined {
  let answer: unknown;
  try {
    answer = asked(hook, call, context);
  } catch (error) {
    return Promise.reject(error);
  }
  if (answer === true) return undefined;
  if (!(answer instanceof Promise)) return Promise.reject(denied(call, context));
  return answer.then((allowed: unknown) => {
    if (allowed !== true) throw denied(call, context);
  });
}

/** What the hook answers, whatever that is. Throws, or rejects with, what refuses the call instead. */
export function asked(hook: Authorize, call: Call, context: AuthorizeContext, resource?: Resource): unknown {
  let answer: unknown;
  try {
    answer = hook(call, call.principal, resource);
    if (!isThenable(answer)) return answer;
  } catch (error) {
    throw refusalFor(call, error, context, resource);
  }
  return inTime(answer, context).catch((error: unknown) => {
    throw refusalFor(call, error, context, resource);
  });
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof value === 'object' && value !== null && 'then' in value && typeof value.then === 'function';
}

function inTime(answer: PromiseLike<unknown>, { clock }: AuthorizeContext): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const cancel = clock.setTimer(
      () =>
        reject(
          ownError(
            'AUTHORIZATION_TIMEOUT',
            `the server could not find out within ${longestAuthorization} ms what the caller may do`,
            { disposition: 'not-executed' },
          ),
        ),
      longestAuthorization,
    );
    Promise.resolve(answer).then(resolve, reject).finally(cancel);
  });
}

function refusalFor(call: Call, error: unknown, context: AuthorizeContext, resource: Resource | undefined): unknown {
  if (isDownstream(error) || isOwn(error, 'AUTHORIZATION_TIMEOUT')) return error; // no word on the caller
  if (isRpcError(error)) {
    rejected(context.events, call, 'denied');
    return error;
  }
  context.logger.error({ err: error, method: call.method.path, principal: call.principal }, 'authorize threw');
  return denied(call, context, resource);
}

export function denied(call: Call, { events }: AuthorizeContext, resource?: Pick<Resource, 'key' | 'topic'>): RpcError {
  rejected(events, call, 'denied');
  const what =
    resource === undefined ? '' : ` on ${resource.topic}${resource.key === undefined ? '' : ` ${resource.key}`}`;
  return withoutStack(() =>
    ownError('PERMISSION_DENIED', `${call.principal} may not call ${call.method.path}${what}`, {
      disposition: 'not-executed',
    }),
  );
}
