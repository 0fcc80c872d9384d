/**
 * What a caller may learn of a failure. A declared error and an RpcError of the handler's own go
 * out as they are; anything else stays here, in the log, and the caller gets INTERNAL with the
 * id to find it by. An error of a service further down is never forwarded: it is no word on ours.
 */
import { RequestInfo } from '../../gen/google/rpc/error_details.js';
import type { Call } from '../call/call.js';
import { begun, type Handler, type Interceptor } from '../call/interceptor.js';
import type { Logger } from '../call/logger.js';
import { ofService, ownError } from '../call/own-error.js';
import { isPushSource } from '../call/push-source.js';
import { isDownstream, isRpcError } from '../call/rpc-error.js';
import { declarationOf, declaredCode } from '../call/status.js';
import type { Code } from '../contract/code.js';
import { type MethodType, streamsResponse } from '../contract/method.js';

/** What leaves of a failure: an RpcError or a declared error. For transports, of what a route's handler fails with. */
export type Failed = (call: Call, error: unknown) => unknown;

export function failed(logger: Logger): Failed {
  return (call, error) => {
    // An aborted call was already answered; ignore the late result.
    if (call.aborted !== undefined) return call.aborted;
    try {
      return safe(call, error, logger);
    } catch {
      // The logger is the user's. The call is answered all the same.
      return ownError('HANDLER_FAILED', 'the server failed', { disposition: call.disposition });
    }
  };
}

/**
 * Server, stage `transport`: the same for interceptors further out, and for streamed messages that are not what the IDL says.
 * What the handler or its stream fails with is otherwise left to the transport, which waits for both anyway: a promise of this
 * stage would cost every call and every message.
 */
export function failure(logger: Logger, observed: boolean): Interceptor {
  const leaving = failed(logger);
  return (method, next) => {
    const handle = streamsResponse(method.kind) ? guarded(next, logger, observed) : next;
    if (!observed) return handle;
    return (call) =>
      begun(handle, call).then(undefined, (error: unknown) => {
        throw leaving(call, error);
      });
  };
}

function guarded(next: Handler, logger: Logger, observed: boolean): Handler {
  if (!observed) {
    return (call) => {
      guardItems(call, logger);
      return next(call);
    };
  }
  return async (call) => {
    guardItems(call, logger);
    const response = await next(call);
    // One that pushes ends in an RpcError or not at all.
    return isPushSource(response) ? response : new GuardedStream(response as AsyncIterable<unknown>, call, logger);
  };
}

/** A streamed message that is not what the IDL says is noticed only at the wire. */
function guardItems(call: Call, logger: Logger): void {
  const encode = call.encodeItem;
  call.encodeItem = (message) => {
    try {
      return encode.call(call, message);
    } catch (error) {
      throw safe(call, error, logger);
    }
  };
}

function safe(call: Call, error: unknown, logger: Logger): unknown {
  if (declarationOf(call.method, error) !== undefined) return error;
  const { disposition } = call;
  if (isRpcError(error) && !isDownstream(error))
    return ofService(error, call.method.service.name).withDisposition(disposition);
  const correlationId = call.correlationId;
  logger.error(
    { err: error, method: call.method.path, correlationId, peer: call.peer.address },
    isDownstream(error) ? 'a call made by the handler failed' : 'the handler failed',
  );
  const code = isRpcError(error) ? downstreamCode(error.code) : 'INTERNAL';
  const what = isRpcError(error) ? 'a service that this one depends on failed' : 'the server failed';
  return ownError(
    isRpcError(error) ? 'DEPENDENCY_FAILED' : 'HANDLER_FAILED',
    `${what}; the server's log has it under correlation id ${correlationId}`,
    {
      code,
      details: [
        {
          type: 'google.rpc.RequestInfo',
          value: RequestInfo.encode(RequestInfo.create({ requestId: correlationId })),
        },
      ],
      disposition,
    },
  );
}

/** The code that the caller sees of what a handler failed with. */
export function leavingCode(method: MethodType, error: unknown): Code {
  if (declarationOf(method, error) !== undefined) return declaredCode;
  if (!isRpcError(error)) return 'INTERNAL';
  return isDownstream(error) ? downstreamCode(error.code) : error.code;
}

/** Only what the caller can act on in the same way keeps its code. */
function downstreamCode(code: Code): Code {
  return code === 'UNAVAILABLE' || code === 'DEADLINE_EXCEEDED' || code === 'CANCELLED' ? code : 'INTERNAL';
}

/** The handler's stream, with what it throws made safe. */
class GuardedStream implements AsyncIterableIterator<unknown> {
  readonly #iterator: AsyncIterator<unknown>;
  readonly #fail: (error: unknown) => never;

  constructor(stream: AsyncIterable<unknown>, call: Call, logger: Logger) {
    this.#iterator = stream[Symbol.asyncIterator]();
    this.#fail = (error) => {
      throw safe(call, error, logger);
    };
  }

  next(): Promise<IteratorResult<unknown>> {
    return this.#iterator.next().catch(this.#fail);
  }

  return(): Promise<IteratorResult<unknown>> {
    return this.#iterator.return?.() ?? Promise.resolve({ done: true, value: undefined });
  }

  [Symbol.asyncIterator](): this {
    return this;
  }
}
