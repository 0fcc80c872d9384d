/**
 * The outermost layer of a client: makes a Call, runs its pipeline, and gives the caller
 * something to await or iterate. Everything attached to the call goes when it ends.
 */
import { type AnswerStep, answerFrom, answerTo } from '../call/answer-steps.js';
import { atOnce, hasAtOnce } from '../call/at-once.js';
import { Call, type CallOptions } from '../call/call.js';
import { currentCall } from '../call/current.js';
import { HeaderMap } from '../call/headers.js';
import type { Handler } from '../call/interceptor.js';
import type { Peer } from '../call/peer.js';
import { markDownstream, RpcError } from '../call/rpc-error.js';
import type { Encoding } from '../contract/codec.js';
import type { MethodType } from '../contract/method.js';
import { abortSignal } from '../contract/option-kinds.js';
import { knownOptions } from '../contract/option-names.js';
import { followSignal } from './follow-signal.js';
import type { CallInfo, StreamCall, UnaryCall } from './types.js';

/** One method of a client, ready to be called. */
export interface Bound {
  readonly method: MethodType;
  readonly handler: Handler;
  readonly encoding: Encoding;
  /** Whether headers may arrive where a call goes; they may where nothing is said. */
  readonly carriesHeaders?: boolean;
  /** Sent with every call. */
  readonly headers: HeaderMap | undefined;
}

export function invokeUnary(bound: Bound, request: unknown, options: CallOptions | undefined): UnaryCall<unknown> {
  const call = begin(bound, request, options);
  return new Unary(call, bound.handler);
}

export function invokeStream(bound: Bound, request: unknown, options: CallOptions | undefined): StreamCall<unknown> {
  const call = begin(bound, request, options);
  return new Stream(call, answerFrom(bound.handler, call));
}

const checkCallOptions = knownOptions<CallOptions>({
  timeout: true,
  signal: abortSignal,
  headers: true,
  idempotencyKey: true,
});

function begin(bound: Bound, request: unknown, options: CallOptions | undefined): Call {
  const { method, encoding, headers } = bound;
  if (options !== undefined) checkCallOptions(options, method.path, '');
  const given = options?.headers;
  const parent = currentCall();
  const call = new Call({
    method,
    side: 'client',
    encoding,
    request,
    options,
    parent,
    carriesHeaders: bound.carriesHeaders !== false,
    headers: headers === undefined && given === undefined ? undefined : merged(headers, given),
  });
  const signal = options?.signal;
  if (signal !== undefined) followSignal(call, signal);
  if (parent !== undefined) serve(parent, call);
  return call;
}

/** A call made inside a handler ends with the call that the handler serves; work that goes on after the answer is free. */
function serve(parent: Call, call: Call): void {
  const abort = (): void => call.abort(new RpcError('CANCELLED', 'the call that this one serves was cancelled'));
  // Also when its handler has not noticed yet: what it still begins is work that nobody waits for.
  if (parent.aborted !== undefined) abort();
  else if (!parent.finished) call.onFinish(parent.onAbort(abort));
}

function merged(base: HeaderMap | undefined, given: CallOptions['headers']): HeaderMap {
  const headers = new HeaderMap(base);
  if (given !== undefined) {
    const own = new HeaderMap(given);
    for (const [name] of own) headers.delete(name);
    for (const [name, value] of own) headers.append(name, value);
  }
  return headers;
}

/** A promise that can be asked for more. */
class Unary extends Promise<unknown> implements UnaryCall<unknown> {
  readonly #call: Call;

  constructor(call: Call, handler: Handler) {
    super((resolve, reject) => {
      const last = new Settle(resolve, reject);
      const refused = call.aborted?.withDisposition('not-executed');
      if (refused === undefined) answerTo(handler, call, last);
      else last.failed(refused, call);
    });
    this.#call = call;
  }

  get headers(): Promise<HeaderMap> {
    return headersOf(this.#call);
  }

  get trailers(): Promise<HeaderMap> {
    return trailersOf(this.#call);
  }

  get peer(): Peer {
    return this.#call.peer;
  }

  get attempts(): number {
    return this.#call.attempts;
  }

  get fellBack(): CallInfo['fellBack'] {
    return this.#call.fellBack;
  }
}

// Whoever awaits one, or asks it for `then`, gets by without one more of its kind.
Object.defineProperty(Unary.prototype, 'constructor', { value: Promise });

class Settle implements AnswerStep {
  outer: AnswerStep | undefined = undefined;
  readonly #resolve: (response: unknown) => void;
  readonly #reject: (error: unknown) => void;

  constructor(resolve: (response: unknown) => void, reject: (error: unknown) => void) {
    this.#resolve = resolve;
    this.#reject = reject;
  }

  answered(response: unknown, call: Call): void {
    call.finish();
    this.#resolve(response);
  }

  failed(error: unknown, call: Call): void {
    markDownstream(error);
    call.finish();
    this.#reject(error);
  }
}

class Stream implements StreamCall<unknown>, CallInfo {
  readonly #call: Call;
  #opening: Promise<AsyncIterator<unknown>> | undefined;
  #iterator: AsyncIterator<unknown> | undefined;
  #iterated = false;
  /** Messages that the reader waits for. */
  #asked = 0;
  /** Nothing more comes: the reader wants no more, or has been told what the call failed with. */
  #stopped = false;

  constructor(call: Call, response: Promise<unknown>) {
    this.#call = call;
    this.#opening = response.then((stream) => {
      this.#opening = undefined;
      this.#iterator = (stream as AsyncIterable<unknown>)[Symbol.asyncIterator]();
      return this.#iterator;
    });
    // The error is for the one who iterates; a stream that nobody reads must not end the process.
    this.#opening.catch(() => call.finish());
  }

  next(): Promise<IteratorResult<unknown>> {
    if (this.#stopped) return Promise.resolve({ done: true, value: undefined });
    const iterator = this.#iterator;
    // Not past a reader that asked before.
    if (iterator === undefined || this.#asked > 0 || !hasAtOnce(iterator)) return this.#later();
    const here = iterator[atOnce]();
    if (here === undefined) return this.#later();
    if (here.done === true) this.#call.finish();
    return Promise.resolve(here);
  }

  async #later(): Promise<IteratorResult<unknown>> {
    this.#asked += 1;
    try {
      const iterator = this.#iterator ?? (await this.#opening);
      if (iterator === undefined) return { done: true, value: undefined };
      // Also of a call that is over: what came before its end was not read yet, nor the error that ended it.
      const result = await iterator.next();
      if (result.done === true) this.#call.finish();
      return result;
    } catch (error) {
      this.#call.finish();
      this.#opening = undefined;
      if (this.#stopped) return { done: true, value: undefined };
      this.#stopped = true;
      markDownstream(error);
      throw error;
    } finally {
      this.#asked -= 1;
    }
  }

  /** Ends the call, and cancels it at the server if it was still going. */
  async return(): Promise<IteratorResult<unknown>> {
    this.#stopped = true;
    if (!this.#call.finished) {
      this.#call.abort(new RpcError('CANCELLED', 'the caller stopped reading'));
      this.#call.finish();
    }
    return { done: true, value: undefined };
  }

  [Symbol.asyncIterator](): this {
    if (this.#iterated) {
      throw new TypeError(`the stream of ${this.#call.method.path} is read already; a stream has one reader`);
    }
    this.#iterated = true;
    return this;
  }

  get headers(): Promise<HeaderMap> {
    return headersOf(this.#call);
  }

  get trailers(): Promise<HeaderMap> {
    return trailersOf(this.#call);
  }

  get peer(): Peer {
    return this.#call.peer;
  }

  get attempts(): number {
    return this.#call.attempts;
  }

  get fellBack(): CallInfo['fellBack'] {
    return this.#call.fellBack;
  }
}

function headersOf(call: Call): Promise<HeaderMap> {
  return new Promise((resolve) => {
    call.onResponseHeaders(resolve);
    atEnd(call, () => resolve(call.responseHeaders));
  });
}

function trailersOf(call: Call): Promise<HeaderMap> {
  return new Promise((resolve) => atEnd(call, () => resolve(call.responseTrailers)));
}

/** Nothing more comes of a call that was aborted, though a stream that nobody reads is never finished. */
function atEnd(call: Call, fn: () => void): void {
  call.onFinish(fn);
  call.onAbort(fn);
}
