/**
 * HTTP/2 over a byte pipe, for both roles. A connection is one object and a stream is one object; frames make none, and what a
 * turn of the event loop sends leaves in one write. No server push and no priorities.
 *
 * A fault of a message costs its stream, a fault of the connection's state costs the connection, and an exception of a
 * receiver costs the connection that it came on and nothing else.
 * Source: RFC 9113.
 */
import type { BytePipe, Host, PipeReceiver } from './byte-pipe.js';
import type { ConnectionEvents, ConnectionInit } from './connection-init.js';
import { Drain } from './drain.js';
import { ConnectionError, ErrorCode } from './error-code.js';
import { preface, Setting } from './frame.js';
import { FrameReader } from './frame-reader.js';
import type { Indexing } from './hpack-encoder.js';
import { Incoming, maxReactions } from './incoming.js';
import { Input, type InputOwner } from './input.js';
import { Keepalive } from './keepalive.js';
import { type ConnectionLimits, defaultLimits, NuisanceBudget } from './limits.js';
import { LiveStreams } from './live-streams.js';
import { Outbox } from './outbox.js';
import { Receiving } from './receiving.js';
import { Sending } from './sending.js';
import { Stream, type StreamCarrier, type StreamReceiver, type Trailers, type WriteFields } from './stream.js';
import { Watchdog } from './watchdog.js';

export type { ConnectionEvents, ConnectionInit } from './connection-init.js';

/** Bytes waiting for the peer of which nobody is told. */
const fewBytes = 65_536;
/** ms to let a GOAWAY reach the peer. */
const lingerMs = 1_000;
const noIndexing: ReadonlyMap<string, Indexing> = new Map();
const ownPing = new Uint8Array(8);

export class Connection implements PipeReceiver, StreamCarrier, InputOwner {
  readonly #server: boolean;
  readonly #pipe: BytePipe;
  readonly #host: Host;
  readonly #events: ConnectionEvents;
  readonly #limits: ConnectionLimits;
  readonly #outbox: Outbox;
  readonly #sending: Sending;
  readonly #receiving: Receiving;
  readonly #incoming: Incoming;
  readonly #input: Input;
  readonly #watchdog: Watchdog;
  readonly #keepalive: Keepalive | undefined;
  readonly #live: LiveStreams;
  readonly #drain: Drain;
  /** A GOAWAY for a fault, or the end of the pipe: nothing is read any more. */
  #ended = false;
  #closed = false;
  /** Chunks that came. */
  heard = 0;

  constructor(init: ConnectionInit) {
    const { role, pipe, host, events } = init;
    const server = role === 'server';
    this.#server = server;
    this.#pipe = pipe;
    this.#host = host;
    this.#events = events;
    const limits = { ...defaultLimits, ...init.limits };
    this.#limits = limits;
    const nuisance = new NuisanceBudget(limits.nuisancePerSecond, host.now);
    this.#outbox = new Outbox(pipe, host, () => this.#watchdog.wrote());
    const watchdog = new Watchdog(host, limits, this.#outbox, (code, message) => this.fail(code, message));
    this.#watchdog = watchdog;
    const sentEnd = (stream: Stream): void => this.#live.sentEnd(stream);
    const sending = new Sending(this.#outbox, { sentEnd }, init.indexing ?? noIndexing);
    this.#sending = sending;
    const live = new LiveStreams(server, sending, (stream) => this.#dropped(stream));
    this.#live = live;
    const endWhenEmpty = (): void => this.#endWhenEmpty();
    this.#incoming = new Incoming({
      server,
      carrier: this,
      live,
      sending,
      limits,
      nuisance,
      watchdog,
      events,
      endWhenEmpty,
    });
    this.#receiving = new Receiving(this.#incoming, sending.frames, host, limits, nuisance);
    this.#input = new Input(pipe, host, new FrameReader(this.#receiving, host, limits.maxFrameSize, server), this);
    this.#keepalive =
      init.keepalive === undefined
        ? undefined
        : new Keepalive(host, init.keepalive, this, (message) => this.#end(new Error(message)));
    this.#drain = new Drain(this, host, live, sending.frames, endWhenEmpty);
    pipe.receiver = this;
    this.#greet();
  }

  /** Streams that are open. */
  get size(): number {
    return this.#live.size;
  }

  /** Bytes that wait for the peer to read. */
  get unsent(): number {
    return this.#sending.bytes;
  }

  /** Bytes of a header list that the peer takes, as it says. */
  get peerMaxHeaderList(): number {
    return this.#incoming.peer.maxHeaderList;
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** A client's: how many streams more may be opened now. */
  get available(): number {
    const { ready, peerGone, peer } = this.#incoming;
    if (!ready || peerGone || this.#drain.started || this.#ended) return 0;
    return this.#live.ids.exhausted ? 0 : peer.maxStreams - this.#live.size;
  }

  /** A client's: opens a stream; undefined where `available` is 0. Its head must be sent in the same turn. */
  open(receiver: StreamReceiver): Stream | undefined {
    if (this.available <= 0) return undefined;
    const { initialWindow } = this.#sending;
    const stream = new Stream(this, this.#live.ids.take(), receiver, initialWindow, this.#limits.streamWindow);
    this.#live.add(stream);
    this.#keepalive?.wake();
    return stream;
  }

  /** Calls `answered` when the peer has acknowledged. */
  ping(answered: () => void): void {
    this.#incoming.pings.push(answered);
    this.#sending.frames.ping(ownPing, 0, false);
  }

  /** Refuses new streams and ends the connection when the open ones are over; see drain.ts. */
  drain(): void {
    if (!this.#ended) this.#drain.start();
  }

  /** Ends the connection with a GOAWAY, and all streams with it. */
  fail(code: number, message: string): void {
    if (this.#ended) return;
    this.#sending.frames.goAway(this.#live.ids.lastPeerId, code, message);
    this.#end(new ConnectionError(code, message));
  }

  // The pipe

  received(bytes: Uint8Array): void {
    if (this.#ended) return;
    this.heard++;
    this.#input.take(bytes);
  }

  written(): void {
    this.#outbox.written();
    this.#sending.frames.reactions = 0;
    if (this.#ended) {
      if (this.#outbox.bytes === 0) this.#pipe.end();
      return;
    }
    this.#sending.pump();
    this.#input.goOn();
  }

  ended(): void {
    this.#end(undefined);
  }

  lost(error: Error | undefined): void {
    this.#close(error);
  }

  // What streams ask

  sendHead(stream: Stream, maxBytes: number, write: WriteFields, end: boolean): void {
    if (stream.closed || stream.localClosed) return;
    this.#sending.headers(stream, maxBytes, write, end);
  }

  send(stream: Stream, bytes: Uint8Array): boolean {
    const waiting = this.#sending.bytes;
    if (waiting <= this.#limits.maxUnsent) {
      const room = this.#sending.data(stream, bytes);
      if (waiting > fewBytes) this.#events.waits?.(this.#sending.bytes);
      return room;
    }
    this.#events.unread?.(waiting);
    this.fail(ErrorCode.ENHANCE_YOUR_CALM, `${waiting} bytes wait for the peer to read them`);
    return true;
  }

  get chunk(): Uint8Array {
    // `reserve` has made it.
    return this.#outbox.chunk as Uint8Array;
  }

  reserve(stream: Stream, bytes: number): number {
    return this.#outbox.bytes > this.#limits.unsentBeforePause ? -1 : this.#sending.reserveData(stream, bytes);
  }

  commit(stream: Stream, at: number, length: number, end: boolean): void {
    this.#sending.commitData(stream, at, length, end);
  }

  finish(stream: Stream, trailers: Trailers | undefined): void {
    this.#sending.finish(stream, trailers);
  }

  consume(stream: Stream, bytes: number): void {
    this.#receiving.consume(stream, bytes);
  }

  workDone(stream: Stream): void {
    this.#live.workDone(stream);
  }

  reset(stream: Stream, code: number): void {
    this.#live.reset(stream, code);
  }

  // Inside

  #greet(): void {
    const { maxConcurrentStreams, streamWindow, maxFrameSize, maxHeaderListSize } = this.#limits;
    if (!this.#server) this.#outbox.copy(preface);
    this.#sending.frames.settings([
      this.#server ? [Setting.MAX_CONCURRENT_STREAMS, maxConcurrentStreams] : [Setting.ENABLE_PUSH, 0],
      [Setting.INITIAL_WINDOW_SIZE, streamWindow],
      [Setting.MAX_FRAME_SIZE, maxFrameSize],
      [Setting.MAX_HEADER_LIST_SIZE, maxHeaderListSize],
    ]);
    this.#receiving.openWindow();
    this.#watchdog.start();
    if (this.#server) this.#keepalive?.wake();
  }

  /**
   * A server reads no requests while the outbox is full. Bytes that wait for windows do not count, as only reading opens windows.
   * A client reads answers whatever it has to send: both sides would wait for ever else.
   */
  mustWait(): boolean {
    if (this.#server && this.#outbox.bytes >= this.#limits.unsentBeforePause) return true;
    return this.#sending.frames.reactions > 2 * maxReactions;
  }

  #dropped(stream: Stream): void {
    this.#receiving.forget(stream);
    // A server may ping whenever it likes; servers forbid clients to, while no stream is open.
    if (this.#live.size === 0 && !this.#server) this.#keepalive?.rest();
    this.#events.room?.();
    this.#endWhenEmpty();
  }

  #endWhenEmpty(): void {
    if (this.#live.size > 0 || this.#ended) return;
    if (this.#drain.refuses || (!this.#server && this.#incoming.peerGone)) this.#end(undefined);
  }

  broken(error: unknown): void {
    if (error instanceof ConnectionError) this.fail(error.code, error.message);
    else {
      this.#sending.frames.goAway(this.#live.ids.lastPeerId, ErrorCode.INTERNAL_ERROR, '');
      this.#end(error instanceof Error ? error : new Error(String(error)));
    }
  }

  /** Sends what is left, closes our side, and gives the peer a moment to close its own. */
  #end(error: Error | undefined): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#input.stop();
    this.#outbox.flush();
    // A write in flight comes first: `written` goes on.
    if (this.#outbox.bytes === 0) this.#pipe.end();
    this.#host.setTimer(() => this.#pipe.destroy(), lingerMs);
    this.#lose(error);
  }

  #close(error: Error | undefined): void {
    this.#ended = true;
    this.#input.stop();
    this.#outbox.close();
    this.#lose(error);
  }

  #lose(error: Error | undefined): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#watchdog.stop();
    this.#keepalive?.stop();
    const code = error instanceof ConnectionError ? error.code : ErrorCode.NO_ERROR;
    const message = error?.message ?? 'the connection is closed';
    const failure = { code, by: 'connection', message, unprocessed: false } as const;
    for (const stream of this.#live.all()) this.#live.fail(stream, failure);
    this.#incoming.pings.length = 0;
    this.#events.closed?.(error);
  }
}
