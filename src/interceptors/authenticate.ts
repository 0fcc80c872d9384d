/**
 * Who calls: asked before anything is decoded, queued or counted, and of every call, since a connection may carry
 * calls of many. What the hook does not vouch for is refused. Check and Watch of the health service are not asked about: those
 * who probe it carry no credentials, and it tells nothing but whether a service serves that they can name. List names them all.
 */
import { answerFrom, sharing } from '../call/answer-steps.js';
import type { Call } from '../call/call.js';
import { certificatePrincipal } from '../call/certificate-name.js';
import type { Clock } from '../call/clock.js';
import type { HeaderMap } from '../call/headers.js';
import type { Interceptor } from '../call/interceptor.js';
import type { Logger } from '../call/logger.js';
import { ownError } from '../call/own-error.js';
import type { Peer } from '../call/peer.js';
import { isDownstream, isRpcError, type RpcError, withoutStack } from '../call/rpc-error.js';
import { isHealth } from './admission/health.js';
import { rejected } from './admission/refusal.js';
import type { ServerEventHub } from './server-events.js';

/** A caller that is known. The whole object is `call.identity` for handlers and `authorize`. */
export interface Identity {
  /** The name that quotas and idempotency keys go by: 1 to 512 characters. */
  readonly principal: string;
  /** Believed when it calls its request more critical than the IDL does: a gateway, a service of one's own. */
  readonly trusted?: boolean;
}

/**
 * Says who calls, by the headers and the peer (with mutual TLS `peer.certificate` is what it proved to own). Undefined, and
 * whatever is thrown, refuses the call with UNAUTHENTICATED; an RpcError of the hook's own goes out as it is.
 */
export type Authenticate = (
  headers: HeaderMap,
  peer: Peer,
) => string | Identity | undefined | Promise<string | Identity | undefined>;

/** ms that the hook may take for a call; a stream has no deadline of its own. */
export const longestAuthentication = 10_000;
const longestPrincipal = 512;

export interface AuthenticateContext {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly events: ServerEventHub;
}

/** Server, stage `authenticate`. Throws a TypeError when the hook is no function. */
export function authentication(hook: Authenticate | undefined, context: AuthenticateContext): Interceptor {
  if (hook === undefined) return namedCertificates(context);
  if (typeof hook !== 'function') {
    throw new TypeError(`authenticate is ${typeof hook}; it is a function (headers, peer) => principal`);
  }
  return sharing((method, next) => {
    if (isHealth(method) && method.name !== 'List') return next;
    return (call) => {
      let found: ReturnType<Authenticate>;
      try {
        found = hook(call.headers, call.peer);
      } catch (error) {
        return Promise.reject(refusalFor(call, error, context));
      }
      if (!isPromise(found)) {
        const refusal = establish(call, found, context);
        return refusal === undefined ? next(call) : Promise.reject(refusal);
      }
      return within(call, found, context).then(
        (identity) => {
          const refusal = establish(call, identity, context);
          if (refusal !== undefined) throw refusal;
          return answerFrom(next, call);
        },
        (error: unknown) => {
          throw refusalFor(call, error, context);
        },
      );
    };
  });
}

/**
 * Without a hook a caller is what its certificate says. One that names nobody proves nothing: callers with such certificates
 * would share one name, and with it quotas and stored answers.
 */
function namedCertificates(context: AuthenticateContext): Interceptor {
  return sharing((method, next) => {
    if (isHealth(method)) return next;
    return (call) => {
      const { certificate } = call.peer;
      if (certificate === undefined || certificatePrincipal(certificate) !== undefined) return next(call);
      rejected(context.events, call, 'unauthenticated');
      return Promise.reject(
        ownError(
          'CERTIFICATE_UNNAMED',
          `the certificate of the caller (SHA-256 ${certificate.fingerprint}) names nobody: give it a URI, DNS or email alternative name or a subject, or name callers by \`authenticate\``,
          { disposition: 'not-executed' },
        ),
      );
    };
  });
}

/** Writes down who calls; returns why the call is refused, if it is. */
function establish(
  call: Call,
  found: string | Identity | undefined,
  context: AuthenticateContext,
): RpcError | undefined {
  if (found === undefined || found === null) return unauthenticated(call, context);
  const identity: Identity = typeof found === 'string' ? { principal: found } : found;
  const { principal, trusted } = identity;
  if (typeof principal !== 'string' || principal === '' || principal.length > longestPrincipal) {
    context.logger.error(
      { method: call.method.path, peer: call.peer.address },
      `authenticate returned ${described(principal)} as the principal; it is a text of 1 to ${longestPrincipal} characters`,
    );
    return unauthenticated(call, context);
  }
  call.principal = principal;
  call.identity = identity;
  call.trusted = trusted === true;
  return undefined;
}

function described(principal: unknown): string {
  return typeof principal === 'string' ? `${principal.length} characters` : typeof principal;
}

/** What a hook threw is for the log: it may quote the credentials. */
function refusalFor(call: Call, error: unknown, context: AuthenticateContext): unknown {
  // A service that it asked is down: that is no word on the caller, who may come again.
  if (isDownstream(error)) return error;
  if (isRpcError(error)) {
    rejected(context.events, call, 'unauthenticated');
    return error;
  }
  context.logger.warn({ err: error, method: call.method.path, peer: call.peer.address }, 'authenticate threw');
  return unauthenticated(call, context);
}

function unauthenticated(call: Call, { events }: AuthenticateContext): RpcError {
  rejected(events, call, 'unauthenticated');
  return withoutStack(() =>
    ownError('UNAUTHENTICATED', 'the server does not know who calls; send credentials that it accepts', {
      disposition: 'not-executed',
    }),
  );
}

/** Like the promise, but no longer than a caller waits, nor than a hook may take. */
function within<T>(call: Call, promise: Promise<T>, { clock }: AuthenticateContext): Promise<T> {
  return new Promise((resolve, reject) => {
    const cancel = clock.setTimer(() => {
      stop();
      reject(
        ownError(
          'AUTHENTICATION_TIMEOUT',
          `the server could not find out within ${longestAuthentication} ms who calls`,
          { disposition: 'not-executed' },
        ),
      );
    }, longestAuthentication);
    const removeListener = call.onAbort((reason) => {
      cancel();
      reject(reason);
    });
    const stop = (): void => {
      cancel();
      removeListener();
    };
    promise.then(
      (value) => {
        stop();
        resolve(value);
      },
      (error: unknown) => {
        stop();
        reject(error);
      },
    );
  });
}

function isPromise<T>(value: T | Promise<T>): value is Promise<T> {
  return typeof value === 'object' && value !== null && typeof (value as { then?: unknown }).then === 'function';
}
