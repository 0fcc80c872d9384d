/**
 * One call on the server, from the message that asks to the bytes that answer. Whatever goes
 * wrong on the way, encoding included, the answer is a whole message.
 */
import { answerTo } from '../../call/answer-steps.js';
import { Call } from '../../call/call.js';
import type { Clock } from '../../call/clock.js';
import { helloHeader } from '../../call/correlation-id.js';
import { runInCall } from '../../call/current.js';
import { Deadline, parseTimeout, timeoutHeader } from '../../call/deadline.js';
import { HeaderMap } from '../../call/headers.js';
import { ofService, ownError } from '../../call/own-error.js';
import type { Peer } from '../../call/peer.js';
import { countRefusal } from '../../call/refusals.js';
import { isRpcError, RpcError } from '../../call/rpc-error.js';
import { declarationOf, pushbackHeader } from '../../call/status.js';
import type { Dispatcher, IncomingRequest, Refusal, Route } from '../../call/transport.js';
import type { MethodError } from '../../contract/declared-error.js';
import { decodeAllowance, holdDecoded } from '../../contract/decode-budget.js';
import { streamsResponse } from '../../contract/method.js';
import type { ApplicationFault } from '../../contract/thrift/application-exception.js';
import { TMessageType } from '../../contract/thrift/protocol.js';
import { encodeDeclared } from '../../contract/thrift/result.js';
import { encodeError, withStatusHeaders } from './application-errors.js';
import { encodeAside, encodeEnvelope, hasHeaders, isLarge } from './envelope.js';
import type { Incoming } from './incoming.js';
import { encodeHelloAnswer } from './introduction.js';
import type { ConnectionLimits } from './limits.js';
import type { ThriftProtocol } from './sniff.js';

export interface ExchangeContext {
  readonly dispatcher: Dispatcher;
  readonly limits: ConnectionLimits;
  readonly peer: () => Peer;
  /** Where the connection came to. */
  readonly local?: () => string;
}

/** What an answer has of its question. */
type Asked = Pick<Incoming, 'envelope' | 'sequenceId'>;

/** What there is of a message before there is a call. */
export class Unopened implements IncomingRequest {
  readonly #headers: HeaderMap | undefined;
  readonly #context: ExchangeContext;

  constructor(headers: HeaderMap | undefined, context: ExchangeContext) {
    this.#headers = headers;
    this.#context = context;
  }

  getAll(name: string): readonly unknown[] {
    return this.#headers?.getAll(name) ?? none;
  }

  get peer(): Peer {
    return this.#context.peer();
  }

  get timeout(): number | undefined {
    const header = this.#headers?.get(timeoutHeader);
    return header === undefined ? undefined : parseTimeout(header);
  }
}

const none: readonly unknown[] = [];

/** `hello`: what the client has said on this connection. Throws an RpcError for headers that the call cannot begin with. */
export function makeCall(route: Route, message: Incoming, context: ExchangeContext, hello?: string): Call {
  const { envelope, body } = message;
  const headers = message.headers ?? (hello === undefined ? undefined : new HeaderMap({ [helloHeader]: hello }));
  const deadline = headers?.has(timeoutHeader) === true ? deadlineOf(headers, context.dispatcher.clock) : undefined;
  if (streamsResponse(route.method.kind)) {
    throw ownError(
      'NOT_OVER_THRIFT',
      `${route.method.path} is a stream, and Thrift has no streaming calls; subscribe to its topic instead`,
      { disposition: 'not-executed' },
    );
  }
  const cost = message.headers?.cost ?? 0;
  if (cost > decodeAllowance()) {
    countRefusal('DECODE_MEMORY_FULL');
    throw ownError(
      'DECODE_MEMORY_FULL',
      `the headers of the call to ${route.method.path} hold ${cost} bytes of memory, and other requests hold what there is (processBytes)`,
      { disposition: 'not-executed' },
    );
  }
  const call = new Call({
    method: route.method,
    side: 'server',
    encoding: envelope.protocol,
    peer: context.peer,
    local: context.local,
    request: body,
    carriesHeaders: hasHeaders(envelope),
    headers,
    deadline,
  });
  if (cost > 0) holdDecoded(call, cost);
  return call;
}

/** Given twice, it is no deadline at all. Throws an RpcError. */
function deadlineOf(headers: HeaderMap, clock: Clock): Deadline {
  const [first, ...others] = headers.getAll(timeoutHeader);
  const ms = typeof first === 'string' && others.length === 0 ? parseTimeout(first) : undefined;
  if (ms !== undefined) return Deadline.after(ms, clock);
  throw ownError(
    'TIMEOUT_MALFORMED',
    `the header ${timeoutHeader} is ${headers
      .getAll(timeoutHeader)
      .map((one) => JSON.stringify(one))
      .join(' and ')}; it must be 1 to 8 digits and a unit (H, M, S, m, u or n), once`,
    { disposition: 'not-executed' },
  );
}

/**
 * Runs the pipeline. Never rejects; a handler that throws before its first await counts as one that rejects. A call that is
 * aborted fails at once, whatever its handler still does: `onError` may be called twice then.
 */
export function run(call: Call, route: Route, onResult: (result: unknown) => void, onError: (error: unknown) => void) {
  runInCall(call, () => {
    answerTo(route.handle, call, {
      outer: undefined,
      answered: (response) => onResult(response),
      failed: (error) => onError(route.failed(call, error)),
    });
  });
  call.onAbort((reason) => onError(reason.withDisposition(call.disposition)));
}

/** Gets the answer of a call: at once, or later where it takes long to compress. */
export type Answered = (bytes: Buffer) => void;

/** The answer of a call that ended well. */
export function encodeResult(
  result: unknown,
  call: Call,
  name: string,
  message: Incoming,
  context: ExchangeContext,
  answered: Answered,
): void {
  if (!(result instanceof Uint8Array)) {
    const error = new TypeError(`the pipeline of ${call.method.path} ended with ${typeof result}, not with bytes`);
    encodeFailure(error, call, name, message, context, answered);
    return;
  }
  encodeReply(result, call, name, message, context, answered);
}

/** The answer of a call that failed: a REPLY for an error that the method declares, else an EXCEPTION. */
export function encodeFailure(
  error: unknown,
  call: Call,
  name: string,
  message: Incoming,
  context: ExchangeContext,
  answered: Answered,
): void {
  const declaration = declarationOf(call.method, error);
  if (declaration !== undefined) {
    const body = declaredBody(error as Error, declaration, message.envelope.protocol);
    if (body instanceof Uint8Array) {
      encodeReply(body, call, name, message, context, answered);
      return;
    }
    context.dispatcher.logger.error({ err: body, method: call.method.path }, 'a declared error could not be encoded');
  } else if (isRpcError(error)) {
    const leaving = ofService(error, call.method.service.name);
    answered(encodeException(leaving, responseHeaders(call), name, message, context));
    return;
  } else context.dispatcher.logger.error({ err: error, method: call.method.path }, 'the call failed');
  answered(encodeException(executed('the server failed'), responseHeaders(call), name, message, context));
}

/** An EXCEPTION. `type` where the wire has its own name for what is wrong. */
export function encodeException(
  error: RpcError,
  headers: HeaderMap | undefined,
  name: string,
  message: Asked,
  { limits, dispatcher }: ExchangeContext,
  type?: ApplicationFault,
): Buffer {
  const { envelope, sequenceId } = message;
  const encode = (sent: RpcError, sentHeaders: HeaderMap | undefined): Buffer =>
    encodeEnvelope(
      envelope,
      {
        name,
        type: TMessageType.EXCEPTION,
        sequenceId,
        body: encodeError(sent, envelope.protocol, type),
        headers: hasHeaders(envelope) ? withStatusHeaders(sentHeaders, sent) : undefined,
      },
      limits,
    );
  try {
    return encode(error, headers);
  } catch (cause) {
    dispatcher.logger.error({ err: cause, code: error.code }, 'an error did not fit a reply; a shorter one was sent');
    const short = new RpcError(error.code, 'the error that the server meant to send did not fit a reply', {
      disposition: error.disposition,
    });
    return encode(short, undefined);
  }
}

const refusals = new WeakMap<Refusal, Partial<Record<ThriftProtocol, Buffer>>>();

/** The answer to a client's introduction. */
export function encodeIntroduced(answer: string, name: string, message: Incoming, context: ExchangeContext): Buffer {
  const { envelope, sequenceId } = message;
  const body = encodeHelloAnswer(answer, envelope.protocol);
  return encodeEnvelope(
    envelope,
    { name, type: TMessageType.REPLY, sequenceId, body, headers: undefined },
    context.limits,
  );
}

/** The EXCEPTION of a call that there was no room for; its body is made once for all that are refused for the same. */
export function encodeRefusal(refusal: Refusal, name: string, message: Asked, context: ExchangeContext): Buffer {
  const { envelope, sequenceId } = message;
  const { error, pushback } = refusal;
  if (hasHeaders(envelope)) {
    return encodeException(error, new HeaderMap({ [pushbackHeader]: pushback }), name, message, context);
  }
  let bodies = refusals.get(refusal);
  if (bodies === undefined) {
    bodies = {};
    refusals.set(refusal, bodies);
  }
  bodies[envelope.protocol] ??= encodeError(error, envelope.protocol);
  const body = bodies[envelope.protocol] as Buffer;
  return encodeEnvelope(
    envelope,
    { name, type: TMessageType.EXCEPTION, sequenceId, body, headers: undefined },
    context.limits,
  );
}

function encodeReply(
  body: Uint8Array,
  call: Call,
  name: string,
  message: Incoming,
  context: ExchangeContext,
  answered: Answered,
): void {
  const { envelope, sequenceId } = message;
  const reply = { name, type: TMessageType.REPLY, sequenceId, body, headers: responseHeaders(call) };
  const unsent = (cause: unknown): Buffer => {
    const reason = cause instanceof Error ? cause.message : String(cause);
    context.dispatcher.logger.error({ err: cause, method: call.method.path }, 'a reply could not be sent');
    const error = ownError('MESSAGE_TOO_LARGE', `the reply of ${call.method.path} could not be sent: ${reason}`, {
      disposition: 'executed',
    });
    return encodeException(error, undefined, name, message, context);
  };
  if (isLarge(envelope, body)) {
    encodeAside(envelope, reply, context.limits, (bytes) => answered(bytes instanceof Error ? unsent(bytes) : bytes));
    return;
  }
  let bytes: Buffer;
  try {
    bytes = encodeEnvelope(envelope, reply, context.limits);
  } catch (cause) {
    bytes = unsent(cause);
  }
  answered(bytes);
}

function declaredBody(error: Error, declaration: MethodError, protocol: ThriftProtocol): Uint8Array | Error {
  try {
    return encodeDeclared(declaration, error, protocol);
  } catch (cause) {
    return cause instanceof Error ? cause : new Error(String(cause));
  }
}

/** Headers and trailers in one: a Thrift reply has one place for both. */
function responseHeaders(call: Call): HeaderMap | undefined {
  if (!call.hasResponseTrailers) return call.hasResponseHeaders ? call.responseHeaders : undefined;
  if (!call.hasResponseHeaders) return call.responseTrailers;
  const both = new HeaderMap(call.responseHeaders);
  for (const [name, value] of call.responseTrailers) both.append(name, value);
  return both;
}

function executed(message: string): RpcError {
  return ownError('HANDLER_FAILED', message, { disposition: 'executed' });
}
