/**
 * What frames mean where they come: which stream a message belongs to, whether its state allows it, and what a fault of it
 * costs, the stream or the connection.
 * Source: RFC 9113, sections 5.1, 6 and 8.
 */
import type { ConnectionEvents } from './connection-init.js';
import { ConnectionError, ErrorCode, errorCodeName, protocolError } from './error-code.js';
import { largestWindow, uint32 } from './frame.js';
import { type HeaderList, requestFault } from './header-list.js';
import { type ConnectionLimits, Nuisance, type NuisanceBudget } from './limits.js';
import type { LiveStreams } from './live-streams.js';
import { PeerSettings } from './peer-settings.js';
import type { ReceivingOwner } from './receiving.js';
import type { Sending } from './sending.js';
import { moreHeadersFault, Stream, type StreamCarrier, type StreamReceiver } from './stream.js';
import type { Watchdog } from './watchdog.js';

/** Bytes of acknowledgements that may wait to be sent. */
export const maxReactions = 65_536;
/** An increment below this for something that has bytes to send is a dribble. */
const smallIncrement = 64;
/** A payload below this that does not end its stream: each prefix of a gRPC message has as many bytes. */
const tinyPayload = 5;

/** Gets what comes on a stream that no application has taken. */
const unheard: StreamReceiver = {
  head: () => {},
  data: (stream, _bytes, from, to) => stream.consume(to - from),
  end: () => {},
  failed: () => {},
  writable: () => {},
};

export interface IncomingInit {
  readonly server: boolean;
  readonly carrier: StreamCarrier;
  readonly live: LiveStreams;
  readonly sending: Sending;
  readonly limits: ConnectionLimits;
  readonly nuisance: NuisanceBudget;
  readonly watchdog: Watchdog;
  readonly events: ConnectionEvents;
  /** The peer takes no new streams: the connection may be over. */
  readonly endWhenEmpty: () => void;
}

export class Incoming implements ReceivingOwner {
  readonly #init: IncomingInit;
  readonly #server: boolean;
  readonly #live: LiveStreams;
  readonly #sending: Sending;
  readonly #nuisance: NuisanceBudget;
  readonly peer: PeerSettings;
  /** The peer's first SETTINGS have come. */
  ready = false;
  /** The peer has said GOAWAY. */
  peerGone = false;
  /** PINGs of ours that are not acknowledged. */
  readonly pings: (() => void)[] = [];

  constructor(init: IncomingInit) {
    this.#init = init;
    this.#server = init.server;
    this.#live = init.live;
    this.#sending = init.sending;
    this.#nuisance = init.nuisance;
    this.peer = new PeerSettings(init.server, init.sending, init.live, init.nuisance);
  }

  headers(id: number, list: HeaderList, end: boolean, selfDependent: boolean): void {
    const stream = this.#live.get(id);
    if (list.tooLarge) this.#nuisance.spend(Nuisance.headersTooLarge);
    if (stream !== undefined) this.#moreHeaders(stream, list, end, selfDependent);
    else if (this.#server) this.#accept(id, list, end, selfDependent);
    else if (this.isIdle(id)) throw protocolError('HEADERS of a stream that was never opened');
    else this.#nuisance.spend(Nuisance.uselessHeaders);
  }

  dataFor(id: number, length: number, end: boolean): Stream | undefined {
    const stream = this.#live.get(id);
    if (stream === undefined) {
      this.#uselessData(id);
      return undefined;
    }
    let fault: string | undefined;
    let code: number = ErrorCode.PROTOCOL_ERROR;
    if (stream.remoteClosed) {
      code = ErrorCode.STREAM_CLOSED;
      fault = 'DATA after the end of the stream';
    } else if (length > stream.receiveWindow) {
      code = ErrorCode.FLOW_CONTROL_ERROR;
      fault = 'more DATA than the window of the stream';
    } else if (!this.#server && !stream.headed) fault = 'DATA before HEADERS';
    if (fault !== undefined) {
      this.streamFault(id, code, fault);
      return undefined;
    }
    if (end) stream.remoteClosed = true;
    return stream;
  }

  #uselessData(id: number): void {
    if (this.isIdle(id)) throw protocolError('DATA of a stream that was never opened');
    this.#nuisance.spend(Nuisance.uselessData);
    // What we reset, the peer may not know of yet.
    const { ids } = this.#live;
    if (!ids.wasReset(id) && id <= ids.lastAcceptedId) this.#live.rst(id, ErrorCode.STREAM_CLOSED);
  }

  dataEnded(stream: Stream, payload: number, end: boolean): void {
    if (end) this.#remoteEnd(stream, undefined);
    else if (payload === 0) this.#nuisance.spend(Nuisance.emptyData);
    else if (payload < tinyPayload) this.#nuisance.spend(Nuisance.tinyData);
  }

  streamFault(id: number, code: number, message: string): void {
    // A peer can make us reset as often as it can reset.
    this.#nuisance.spend(Nuisance.reset);
    const stream = this.#live.get(id);
    this.#live.rst(id, code);
    if (stream !== undefined) this.#live.fail(stream, { code, by: 'us', message, unprocessed: false });
  }

  resetByPeer(id: number, code: number): void {
    const stream = this.#live.get(id);
    if (stream === undefined) return;
    const unprocessed = code === ErrorCode.REFUSED_STREAM;
    const message = `the peer reset the stream with ${errorCodeName(code)}`;
    this.#live.fail(stream, { code, by: 'peer', message, unprocessed });
  }

  settings(bytes: Uint8Array, from: number, to: number): void {
    for (let at = from; at < to; at += 6) {
      const setting = ((bytes[at] as number) << 8) | (bytes[at + 1] as number);
      this.peer.apply(setting, uint32(bytes, at + 2));
    }
    this.#sending.frames.settingsAck();
    this.#sending.pump();
    const { events } = this.#init;
    if (this.ready) events.room?.();
    else {
      this.ready = true;
      events.ready?.();
    }
  }

  settingsAcknowledged(): void {
    this.#nuisance.spend(Nuisance.uselessAck);
    this.#init.watchdog.shookHands();
  }

  pinged(bytes: Uint8Array, from: number): void {
    const { frames } = this.#sending;
    if (frames.reactions > maxReactions) this.#nuisance.spend(Nuisance.unreadAck);
    frames.ping(bytes, from, true);
  }

  pingAcknowledged(): void {
    const answered = this.pings.shift();
    if (answered === undefined) this.#nuisance.spend(Nuisance.uselessAck);
    else answered();
  }

  goneAway(lastId: number, code: number, debug: string): void {
    this.#nuisance.spend(Nuisance.goAway);
    this.peerGone = true;
    if (!this.#server) {
      const message = `the server retires the connection with ${errorCodeName(code)}${debug === '' ? '' : ` (${debug})`}`;
      const failure = { code: ErrorCode.REFUSED_STREAM, by: 'peer', message, unprocessed: true } as const;
      for (const stream of this.#live.all()) if (stream.id > lastId) this.#live.fail(stream, failure);
    }
    this.#init.events.goneAway?.(code, debug);
    if (!this.#server) this.#init.endWhenEmpty();
  }

  windowUpdated(id: number, increment: number): void {
    if (id === 0) {
      if (increment < smallIncrement && this.#sending.blocked) this.#nuisance.spend(Nuisance.dribble);
      this.#sending.widen(increment);
      this.#sending.pump();
      return;
    }
    const stream = this.#live.get(id);
    if (stream === undefined) return;
    if (increment < smallIncrement && stream.queue.length > 0) this.#nuisance.spend(Nuisance.dribble);
    if (stream.sendWindow + increment > largestWindow) {
      this.streamFault(id, ErrorCode.FLOW_CONTROL_ERROR, 'the window of a stream is larger than 2^31-1');
      return;
    }
    stream.sendWindow += increment;
    if (stream.queue.length > 0) this.#sending.pump();
  }

  isIdle(id: number): boolean {
    return this.#live.ids.isIdle(id);
  }

  blockOpen(open: boolean): void {
    this.#init.watchdog.headerBlock(open);
  }

  #accept(id: number, list: HeaderList, end: boolean, selfDependent: boolean): void {
    const { ids } = this.#live;
    if ((id & 1) === 0) throw protocolError('a client opened a stream with an even id');
    if (id <= ids.lastPeerId) {
      const code = ids.skipped(id) ? ErrorCode.PROTOCOL_ERROR : ErrorCode.STREAM_CLOSED;
      if (!ids.wasReset(id)) throw new ConnectionError(code, 'HEADERS of a stream that is closed');
      this.#nuisance.spend(Nuisance.uselessHeaders);
      return;
    }
    ids.opened(id);
    if (id > ids.lastAcceptedId) return;
    const { maxConcurrentStreams, maxHeldHeaders, maxUnsent } = this.#init.limits;
    const held = this.#live.headBytes + heldBytes(list);
    if (this.#live.busy >= maxConcurrentStreams || this.#sending.bytes > maxUnsent / 2 || held > maxHeldHeaders) {
      this.#nuisance.spend(Nuisance.refused);
      this.#live.rst(id, ErrorCode.REFUSED_STREAM);
      return;
    }
    const fault = selfDependent ? 'a stream depends on itself' : list.tooLarge ? undefined : requestFault(list);
    if (fault === undefined) this.#begin(id, list, end);
    else this.streamFault(id, ErrorCode.PROTOCOL_ERROR, fault);
  }

  #begin(id: number, list: HeaderList, end: boolean): void {
    const { carrier, limits, events } = this.#init;
    const stream = new Stream(carrier, id, unheard, this.#sending.initialWindow, limits.streamWindow);
    stream.headed = true;
    stream.headBytes = heldBytes(list);
    stream.contentLength = list.contentLength;
    stream.remoteClosed = end;
    this.#live.add(stream);
    if (end && list.contentLength > 0) {
      this.streamFault(id, ErrorCode.PROTOCOL_ERROR, 'content-length is not the length of the content');
      return;
    }
    const receiver = events.accept?.(stream, list, end);
    if (receiver !== undefined) stream.receiver = receiver;
  }

  #moreHeaders(stream: Stream, list: HeaderList, end: boolean, selfDependent: boolean): void {
    const fault = moreHeadersFault(stream, list, end, selfDependent);
    if (fault !== undefined) this.streamFault(stream.id, fault.code, fault.message);
    else if (stream.headed) {
      stream.remoteClosed = true;
      this.#remoteEnd(stream, list);
    } else if (list.status < 200) this.#nuisance.spend(Nuisance.interim);
    else {
      stream.headed = true;
      stream.contentLength = list.contentLength;
      stream.remoteClosed = end;
      stream.receiver.head(stream, list, end);
      if (end) this.#live.settle(stream);
    }
  }

  #remoteEnd(stream: Stream, trailers: HeaderList | undefined): void {
    if (stream.contentLength >= 0 && stream.contentLength !== stream.received) {
      this.streamFault(stream.id, ErrorCode.PROTOCOL_ERROR, 'content-length is not the length of the content');
      return;
    }
    stream.receiver.end(stream, trailers);
    this.#live.settle(stream);
  }
}

/** Nothing is kept of a list that is too large. */
function heldBytes(list: HeaderList): number {
  return list.tooLarge ? 0 : list.size;
}
