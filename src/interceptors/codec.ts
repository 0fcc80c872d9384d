/**
 * Messages on one side, bytes on the other. Single messages are encoded once a call, outside the
 * retries; streamed ones pass through the call's own hooks at the wire, so no layer sits between.
 */
import { type AnswerStage, leaveStage, sharing } from '../call/answer-steps.js';
import type { Call } from '../call/call.js';
import type { Interceptor } from '../call/interceptor.js';
import { ownError } from '../call/own-error.js';
import { countRefusal } from '../call/refusals.js';
import { type Disposition, isRpcError, type RpcError } from '../call/rpc-error.js';
import { declaredIn } from '../call/status.js';
import { declaredTypeName } from '../contract/declared-error.js';
import { type DecodeAccount, DecodeBudgetError } from '../contract/decode-budget.js';
import { type MethodType, streamsRequest, streamsResponse } from '../contract/method.js';
import { isHealth } from './admission/health.js';

/** Client, stage `encode`: a declared error of the peer comes out as its class. */
export const clientCodec: Interceptor = sharing((method, next) => {
  const manyRequests = streamsRequest(method.kind);
  const manyResponses = streamsResponse(method.kind);
  const answers = method.kind !== 'oneway';
  const stage: AnswerStage = {
    answered(response, call) {
      if (!answers) return undefined;
      if (!manyResponses) return decodeResponse(method, response as Uint8Array, call);
      if (method.errors.length === 0) return response;
      return withDeclaredErrors(method, response as AsyncIterable<unknown>, call);
    },
    failed(error, call) {
      throw received(method, error, call);
    },
  };
  return (call) => {
    try {
      if (manyRequests) call.encodeItem = (message) => encodeRequest(method, message, call);
      else call.request = encodeRequest(method, call.request, call);
    } catch (error) {
      return Promise.reject(error);
    }
    if (manyResponses) call.decodeItem = (bytes) => decodeResponse(method, bytes, call);
    leaveStage(call, stage);
    return next(call);
  };
});

/** Server, stage `decode`. */
export const serverCodec: Interceptor = sharing((method, next) => {
  const manyRequests = streamsRequest(method.kind);
  const manyResponses = streamsResponse(method.kind);
  const encodes = method.kind !== 'oneway' && !manyResponses;
  const stage: AnswerStage = {
    answered: (message, call) => encodeResponse(method, message, call),
    failed(error) {
      throw error;
    },
  };
  return (call) => {
    try {
      if (manyRequests) call.decodeItem = (bytes) => decodeRequest(method, bytes, call);
      else call.request = decodeRequest(method, call.request as Uint8Array, call, call);
    } catch (error) {
      return Promise.reject(error);
    }
    if (encodes) leaveStage(call, stage);
    return next(call);
  };
});

/** Throws the codec's TypeError: a message of the wrong shape is a mistake in the caller's program. */
function encodeRequest(method: MethodType, message: unknown, call: Call): Uint8Array {
  if (typeof message !== 'object' || message === null || Array.isArray(message)) {
    throw new TypeError(
      `the request of ${method.path} must be a ${method.request.typeName} object, not ${message === null ? 'null' : Array.isArray(message) ? 'an array' : typeof message}`,
    );
  }
  return method.request.encode(message, call.encoding);
}

/** `account`: charged with the message until the call is over. The messages of a stream are let go one by one, uncharged. */
function decodeRequest(method: MethodType, bytes: Uint8Array, call: Call, account?: DecodeAccount): unknown {
  if (bytes.length > longestProbe && isHealth(method)) throw tooLong(method, bytes.length);
  try {
    return method.request.decode(bytes, call.encoding, account);
  } catch (error) {
    if (error instanceof DecodeBudgetError) {
      throw tooCostly(error, `the request of ${method.path}`, call.handlerStarted ? 'executed' : 'not-executed');
    }
    throw ownError(
      'REQUEST_MALFORMED',
      `the request of ${method.path} is not a valid ${method.request.typeName}: ${sentence(error)}`,
      { disposition: call.handlerStarted ? 'executed' : 'not-executed', cause: error },
    );
  }
}

function encodeResponse(method: MethodType, response: unknown, call: Call): Uint8Array {
  const { encoded } = call;
  // An interceptor may have put another response in its place.
  if (encoded !== undefined && encoded.response === response) return encoded.bytes;
  return method.response.encode(response, call.encoding);
}

function decodeResponse(method: MethodType, bytes: Uint8Array, call: Call): unknown {
  try {
    return method.response.decode(bytes, call.encoding);
  } catch (error) {
    if (declaredTypeName(error) !== undefined) throw error;
    if (error instanceof DecodeBudgetError) throw tooCostly(error, `the response of ${method.path}`, 'executed');
    throw ownError(
      'RESPONSE_MALFORMED',
      `the response of ${method.path} is not a valid ${method.response.typeName}: ${sentence(error)}`,
      { disposition: 'executed', cause: error },
    );
  }
}

/** Bytes of a request to the health service: it has a name, and anybody may send one. */
const longestProbe = 4_096;

function tooLong(method: MethodType, bytes: number): RpcError {
  countRefusal('PROBE_TOO_LARGE');
  return ownError(
    'PROBE_TOO_LARGE',
    `the request of ${method.path} has ${bytes} bytes; the name of a service takes at most ${longestProbe}`,
    { code: 'RESOURCE_EXHAUSTED', disposition: 'not-executed' },
  );
}

/** A message that is small on the wire and large in memory. */
function tooCostly(error: DecodeBudgetError, what: string, disposition: Disposition): RpcError {
  const reason = error.retryable ? 'DECODE_MEMORY_FULL' : 'MESSAGE_TOO_COSTLY';
  countRefusal(reason);
  return ownError(reason, `${what} was not decoded: ${error.message}`, {
    code: 'RESOURCE_EXHAUSTED',
    disposition,
    cause: error,
  });
}

function received(method: MethodType, error: unknown, call: Call): unknown {
  if (method.errors.length === 0 || !isRpcError(error)) return error;
  try {
    return declaredIn(method, error, call.encoding) ?? error;
  } catch {
    return error; // the detail does not decode; the code and the message still say what happened
  }
}

async function* withDeclaredErrors(
  method: MethodType,
  stream: AsyncIterable<unknown>,
  call: Call,
): AsyncGenerator<unknown> {
  try {
    yield* stream;
  } catch (error) {
    throw received(method, error, call);
  }
}

function sentence(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
