/**
 * One attempt of one call on the client's side: settles once, whether by an answer, a lost
 * connection or the caller's own abort. An answer that comes after that is read and dropped.
 */
import type { Call } from '../../call/call.js';
import { formatTimeout, timeoutHeader } from '../../call/deadline.js';
import { HeaderMap } from '../../call/headers.js';
import { isOwn, ownError } from '../../call/own-error.js';
import type { Peer } from '../../call/peer.js';
import type { Disposition, RpcError } from '../../call/rpc-error.js';
import { ApplicationFault } from '../../contract/thrift/application-exception.js';
import { TMessageType } from '../../contract/thrift/protocol.js';
import { decodeError, faultName, withoutStatusHeaders } from './application-errors.js';
import { type Envelope, encodeAside, encodeEnvelope, isLarge, type OutgoingMessage } from './envelope.js';
import { type Compressed, type Incoming, openMessage } from './incoming.js';
import type { ConnectionLimits } from './limits.js';
import type { FrameKind } from './sniff.js';
import { FrameRefused, WireError } from './wire-error.js';

export interface AttemptTarget {
  /** As it is sent: `Service:method` where services are multiplexed. */
  readonly wireName: string;
  /** As the answer has it. */
  readonly name: string;
  readonly oneway: boolean;
  readonly envelope: Envelope;
  readonly limits: ConnectionLimits;
}

export class Attempt {
  readonly call: Call;
  readonly target: AttemptTarget;
  #settled = false;
  #resolve: (response: Uint8Array | undefined) => void;
  #reject: (error: RpcError) => void;
  #removeAbort: (() => void) | undefined;
  #onSettled: (() => void) | undefined;

  constructor(
    call: Call,
    target: AttemptTarget,
    resolve: (response: Uint8Array | undefined) => void,
    reject: (error: RpcError) => void,
  ) {
    this.call = call;
    this.target = target;
    this.#resolve = resolve;
    this.#reject = reject;
  }

  get oneway(): boolean {
    return this.target.oneway;
  }

  get settled(): boolean {
    return this.#settled;
  }

  /** Settles with the abort's reason when the call is aborted, then runs `onAbort`. `onSettled` runs once, however it ends. */
  watch(onAbort: () => void, onSettled: () => void): void {
    this.#onSettled = onSettled;
    this.#removeAbort = this.call.onAbort((reason) => {
      if (this.#settled) return;
      this.fail(reason);
      onAbort();
    });
  }

  begin(peer: Peer): void {
    this.call.peer = peer;
  }

  /** Throws a RangeError when the request is over a limit. */
  encode(sequenceId: number): Buffer {
    return encodeEnvelope(this.target.envelope, this.#message(sequenceId), this.target.limits);
  }

  /** Whether the request takes long to compress: it is encoded aside then. */
  get large(): boolean {
    return isLarge(this.target.envelope, this.call.request as Uint8Array);
  }

  encodeAside(sequenceId: number, done: (bytes: Buffer | Error) => void): void {
    encodeAside(this.target.envelope, this.#message(sequenceId), this.target.limits, done);
  }

  #message(sequenceId: number): OutgoingMessage {
    const { wireName, oneway, envelope } = this.target;
    return {
      name: wireName,
      type: oneway ? TMessageType.ONEWAY : TMessageType.CALL,
      sequenceId,
      body: this.call.request as Uint8Array,
      headers: envelope.layers === 'header' ? requestHeaders(this.call) : undefined,
    };
  }

  succeed(response: Uint8Array | undefined, headers: HeaderMap | undefined): void {
    if (this.#settled) return;
    this.#settle(headers);
    this.#resolve(response);
  }

  fail(error: RpcError, headers?: HeaderMap): void {
    if (this.#settled) return;
    this.#settle(headers);
    this.#reject(error);
  }

  #settle(headers: HeaderMap | undefined): void {
    this.#settled = true;
    this.#removeAbort?.();
    this.#onSettled?.();
    if (headers === undefined) return;
    // A Thrift reply has one place for both; whoever looks in either finds them.
    const received = withoutStatusHeaders(headers);
    this.call.receiveHeaders(received);
    this.call.receiveTrailers(received);
  }
}

/** What is left of the deadline goes out with the call's own headers. */
function requestHeaders(call: Call): HeaderMap | undefined {
  if (call.deadline === undefined) return call.hasHeaders ? call.headers : undefined;
  const headers = new HeaderMap(call.hasHeaders ? call.headers : undefined);
  headers.set(timeoutHeader, formatTimeout(call.deadline.remaining()));
  return headers;
}

export interface ReplyContext {
  readonly envelope: Envelope;
  readonly limits: ConnectionLimits;
}

/** Opens the frame that should be an answer. Throws a WireError where it cannot be read at all. */
export function openReply(
  frame: Buffer,
  kind: FrameKind | undefined,
  { envelope, limits }: ReplyContext,
): Incoming | Compressed {
  const expected: FrameKind = envelope.layers === 'header' ? 'header' : envelope.protocol;
  if (kind !== expected) {
    throw new WireError(
      `the server answers in ${kind}, and was asked in ${expected}; set ?wire=${kind} in its address`,
    );
  }
  try {
    return openMessage(frame, kind, envelope.layers !== 'unframed', { limits, zlib: envelope.zlib });
  } catch (error) {
    if (error instanceof FrameRefused) throw new WireError(error.message, { cause: error });
    throw error;
  }
}

/**
 * Settles an attempt with its answer. Returns an error where the message shows that the connection cannot be trusted any
 * more; throws a WireError where it cannot be read.
 */
export function settleWith(attempt: Attempt, sequenceId: number, message: Incoming): Error | undefined {
  const { target } = attempt;
  if (message.type === TMessageType.EXCEPTION) return takeException(attempt, sequenceId, message);
  if (message.type !== TMessageType.REPLY) {
    return breach(attempt, ApplicationFault.INVALID_MESSAGE_TYPE, `a message of type ${message.type} is not an answer`);
  }
  if (message.sequenceId !== sequenceId)
    return breach(attempt, ApplicationFault.BAD_SEQUENCE_ID, wrongId(message, sequenceId));
  if (message.name !== target.name && message.name !== target.wireName) {
    return breach(
      attempt,
      ApplicationFault.WRONG_METHOD_NAME,
      `the answer is to ${JSON.stringify(message.name)}, the call was to ${JSON.stringify(target.name)}`,
    );
  }
  attempt.succeed(message.body, message.headers);
  return undefined;
}

/** A server that could not read the question answers with no name and any sequence id: believed, and not asked again. */
function takeException(attempt: Attempt, sequenceId: number, message: Incoming): Error | undefined {
  const { name, wireName } = attempt.target;
  let received: ReturnType<typeof decodeError>;
  try {
    received = decodeError(message.body, message.envelope.protocol, message.headers);
  } catch (error) {
    throw new WireError(`the server's exception cannot be read: ${error instanceof Error ? error.message : error}`, {
      cause: error,
    });
  }
  attempt.fail(received.error, message.headers);
  // Answers come in order: a server that takes nothing more ran none of what was asked after this.
  if (isShutdown(received.error)) return received.error;
  if (received.error.disposition === 'not-executed' && isOwn(received.error, 'MESSAGE_TOO_LARGE')) {
    return givenUp('the server closes the connection because a request on it was too large', 'not-executed');
  }
  if (message.sequenceId !== sequenceId) return new WireError(wrongId(message, sequenceId));
  if (message.name !== name && message.name !== wireName) {
    return new WireError(`the server answered ${JSON.stringify(message.name)} to a call of ${JSON.stringify(name)}`);
  }
  const { type } = received;
  const confused =
    type === ApplicationFault.INVALID_MESSAGE_TYPE ||
    type === ApplicationFault.WRONG_METHOD_NAME ||
    type === ApplicationFault.BAD_SEQUENCE_ID;
  return confused ? new WireError(`the server lost track of the connection: ${received.error.message}`) : undefined;
}

/** The error of a call whose connection ends because of another call of this client. */
export function givenUp(sentence: string, disposition: Disposition): RpcError {
  return ownError('CONNECTION_GIVEN_UP', sentence, { disposition });
}

/** Whether a server of ours has said that it takes no more calls on this connection. */
export function isShutdown(error: RpcError): boolean {
  return error.disposition === 'not-executed' && isOwn(error, 'SHUTDOWN');
}

/** The answer is not this call's, so neither are those behind it. */
function breach(attempt: Attempt, type: ApplicationFault, sentence: string): Error {
  attempt.fail(
    ownError(`THRIFT_${faultName(type)}`, `the server broke the protocol: ${sentence}`, {
      code: 'INTERNAL',
      disposition: 'unknown',
    }),
  );
  return new WireError(sentence);
}

function wrongId(message: Incoming, sequenceId: number): string {
  return `the answer has the sequence id ${message.sequenceId}, the call had ${sequenceId}`;
}
