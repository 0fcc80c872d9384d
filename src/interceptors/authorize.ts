/**
 * Whether a known caller may make a call. Asked after decoding, so that the request can be looked at, and for a
 * subscription again for each topic and key. Only `true` lets a call pass: a hook that forgets to answer denies.
 */
import { answerFrom, sharing } from '../call/answer-steps.js';
import type { Call } from '../call/call.js';
import type { Interceptor } from '../call/interceptor.js';
import type { Logger } from '../call/logger.js';
import { ownError } from '../call/own-error.js';
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
  /** What is to be done with it. */
  readonly action?: 'subscribe' | 'publish';
  /** Left out for the topic as a whole. */
  readonly key?: string;
}

/**
 * `true` lets the call pass. Anything else, and whatever is thrown, refuses it with PERMISSION_DENIED; an RpcError of the hook's
 * own goes out as it is.
 */
export type Authorize = (call: AuthorizedCall, principal: string, resource?: Resource) => boolean | Promise<boolean>;

export interface AuthorizeContext {
  readonly logger: Logger;
  readonly events: ServerEventHub;
}

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
export function permitted(
  hook: Authorize,
  call: Call,
  context: AuthorizeContext,
  resource?: Resource,
): Promise<void> | undefined {
  let answer: boolean | Promise<boolean>;
  try {
    answer = hook(call, call.principal, resource);
  } catch (error) {
    return Promise.reject(refusalFor(call, error, context, resource));
  }
  if (answer === true) return undefined;
  if (typeof answer !== 'object' || answer === null) return Promise.reject(denied(call, context, resource));
  return Promise.resolve(answer).then(
    (allowed) => {
      if (allowed !== true) throw denied(call, context, resource);
    },
    (error: unknown) => {
      throw refusalFor(call, error, context, resource);
    },
  );
}

function refusalFor(call: Call, error: unknown, context: AuthorizeContext, resource: Resource | undefined): unknown {
  if (isDownstream(error)) return error; // no word on the caller
  if (isRpcError(error)) {
    rejected(context.events, call, 'denied');
    return error;
  }
  context.logger.error({ err: error, method: call.method.path, principal: call.principal }, 'authorize threw');
  return denied(call, context, resource);
}

function denied(call: Call, { events }: AuthorizeContext, resource: Resource | undefined): RpcError {
  rejected(events, call, 'denied');
  const what =
    resource === undefined ? '' : ` on ${resource.topic}${resource.key === undefined ? '' : ` ${resource.key}`}`;
  return withoutStack(() =>
    ownError('PERMISSION_DENIED', `${call.principal} may not call ${call.method.path}${what}`, {
      disposition: 'not-executed',
    }),
  );
}
