/**
 * HTTP/2 over a byte pipe, for both roles. A connection is one object and a stream is one object; frames make none, and what a
 * turn of the event loop sends leaves in one write. No server push and no priorities.
 *
 * A fault of a message costs its stream, a fault of the connection's state costs the connection, and an exception of a
 * receiver costs the connection that it came on and nothing else.
 * Source: RFC 9113.
 */
import type { BytePipe, Host, PipeReceiver } from './byte-pipe.js';
import { ConnectionError, ErrorCode, errorCodeName } from './error-code.js';
import { largestFrameSize, largestWindow, lastStreamId, preface, Setting, uint32 } from './frame.js';
import { FrameReader } from './frame-reader.js';
import { type HeaderList, requestFault } from './header-list.js';
import type { Indexing } from './hpack-encoder.js';
import { Input, type InputOwner } from './input.js';
import { Keepalive, type KeepaliveTerms } from './keepalive.js';
import { type ConnectionLimits, defaultLimits, Nuisance, NuisanceBudget } from './limits.js';
import { Outbox } from './outbox.js';
import { Receiving, type ReceivingOwner } from './receiving.js';
import { Sending } from './sending.js';
import {
  moreHeadersFault,
  Stream,
  type StreamCarrier,
  type StreamFailure,
  type StreamReceiver,
  type Trailers,
  type WriteFields,
} from './stream.js';
import { StreamIds } from './stream-ids.js';
import { StreamTable } from './stream-table.js';
import { Watchdog } from './watchdog.js';

export interface ConnectionEvents {
  /** A server's: a request has come. `headers.tooLarge` asks for a refusal. Returns what gets the rest of it. */
  accept?(stream: Stream, headers: HeaderList, end: boolean): StreamReceiver;
  /** The peer's first SETTINGS have come: a client may begin streams. */
  ready?(): void;
  /** A client's: there is, or may be, room for another stream. */
  room?(): void;
  /** The peer takes no new streams. */
  goneAway?(code: number, debug: string): void;
  /** So many bytes wait for the peer to read them, with what was just sent: more than a few. */
  waits?(bytes: number): void;
  /** More wait than may (`maxUnsent`): the connection is ended. */
  unread?(bytes: number): void;
  /** Called once. Streams have been told before. */
  closed?(error: Error | undefined): void;
}

export interface ConnectionInit {
  readonly role: 'client' | 'server';
  readonly pipe: BytePipe;
  readonly host: Host;
  readonly events: ConnectionEvents;
  readonly limits?: Partial<ConnectionLimits>;
  /** Default: none. */
  readonly keepalive?: KeepaliveTerms;
  /** How the values of headers are written, by name. */
  readonly indexing?: ReadonlyMap<string, Indexing>;
}

/** Bytes of acknowledgements that may wait to be sent before a client stops reading. */
const maxReactions = 65_536;
/** Bytes waiting for the peer of which nobody is told. */
const fewBytes = 65_536;
/** ms to let a GOAWAY reach the peer. */
const lingerMs = 1_000;
const noIndexing: ReadonlyMap<string, Indexing> = new Map();
const ownPing = new Uint8Array(8);

/** Gets what comes on a stream that no application has taken. */
const unheard: StreamReceiver = {
  head: () => {},
  data: (stream, _bytes, from, to) => stream.consume(to - from),
  end: () => {},
  failed: () => {},
  writable: () => {},
};

export class Connection implements PipeReceiver, ReceivingOwner, StreamCarrier, InputOwner {
  readonly #server: boolean;
  readonly #pipe: BytePipe;
  readonly #host: Host;
  readonly #events: ConnectionEvents;
  readonly #limits: ConnectionLimits;
  readonly #nuisance: NuisanceBudget;
  readonly #outbox: Outbox;
  readonly #sending: Sending;
  readonly #receiving: Receiving;
  readonly #input: Input;
  readonly #watchdog: Watchdog;
  readonly #keepalive: Keepalive | undefined;
  readonly #streams = new StreamTable();
  readonly #ids: StreamIds;
  #peerMaxStreams = 100;
  /** Bytes of a header list that the peer takes, as it says. */
  peerMaxHeaderList = Number.POSITIVE_INFINITY;
  /** Streams that are closed and whose work goes on. */
  #lingering = 0;
  #ready = false;
  #peerGone = false;
  #draining = false;
  /** A GOAWAY for a fault, or the end of the pipe: nothing is read any more. */
  #ended = false;
  #closed = false;
  #reactions = 0;
  /** Chunks that came. */
  heard = 0;
  readonly #pings: (() => void)[] = [];

  constructor(init: ConnectionInit) {
    const { role, pipe, host, events } = init;
    this.#server = role === 'server';
    this.#pipe = pipe;
    this.#host = host;
    this.#events = events;
    this.#limits = { ...defaultLimits, ...init.limits };
    this.#ids = new StreamIds(this.#server);
    this.#nuisance = new NuisanceBudget(this.#limits.nuisancePerSecond, host.now);
    this.#outbox = new Outbox(pipe, host, () => this.#watchdog.wrote());
    this.#sending = new Sending(
      this.#outbox,
      { sentEnd: (stream) => this.#sentEnd(stream) },
      init.indexing ?? noIndexing,
    );
    this.#receiving = new Receiving(this, this.#sending, host, this.#limits, this.#nuisance);
    const reader = new FrameReader(this.#receiving, host, this.#limits.maxFrameSize, this.#server);
    this.#input = new Input(pipe, host, reader, this);
    this.#watchdog = new Watchdog(host, this.#limits, this.#outbox, (code, message) => this.fail(code, message));
    this.#keepalive =
      init.keepalive === undefined
        ? undefined
        : new Keepalive(host, init.keepalive, this, (message) => this.#end(new Error(message)));
    pipe.receiver = this;
    this.#greet();
  }

  /** Streams that are open. */
  get size(): number {
    return this.#streams.size;
  }

  /** Bytes that wait for the peer to read. */
  get unsent(): number {
    return this.#sending.bytes;
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** A client's: how many streams more may be opened now. */
  get available(): number {
    if (!this.#ready || this.#peerGone || this.#draining || this.#ended) return 0;
    return this.#ids.exhausted ? 0 : this.#peerMaxStreams - this.#streams.size;
  }

  /** A client's: opens a stream; undefined where `available` is 0. Its head must be sent in the same turn. */
  open(receiver: StreamReceiver): Stream | undefined {
    if (this.available <= 0) return undefined;
    const { initialWindow } = this.#sending;
    const stream = new Stream(this, this.#ids.take(), receiver, initialWindow, this.#limits.streamWindow);
    this.#streams.add(stream);
    this.#keepalive?.wake();
    return stream;
  }

  /** Calls `answered` when the peer has acknowledged. */
  ping(answered: () => void): void {
    this.#pings.push(answered);
    this.#sending.ping(ownPing, 0, false);
  }

  /**
   * Refuses new streams and ends the connection when the open ones are over. A server first says that it will, and refuses from
   * a round trip later on, so that no request that was on its way is lost. Source: RFC 9113, section 6.8.
   */
  drain(): void {
    if (this.#draining || this.#ended) return;
    this.#draining = true;
    if (!this.#server) {
      this.#sending.goAway(0, ErrorCode.NO_ERROR, '');
      this.#endWhenEmpty();
      return;
    }
    this.#sending.goAway(lastStreamId, ErrorCode.NO_ERROR, '');
    const refuse = (): void => {
      cancel();
      if (this.#ended || this.#ids.lastAcceptedId !== lastStreamId) return;
      this.#ids.lastAcceptedId = this.#ids.lastPeerId;
      this.#sending.goAway(this.#ids.lastPeerId, ErrorCode.NO_ERROR, '');
      this.#endWhenEmpty();
    };
    const cancel = this.#host.setTimer(refuse, lingerMs);
    this.ping(refuse);
  }

  /** Ends the connection with a GOAWAY, and all streams with it. */
  fail(code: number, message: string): void {
    if (this.#ended) return;
    this.#sending.goAway(this.#ids.lastPeerId, code, message);
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
    this.#reactions = 0;
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

  // What frames mean

  headers(id: number, list: HeaderList, end: boolean, selfDependent: boolean): void {
    const stream = this.#streams.get(id);
    if (stream !== undefined) this.#moreHeaders(stream, list, end, selfDependent);
    else if (this.#server) this.#accept(id, list, end, selfDependent);
    else if (this.isIdle(id))
      throw new ConnectionError(ErrorCode.PROTOCOL_ERROR, 'HEADERS of a stream that was never opened');
  }

  dataFor(id: number, length: number, end: boolean): Stream | undefined {
    const stream = this.#streams.get(id);
    if (stream === undefined) {
      if (this.isIdle(id))
        throw new ConnectionError(ErrorCode.PROTOCOL_ERROR, 'DATA of a stream that was never opened');
      this.#nuisance.spend(Nuisance.uselessData);
      // What we reset, the peer may not know of yet.
      if (!this.#ids.wasReset(id) && id <= this.#ids.lastAcceptedId) this.#rst(id, ErrorCode.STREAM_CLOSED);
      return undefined;
    }
    if (stream.remoteClosed) {
      this.streamFault(id, ErrorCode.STREAM_CLOSED, 'DATA after the end of the stream');
      return undefined;
    }
    if (length > stream.receiveWindow) {
      this.streamFault(id, ErrorCode.FLOW_CONTROL_ERROR, 'more DATA than the window of the stream');
      return undefined;
    }
    if (!this.#server && !stream.headed) {
      this.streamFault(id, ErrorCode.PROTOCOL_ERROR, 'DATA before HEADERS');
      return undefined;
    }
    if (end) stream.remoteClosed = true;
    return stream;
  }

  dataEnded(stream: Stream): void {
    this.#remoteEnd(stream, undefined);
  }

  streamFault(id: number, code: number, message: string): void {
    // A peer can make us reset as often as it can reset.
    this.#nuisance.spend(Nuisance.reset);
    const stream = this.#streams.get(id);
    this.#rst(id, code);
    if (stream !== undefined) this.#fail(stream, { code, by: 'us', message, unprocessed: false });
  }

  resetByPeer(id: number, code: number): void {
    const stream = this.#streams.get(id);
    if (stream === undefined) return;
    const unprocessed = code === ErrorCode.REFUSED_STREAM;
    const message = `the peer reset the stream with ${errorCodeName(code)}`;
    this.#fail(stream, { code, by: 'peer', message, unprocessed });
  }

  settings(bytes: Uint8Array, from: number, to: number): void {
    for (let at = from; at < to; at += 6) {
      const setting = ((bytes[at] as number) << 8) | (bytes[at + 1] as number);
      this.#apply(setting, uint32(bytes, at + 2));
    }
    this.#sending.settingsAck();
    this.#react();
    this.#sending.pump();
    if (!this.#ready) {
      this.#ready = true;
      this.#events.ready?.();
    } else this.#events.room?.();
  }

  settingsAcknowledged(): void {
    this.#watchdog.shookHands();
  }

  pinged(bytes: Uint8Array, from: number): void {
    if (this.#reactions > maxReactions) this.#nuisance.spend(Nuisance.unreadAck);
    this.#sending.ping(bytes, from, true);
    this.#react();
  }

  pingAcknowledged(_bytes: Uint8Array, _from: number): void {
    this.#pings.shift()?.();
  }

  goneAway(lastId: number, code: number, debug: string): void {
    this.#peerGone = true;
    if (!this.#server) {
      const message = `the server retires the connection with ${errorCodeName(code)}${debug === '' ? '' : ` (${debug})`}`;
      for (const stream of this.#streams.all()) {
        if (stream.id > lastId)
          this.#fail(stream, { code: ErrorCode.REFUSED_STREAM, by: 'peer', message, unprocessed: true });
      }
    }
    this.#events.goneAway?.(code, debug);
    if (!this.#server) this.#endWhenEmpty();
  }

  windowUpdated(id: number, increment: number): void {
    if (id === 0) {
      if (increment < 64 && this.#sending.blocked) this.#nuisance.spend(Nuisance.dribble);
      this.#sending.widen(increment);
      this.#sending.pump();
      return;
    }
    const stream = this.#streams.get(id);
    if (stream === undefined) return;
    if (increment < 64 && stream.queue.length > 0) this.#nuisance.spend(Nuisance.dribble);
    if (stream.sendWindow + increment > largestWindow) {
      this.streamFault(id, ErrorCode.FLOW_CONTROL_ERROR, 'the window of a stream is larger than 2^31-1');
      return;
    }
    stream.sendWindow += increment;
    if (stream.queue.length > 0) this.#sending.pump();
  }

  isIdle(id: number): boolean {
    return this.#ids.isIdle(id);
  }

  blockOpen(open: boolean): void {
    this.#watchdog.headerBlock(open);
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

  workDone(): void {
    this.#lingering--;
  }

  reset(stream: Stream, code: number): void {
    if (stream.closed) return;
    this.#rst(stream.id, code);
    this.#drop(stream);
  }

  // Inside

  #greet(): void {
    const { maxConcurrentStreams, streamWindow, maxFrameSize, maxHeaderListSize } = this.#limits;
    if (!this.#server) this.#outbox.copy(preface);
    this.#sending.settings([
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
    return this.#reactions > 2 * maxReactions;
  }

  #react(): void {
    this.#reactions += 17;
  }

  #apply(setting: number, value: number): void {
    switch (setting) {
      case Setting.HEADER_TABLE_SIZE:
        this.#sending.setTableSize(value);
        return;
      case Setting.ENABLE_PUSH:
        if (value > 1 || (value === 1 && !this.#server)) {
          throw new ConnectionError(ErrorCode.PROTOCOL_ERROR, 'ENABLE_PUSH has a value that it cannot have');
        }
        return;
      case Setting.MAX_CONCURRENT_STREAMS:
        this.#peerMaxStreams = value;
        return;
      case Setting.INITIAL_WINDOW_SIZE:
        if (value > largestWindow) {
          throw new ConnectionError(ErrorCode.FLOW_CONTROL_ERROR, 'INITIAL_WINDOW_SIZE is larger than 2^31-1');
        }
        this.#sending.setInitialWindow(value, this.#streams.all());
        return;
      case Setting.MAX_FRAME_SIZE:
        if (value < 16_384 || value > largestFrameSize) {
          throw new ConnectionError(ErrorCode.PROTOCOL_ERROR, 'MAX_FRAME_SIZE is out of range');
        }
        this.#sending.setMaxFrameSize(value);
        return;
      case Setting.MAX_HEADER_LIST_SIZE:
        this.peerMaxHeaderList = value;
    }
  }

  #accept(id: number, list: HeaderList, end: boolean, selfDependent: boolean): void {
    if ((id & 1) === 0) throw new ConnectionError(ErrorCode.PROTOCOL_ERROR, 'a client opened a stream with an even id');
    if (id <= this.#ids.lastPeerId) {
      if (this.#ids.wasReset(id)) return;
      const code = this.#ids.skipped(id) ? ErrorCode.PROTOCOL_ERROR : ErrorCode.STREAM_CLOSED;
      throw new ConnectionError(code, 'HEADERS of a stream that is closed');
    }
    this.#ids.opened(id);
    if (id > this.#ids.lastAcceptedId) return;
    const full = this.#streams.size + this.#lingering >= this.#limits.maxConcurrentStreams;
    if (full || this.#sending.bytes > this.#limits.maxUnsent / 2) {
      this.#nuisance.spend(Nuisance.refused);
      this.#rst(id, ErrorCode.REFUSED_STREAM);
      return;
    }
    if (list.tooLarge) this.#nuisance.spend(Nuisance.headersTooLarge);
    const fault = selfDependent ? 'a stream depends on itself' : list.tooLarge ? undefined : requestFault(list);
    if (fault !== undefined) {
      this.streamFault(id, ErrorCode.PROTOCOL_ERROR, fault);
      return;
    }
    this.#begin(id, list, end);
  }

  #begin(id: number, list: HeaderList, end: boolean): void {
    const { initialWindow } = this.#sending;
    const stream = new Stream(this, id, unheard, initialWindow, this.#limits.streamWindow);
    stream.headed = true;
    stream.contentLength = list.contentLength;
    stream.remoteClosed = end;
    this.#streams.add(stream);
    if (end && list.contentLength > 0) {
      this.streamFault(id, ErrorCode.PROTOCOL_ERROR, 'content-length is not the length of the content');
      return;
    }
    const receiver = this.#events.accept?.(stream, list, end);
    if (receiver !== undefined) stream.receiver = receiver;
  }

  #moreHeaders(stream: Stream, list: HeaderList, end: boolean, selfDependent: boolean): void {
    const fault = moreHeadersFault(stream, list, end, selfDependent);
    if (fault !== undefined) {
      this.streamFault(stream.id, fault.code, fault.message);
      return;
    }
    if (stream.headed) {
      stream.remoteClosed = true;
      this.#remoteEnd(stream, list);
    } else if (list.status >= 200) {
      stream.headed = true;
      stream.contentLength = list.contentLength;
      stream.remoteClosed = end;
      stream.receiver.head(stream, list, end);
      if (end) this.#settle(stream);
    }
  }

  #remoteEnd(stream: Stream, trailers: HeaderList | undefined): void {
    if (stream.contentLength >= 0 && stream.contentLength !== stream.received) {
      this.streamFault(stream.id, ErrorCode.PROTOCOL_ERROR, 'content-length is not the length of the content');
      return;
    }
    stream.receiver.end(stream, trailers);
    this.#settle(stream);
  }

  #sentEnd(stream: Stream): void {
    // A server that has answered wants no more of the request. Source: RFC 9113, section 8.1.
    if (this.#server && !stream.remoteClosed && !stream.closed) this.reset(stream, ErrorCode.NO_ERROR);
    else this.#settle(stream);
  }

  #settle(stream: Stream): void {
    if (stream.remoteClosed && stream.localClosed) this.#drop(stream);
  }

  #rst(id: number, code: number): void {
    this.#sending.rstStream(id, code);
    this.#react();
    this.#ids.reset(id);
  }

  #drop(stream: Stream): void {
    if (stream.closed) return;
    stream.closed = true;
    if (stream.working) this.#lingering++;
    this.#streams.delete(stream);
    this.#sending.forget(stream);
    this.#receiving.forget(stream);
    // A server may ping whenever it likes; servers forbid clients to, while no stream is open.
    if (this.#streams.size === 0 && !this.#server) this.#keepalive?.rest();
    this.#events.room?.();
    this.#endWhenEmpty();
  }

  #fail(stream: Stream, failure: StreamFailure): void {
    if (stream.closed) return;
    this.#drop(stream);
    stream.receiver.failed(stream, failure);
  }

  #endWhenEmpty(): void {
    if (this.#streams.size > 0 || this.#ended) return;
    const refused = this.#server
      ? this.#draining && this.#ids.lastAcceptedId !== lastStreamId
      : this.#draining || this.#peerGone;
    if (refused) this.#end(undefined);
  }

  broken(error: unknown): void {
    if (error instanceof ConnectionError) this.fail(error.code, error.message);
    else {
      this.#sending.goAway(this.#ids.lastPeerId, ErrorCode.INTERNAL_ERROR, '');
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
    for (const stream of this.#streams.all())
      this.#fail(stream, { code, by: 'connection', message, unprocessed: false });
    this.#pings.length = 0;
    this.#events.closed?.(error);
  }
}
