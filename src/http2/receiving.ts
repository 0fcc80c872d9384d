/**
 * The receiving half of a connection: puts header blocks together, keeps the windows that we gave, and says of each frame
 * whether RFC 9113 allows it where it stands. What it means is decided by the connection.
 */
import type { Host } from './byte-pipe.js';
import { ConnectionError, ErrorCode, frameSizeError, protocolError } from './error-code.js';
import { defaultWindow, Flag, FrameType, uint31, uint32 } from './frame.js';
import type { FrameReceiver } from './frame-reader.js';
import type { FrameWriter } from './frame-writer.js';
import { type HeaderBlockOwner, HeaderBlocks } from './header-blocks.js';
import { type ConnectionLimits, Nuisance, type NuisanceBudget } from './limits.js';
import type { Stream } from './stream.js';

export interface ReceivingOwner extends HeaderBlockOwner {
  /** A DATA frame of an open stream begins; undefined where its bytes are of no use to anybody. */
  dataFor(id: number, length: number, end: boolean): Stream | undefined;
  /** The frame is over; `payload` is its length without padding. */
  dataEnded(stream: Stream, payload: number, end: boolean): void;
  /** The stream is in no state that allows the frame. */
  streamFault(id: number, code: number, message: string): void;
  resetByPeer(id: number, code: number): void;
  settings(bytes: Uint8Array, from: number, to: number): void;
  settingsAcknowledged(): void;
  pinged(bytes: Uint8Array, from: number): void;
  pingAcknowledged(): void;
  goneAway(lastId: number, code: number, debug: string): void;
  windowUpdated(id: number, increment: number): void;
  /** Whether a stream with this id was never opened. */
  isIdle(id: number): boolean;
}

export class Receiving implements FrameReceiver {
  readonly #owner: ReceivingOwner;
  readonly #frames: FrameWriter;
  readonly #host: Host;
  readonly #limits: ConnectionLimits;
  readonly #nuisance: NuisanceBudget;
  readonly #blocks: HeaderBlocks;
  #settled = false;
  /** What the peer may still send on this connection. */
  #window = defaultWindow;
  /** Of all streams: came, and was not consumed. */
  #unread = 0;
  /** Came, and was not yet given back to the connection's window. */
  #owed = 0;
  /** Of `#owed`: what only goes back when streams are read. */
  #withheld = 0;
  /** The DATA frame that is coming. */
  #dataStream: Stream | undefined;
  #dataLength = 0;
  #dataPayload = 0;
  #dataEnds = false;

  constructor(
    owner: ReceivingOwner,
    frames: FrameWriter,
    host: Host,
    limits: ConnectionLimits,
    nuisance: NuisanceBudget,
  ) {
    this.#owner = owner;
    this.#frames = frames;
    this.#host = host;
    this.#limits = limits;
    this.#nuisance = nuisance;
    this.#blocks = new HeaderBlocks(owner, host, limits);
  }

  /** Announces the window of the connection, behind our SETTINGS. */
  openWindow(): void {
    const more = this.#limits.connectionWindow - this.#window;
    if (more <= 0) return;
    this.#window += more;
    this.#frames.windowUpdate(0, more);
  }

  // Frames

  frame(type: number, flags: number, id: number, bytes: Uint8Array, from: number, to: number): void {
    this.#blocks.check(type, id);
    if (!this.#settled) this.#settle(type, flags);
    switch (type) {
      case FrameType.HEADERS:
        this.#blocks.headers(flags, id, bytes, from, to);
        return;
      case FrameType.PRIORITY:
        this.#priority(id, bytes, from, to);
        return;
      case FrameType.RST_STREAM:
        this.#rstStream(id, bytes, from, to);
        return;
      case FrameType.SETTINGS:
        this.#settings(flags, id, bytes, from, to);
        return;
      case FrameType.PUSH_PROMISE:
        throw protocolError('PUSH_PROMISE is not accepted');
      case FrameType.PING:
        this.#ping(flags, id, bytes, from, to);
        return;
      case FrameType.GOAWAY:
        this.#goAway(id, bytes, from, to);
        return;
      case FrameType.WINDOW_UPDATE:
        this.#windowUpdate(id, bytes, from, to);
        return;
      case FrameType.CONTINUATION:
        this.#blocks.continuation(flags, id, bytes, from, to);
        return;
      default:
        this.#nuisance.spend(Nuisance.unknownFrame);
    }
  }

  dataStart(id: number, length: number, flags: number): void {
    this.#blocks.check(FrameType.DATA, id);
    if (!this.#settled) this.#settle(FrameType.DATA, flags);
    if (id === 0) throw protocolError('DATA on stream 0');
    if (length > this.#window) {
      throw new ConnectionError(ErrorCode.FLOW_CONTROL_ERROR, 'more DATA than the window of the connection');
    }
    this.#window -= length;
    this.#unread += length;
    this.#owed += length;
    this.#dataLength = length;
    this.#dataPayload = 0;
    this.#dataEnds = (flags & Flag.END_STREAM) !== 0;
    const stream = this.#owner.dataFor(id, length, this.#dataEnds);
    this.#dataStream = stream;
    if (stream === undefined) this.#release(length);
    else {
      stream.receiveWindow -= length;
      stream.unread += length;
    }
    // A connection whose streams are read slowly stops here; one whose streams are read takes no notice.
    if (this.#unread > this.#limits.connectionWindow / 2)
      this.#withheld = Math.min(this.#owed, this.#withheld + length);
    else this.#repay();
  }

  data(bytes: Uint8Array, from: number, to: number): void {
    const stream = this.#dataStream;
    this.#dataPayload += to - from;
    if (stream === undefined || stream.closed) return;
    stream.received += to - from;
    stream.receiver.data(stream, bytes, from, to);
  }

  dataEnd(): void {
    const stream = this.#dataStream;
    this.#dataStream = undefined;
    if (stream === undefined || stream.closed) return;
    // Nobody will say that padding was read.
    const padding = this.#dataLength - this.#dataPayload;
    if (padding > 0) this.consume(stream, padding);
    this.#owner.dataEnded(stream, this.#dataPayload, this.#dataEnds);
  }

  /** The application has taken `bytes` of the stream. */
  consume(stream: Stream, bytes: number): void {
    const taken = Math.min(bytes, stream.unread);
    stream.unread -= taken;
    this.#release(taken);
    if (stream.closed || stream.remoteClosed) return;
    stream.owed += taken;
    if (stream.owed < this.#limits.streamWindow / 2) return;
    stream.receiveWindow += stream.owed;
    this.#frames.windowUpdate(stream.id, stream.owed);
    stream.owed = 0;
  }

  /** The stream is over: what was not taken of it never will be. */
  forget(stream: Stream): void {
    this.#release(stream.unread);
    stream.unread = 0;
  }

  #release(bytes: number): void {
    this.#unread -= bytes;
    this.#withheld = Math.max(0, this.#withheld - bytes);
    this.#repay();
  }

  #repay(): void {
    const due = this.#owed - this.#withheld;
    if (due < this.#limits.connectionWindow / 4) return;
    this.#owed -= due;
    this.#window += due;
    this.#frames.windowUpdate(0, due);
  }

  #settle(type: number, flags: number): void {
    if (type !== FrameType.SETTINGS || (flags & Flag.ACK) !== 0)
      throw protocolError('the first frame must be SETTINGS');
    this.#settled = true;
  }

  #priority(id: number, bytes: Uint8Array, from: number, to: number): void {
    if (id === 0) throw protocolError('PRIORITY on stream 0');
    this.#nuisance.spend(Nuisance.priority);
    if (to - from !== 5) this.#owner.streamFault(id, ErrorCode.FRAME_SIZE_ERROR, 'PRIORITY does not have 5 bytes');
    else if (uint31(bytes, from) === id) {
      this.#owner.streamFault(id, ErrorCode.PROTOCOL_ERROR, 'a stream depends on itself');
    }
  }

  #rstStream(id: number, bytes: Uint8Array, from: number, to: number): void {
    if (to - from !== 4) throw frameSizeError('RST_STREAM does not have 4 bytes');
    if (id === 0 || this.#owner.isIdle(id)) throw protocolError('RST_STREAM of a stream that was never opened');
    this.#nuisance.spend(Nuisance.reset);
    this.#owner.resetByPeer(id, uint32(bytes, from));
  }

  #settings(flags: number, id: number, bytes: Uint8Array, from: number, to: number): void {
    if (id !== 0) throw protocolError('SETTINGS on a stream');
    if ((flags & Flag.ACK) !== 0) {
      if (to !== from) throw frameSizeError('an acknowledgement of SETTINGS has a payload');
      this.#owner.settingsAcknowledged();
      return;
    }
    if ((to - from) % 6 !== 0) throw frameSizeError('SETTINGS is no multiple of 6 bytes');
    this.#nuisance.spend(Nuisance.settings + (to - from) / 6);
    this.#owner.settings(bytes, from, to);
  }

  #ping(flags: number, id: number, bytes: Uint8Array, from: number, to: number): void {
    if (id !== 0) throw protocolError('PING on a stream');
    if (to - from !== 8) throw frameSizeError('PING does not have 8 bytes');
    if ((flags & Flag.ACK) !== 0) this.#owner.pingAcknowledged();
    else this.#owner.pinged(bytes, from);
  }

  #goAway(id: number, bytes: Uint8Array, from: number, to: number): void {
    if (id !== 0) throw protocolError('GOAWAY on a stream');
    if (to - from < 8) throw frameSizeError('GOAWAY has fewer than 8 bytes');
    const debug = this.#host.latin1(bytes, from + 8, Math.min(to, from + 264));
    this.#owner.goneAway(uint31(bytes, from), uint32(bytes, from + 4), debug);
  }

  #windowUpdate(id: number, bytes: Uint8Array, from: number, to: number): void {
    if (to - from !== 4) throw frameSizeError('WINDOW_UPDATE does not have 4 bytes');
    if (id !== 0 && this.#owner.isIdle(id)) throw protocolError('WINDOW_UPDATE of a stream that was never opened');
    const increment = uint31(bytes, from);
    if (increment > 0) this.#owner.windowUpdated(id, increment);
    else if (id === 0) throw protocolError('WINDOW_UPDATE of 0');
    else this.#owner.streamFault(id, ErrorCode.PROTOCOL_ERROR, 'WINDOW_UPDATE of 0');
  }
}
