/**
 * One call, as interceptors and handlers see it, on either side. A handler of the pipeline
 * takes it and returns the response: a message for one answer, an AsyncIterable for many.
 *
 * Everything that most calls never touch (signal, response headers, listeners) is made on first use.
 */
import type { Encoding } from '../contract/codec.js';
import { releaseDecoded } from '../contract/decode-budget.js';
import type { MethodType } from '../contract/method.js';
import type { Criticality } from '../contract/policy.js';
import type { AnswerStep } from './answer-steps.js';
import type { AttemptKind, CallerContract, Lease, Permit, ResponseWatch } from './attachments.js';
import type { CallTrace } from './call-trace.js';
import { peerPrincipal } from './certificate-name.js';
import type { CommitHooks } from './commit-hooks.js';
import { correlationIdOf } from './correlation-id.js';
import type { Deadline } from './deadline.js';
import { HeaderMap, type HeadersInit, noHeaders, type RawHeaders } from './headers.js';
import { Lifetime, tell } from './lifetime.js';
import type { Peer } from './peer.js';
import type { Disposition } from './rpc-error.js';

/** Options of one call. */
export interface CallOptions {
  /** Time for the whole call: ms, or `"200ms"`. Overrides what the IDL says; `Infinity`: no bound. */
  readonly timeout?: number | string;
  readonly signal?: AbortSignal;
  readonly headers?: HeadersInit;
  /**
   * Of a KEYED method: the key, in the place of one made for this call. Calls with one key have one effect, also those
   * of another process. 1 to 255 printable ASCII characters; `newIdempotencyKey()` makes the kind that expires safely.
   */
  readonly idempotencyKey?: string;
}

export interface CallInit {
  readonly method: MethodType;
  readonly side: 'client' | 'server';
  readonly encoding: Encoding;
  readonly headers?: HeaderMap | (() => HeaderMap) | undefined;
  /** What `headers` makes its map of. */
  readonly rawHeaders?: RawHeaders;
  /** `false` where the wire has no place for headers, either way. Default true. */
  readonly carriesHeaders?: boolean;
  readonly peer?: Peer | (() => Peer);
  /** The address that the call came to (server): `127.0.0.1:50051`, `unix:/path`. */
  readonly local?: (() => string) | undefined;
  readonly request: unknown;
  readonly deadline?: Deadline | undefined;
  readonly options?: CallOptions | undefined;
  /** The call that this one is an attempt of (client). */
  readonly outer?: Call;
  /** The call in whose handler this one is made (client). */
  readonly parent?: Call | undefined;
}

const noPeer: Peer = { address: '' };
const noOptions: CallOptions = {};

const headersSent =
  'the headers of the response have been sent; set them before the first message, or use responseTrailers';

export class Call extends Lifetime {
  readonly method: MethodType;
  readonly side: 'client' | 'server';
  readonly encoding: Encoding;
  /** Whether headers go with this call, either way: what nobody would get need not be made. */
  readonly carriesHeaders: boolean;
  /**
   * One message, or an AsyncIterable of messages where the request streams. Between the codec
   * stage and the wire a single message is its bytes.
   */
  request: unknown;
  deadline: Deadline | undefined;
  readonly options: CallOptions;
  /** Attempts begun so far; of an attempt, its own number from 1 (client). */
  attempts = 0;
  /** The call that this one is an attempt of (client). */
  readonly outer: Call | undefined;
  /** The call in whose handler this one is made (client). */
  readonly parent: Call | undefined;
  /** The endpoints that attempts of this call went to, in order; kept by whoever picks them (client). */
  tried: Lease[] | undefined;
  /** What the caller got in the place of an answer, when there was none to be had (client). */
  fellBack: 'value' | 'stale' | 'function' | undefined;
  /** The endpoint that this attempt went to; set by whoever picked it (client). */
  lease: Lease | undefined;
  /** Why this attempt was begun; undefined of a call that is not one (client). */
  attemptKind: AttemptKind | undefined;
  /** Who is told of what happens to this call; undefined when nobody traces it. */
  trace: CallTrace | undefined;
  /** ms that the call waited to be let in, if it did (server). */
  queued: number | undefined;
  /** What is known of the caller's contract; undefined for one without Hawser (server). */
  caller: CallerContract | undefined;
  /** Who looks at what comes back (client). */
  watch: ResponseWatch | undefined;
  /** Whether the handler was started (server). */
  handlerStarted = false;
  /** What is known better than by `handlerStarted`: work was rolled back, or goes on elsewhere (server, KEYED methods). */
  verdict: Disposition | undefined;
  /** The key of a KEYED method's call, once it is known: made or given (client), read (server). */
  idempotencyKey: string | undefined;
  /** The stores whose transactions wait for this call, for the calls that it makes (server, KEYED methods). */
  transactions: string | undefined;
  /** The bytes of a response that has been encoded already, so that the codec takes them as they are (server). */
  encoded: { readonly response: unknown; readonly bytes: Uint8Array } | undefined;
  /** The database transaction that commits together with the record of this call's key (server, KEYED methods). */
  tx: unknown;
  /** What waits for that transaction to commit (server, KEYED methods). */
  commit: CommitHooks | undefined;
  /** What `authenticate` said of the caller besides the name: claims, a tenant, scopes (server). */
  identity: unknown;
  /** Whether the caller is believed when it calls its request more critical than the IDL does (server). */
  trusted = false;
  /** What this call is worth under overload, once someone asked; see criticality.ts (server). */
  criticality: Criticality | undefined;
  /** Given back when the call is over (server). */
  permit: Permit | undefined;
  /** When the permit was taken, on the server's clock. */
  permittedAt = 0;
  /** What the stages that have begun will do with the answer, the innermost first; see answer-steps.ts. */
  step: AnswerStep | undefined = undefined;
  /** The clock, as `handOn` handed it on to the stages that run now; NaN at all other times. See clock-reading.ts. */
  reading = Number.NaN;
  /** Bytes in memory that were charged for the request (server); see decode-budget.ts. */
  decodedBytes = 0;
  /** What rings at the deadline; taken back when the call is over. */
  alarm: { cancel(): void } | undefined;
  #headers: HeaderMap | (() => HeaderMap) | undefined;
  readonly #rawHeaders: RawHeaders | undefined;
  #peer: Peer | (() => Peer);
  readonly #local: (() => string) | undefined;
  #responseHeaders: HeaderMap | (() => HeaderMap) | undefined;
  #responseTrailers: HeaderMap | (() => HeaderMap) | undefined;
  #onResponseHeaders: ((headers: HeaderMap) => void)[] | undefined;
  #headersReceived = false;
  #responseHeadersSent = false;
  #heir: Call | undefined;
  #correlationId: string | undefined;
  #principal: string | undefined;

  constructor(init: CallInit) {
    super();
    this.method = init.method;
    this.side = init.side;
    this.encoding = init.encoding;
    this.carriesHeaders = init.carriesHeaders ?? true;
    this.request = init.request;
    this.deadline = init.deadline;
    this.options = init.options ?? noOptions;
    this.outer = init.outer;
    this.parent = init.parent;
    this.tried = undefined;
    this.lease = undefined;
    this.attemptKind = undefined;
    this.trace = undefined;
    this.queued = undefined;
    this.caller = undefined;
    this.watch = undefined;
    this.idempotencyKey = undefined;
    this.#headers = init.headers;
    this.#rawHeaders = init.rawHeaders;
    this.#local = init.local;
    this.#peer = init.peer ?? noPeer;
  }

  /** One message of a stream as it goes to the wire. An interceptor may wrap it, by assignment. */
  encodeItem(message: unknown): Uint8Array {
    const codec = this.side === 'client' ? this.method.request : this.method.response;
    return codec.encode(message, this.encoding);
  }

  /** One message of a stream as it comes from the wire. An interceptor may wrap it, by assignment. */
  decodeItem(bytes: Uint8Array): unknown {
    const codec = this.side === 'client' ? this.method.response : this.method.request;
    return codec.decode(bytes, this.encoding);
  }

  /**
   * One id through the whole call tree, in every log line: the caller's, when it is 1 to 128 letters, digits and `._:-`;
   * else the id of its trace, else a new one.
   */
  get correlationId(): string {
    if (this.outer !== undefined) return this.outer.correlationId;
    this.#correlationId ??= correlationIdOf(this.rawHeaders, this.trace?.traceId);
    return this.#correlationId;
  }

  set correlationId(id: string) {
    this.#correlationId = id;
  }

  /** The caller's headers. */
  get headers(): HeaderMap {
    if (typeof this.#headers === 'function') this.#headers = this.#headers();
    else if (this.#headers === undefined) this.#headers = new HeaderMap();
    return this.#headers;
  }

  /** Whether there is any header; answers without making the map. */
  get hasHeaders(): boolean {
    if (this.#headers === undefined) return false;
    return this.headers.size > 0;
  }

  /** For a look at one of the headers: as they came, as long as nobody has asked for the map of all. */
  get rawHeaders(): RawHeaders {
    if (typeof this.#headers === 'function') return this.#rawHeaders ?? this.headers;
    return this.#headers ?? noHeaders;
  }

  get peer(): Peer {
    if (typeof this.#peer === 'function') this.#peer = this.#peer();
    return this.#peer;
  }

  set peer(peer: Peer) {
    this.#peer = peer;
  }

  /** The address that the call came to (server); undefined when its transport has none. */
  get local(): string | undefined {
    return this.#local === undefined ? this.outer?.local : this.#local();
  }

  /**
   * The caller's name, for quotas and the scope of idempotency keys (server): what authentication said, else the name in the
   * certificate that the peer proved to own, else `anonymous`.
   */
  get principal(): string {
    this.#principal ??= peerPrincipal(this.peer);
    return this.#principal;
  }

  set principal(principal: string) {
    this.#principal = principal;
  }

  /** The version of the contract that the caller was built with, `1.4.0`; undefined when it does not say (server). */
  get peerVersion(): string | undefined {
    return this.caller?.version;
  }

  /**
   * Whether a feature of the IDL may be used towards the caller: both ends understand it, and it is active at both. Of a
   * caller without Hawser, and of a name that the IDL does not have: no (server).
   */
  has(feature: string): boolean {
    return this.caller?.features.includes(feature) === true;
  }

  /** Sent before the first message of the response (server), and a TypeError when changed after that; received (client). */
  get responseHeaders(): HeaderMap {
    if (typeof this.#responseHeaders === 'function') this.#responseHeaders = this.#responseHeaders();
    else if (this.#responseHeaders === undefined) {
      this.#responseHeaders = new HeaderMap();
      if (this.#responseHeadersSent) this.#responseHeaders.seal(headersSent);
    }
    return this.#responseHeaders;
  }

  /** For transports (server): the headers of the response are on their way. */
  sealResponseHeaders(): void {
    this.#responseHeadersSent = true;
    if (this.#responseHeaders !== undefined) this.responseHeaders.seal(headersSent);
  }

  /** Sent with the status (server); complete once the call has ended (client). */
  get responseTrailers(): HeaderMap {
    if (typeof this.#responseTrailers === 'function') this.#responseTrailers = this.#responseTrailers();
    else this.#responseTrailers ??= new HeaderMap();
    return this.#responseTrailers;
  }

  get hasResponseHeaders(): boolean {
    return this.#responseHeaders !== undefined && this.responseHeaders.size > 0;
  }

  get hasResponseTrailers(): boolean {
    return this.#responseTrailers !== undefined && this.responseTrailers.size > 0;
  }

  /** Whether the response's headers have come (client). */
  get headersReceived(): boolean {
    return this.#headersReceived;
  }

  /**
   * This call is answered by `attempt`: its peer, headers and trailers become this call's, those
   * that are still to come too.
   */
  adopt(attempt: Call): void {
    if (attempt === this) return;
    this.#peer = attempt.#peer;
    if (attempt.#headersReceived && attempt.#responseHeaders !== undefined) {
      this.receiveHeaders(attempt.#responseHeaders);
    }
    this.#responseTrailers = attempt.#responseTrailers;
    attempt.#heir = this;
  }

  /** What came of a first attempt that was this call itself is nothing to the attempts that follow it. */
  forget(): void {
    this.#headersReceived = false;
    this.#responseHeaders = undefined;
    this.#responseTrailers = undefined;
    this.watch = undefined;
  }

  /** For transports (client): the response's headers have come; as a function, read when someone looks. */
  receiveHeaders(headers: HeaderMap | (() => HeaderMap), raw?: RawHeaders): void {
    if (this.#headersReceived) return;
    this.#headersReceived = true;
    this.#responseHeaders = headers;
    this.watch?.received(raw ?? this.responseHeaders, this, false);
    const listeners = this.#onResponseHeaders;
    this.#onResponseHeaders = undefined;
    if (listeners !== undefined) tell(listeners, this.responseHeaders);
    this.#heir?.receiveHeaders(headers);
  }

  /** For transports (client): the call's trailers have come; as a function, read when someone looks. */
  receiveTrailers(trailers: HeaderMap | (() => HeaderMap), raw?: RawHeaders): void {
    this.#responseTrailers = trailers;
    if (!this.#headersReceived) this.watch?.received(raw ?? this.responseTrailers, this, true);
    this.#heir?.receiveTrailers(trailers);
  }

  /** Calls `fn` with the response's headers when they come, at once if they have (client). */
  onResponseHeaders(fn: (headers: HeaderMap) => void): void {
    if (this.#headersReceived) fn(this.responseHeaders);
    else {
      this.#onResponseHeaders ??= [];
      this.#onResponseHeaders.push(fn);
    }
  }

  /** What the caller may be told of whether the handler ran (server). */
  get disposition(): Disposition {
    return this.verdict ?? (this.handlerStarted ? 'executed' : 'not-executed');
  }

  protected override release(): void {
    if (this.decodedBytes > 0) releaseDecoded(this);
    this.alarm?.cancel();
    this.permit?.release(this);
  }
}
