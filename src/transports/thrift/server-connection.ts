/**
 * One connection to a server: reads while there is room, runs calls side by side, answers in
 * order. It ends when both sides are done, or all at once when the peer is lost or breaks the rules.
 */

import type { Socket } from 'node:net';
import type { Call } from '../../call/call.js';
import { laterTurn } from '../../call/clock.js';
import { InFlight } from '../../call/in-flight.js';
import { ownError } from '../../call/own-error.js';
import { type Owner, ownerOf } from '../../call/owner.js';
import type { Peer } from '../../call/peer.js';
import { countRefusal } from '../../call/refusals.js';
import { isRpcError, RpcError } from '../../call/rpc-error.js';
import type { Route } from '../../call/transport.js';
import { ApplicationFault } from '../../contract/thrift/application-exception.js';
import { TMessageType } from '../../contract/thrift/protocol.js';
import type { Holder, Holdings } from '../holdings.js';
import { refusal } from './application-errors.js';
import { FrameReader } from './frame-reader.js';
import { FrameTimer, stalled } from './frame-timer.js';
import { Compressed, type Incoming, openMessage } from './incoming.js';
import { Outbox } from './outbox.js';
import { ReplyQueue, type ReplySlot } from './reply-queue.js';
import type { RouteTable } from './routes.js';
import { type Answered, type ExchangeContext, encodeFailure, encodeResult, makeCall, run } from './server-exchange.js';
import { TurnSlice } from './turn-slice.js';
import { TurnedAway } from './turned-away.js';
import { Uncalled } from './uncalled.js';
import { FrameRefused, MessageTooLong, WireError } from './wire-error.js';

export interface ServerConnectionOptions extends ExchangeContext {
  readonly routes: RouteTable;
  readonly unframed: boolean;
  readonly zlib: boolean;
  readonly holdings: Holdings;
}

/**
 * ms that a connection which is to close stays open after its last message: Thrift cannot tell a client to send no more, so what is
 * on its way is read and refused, which is proof that it did not run, rather than cut off.
 */
const lingerMs = 100;

/** Bytes of messages that are taken in a turn; one message may be larger. */
const bytesPerTurn = 1_048_576;

export class ServerConnection implements Holder {
  readonly #socket: Socket;
  readonly #options: ServerConnectionOptions;
  readonly #reader: FrameReader;
  readonly #outbox: Outbox;
  readonly #replies: ReplyQueue;
  readonly #uncalled: Uncalled;
  readonly #turnedAway: TurnedAway;
  readonly #frameTimer: FrameTimer;
  readonly #slice: TurnSlice;
  /** Bytes of the requests in flight. */
  #inFlightBytes = 0;
  /** A payload is being inflated; what follows it waits. */
  #inflating = false;
  readonly #calls = new InFlight<Call>();
  /** Reading stopped because too much is under way. */
  #blocked = false;
  /** The peer has closed its sending side. */
  #peerEnded = false;
  /** No message will be taken any more. */
  #inputEnded = false;
  #draining = false;
  #ended = false;
  #cancelHalfClose: (() => void) | undefined;
  /** What the client has said of itself, where that is not in the headers. */
  #hello: string | undefined;
  #lastMessageAt = Number.NEGATIVE_INFINITY;
  #cancelLinger: (() => void) | undefined;
  /** Whether the socket has just been looked at. */
  #looked = false;
  /** As `isIdle` saw it. */
  #messageBefore = Number.NaN;
  #idleSince = 0;

  constructor(socket: Socket, options: ServerConnectionOptions) {
    this.#socket = socket;
    this.#options = options;
    this.#reader = new FrameReader(options.limits, options.unframed ? 'either' : 'framed');
    this.#outbox = new Outbox(socket, () => this.#roomMade());
    this.#replies = new ReplyQueue((bytes) => this.#outbox.put(bytes));
    this.#uncalled = new Uncalled(this.#replies, options, (sentence) => this.#log('warn', sentence));
    this.#turnedAway = new TurnedAway(this.#replies, this.#outbox, options);
    const { limits } = options;
    this.#frameTimer = new FrameTimer(
      options.dispatcher.clock,
      limits.frameTimeoutMs,
      (how) => {
        countRefusal(how === 'silent' ? 'FRAME_TIMEOUT' : 'FRAME_TOO_SLOW');
        this.#breakOff(`a frame was begun and ${stalled(how, limits)}`);
      },
      { wholeMs: limits.wholeFrameMs, leastRate: limits.minFrameRate },
    );
    this.#slice = new TurnSlice(limits.maxPerTurn, bytesPerTurn, options.dispatcher.clock, () => this.#roomMade());
    socket.on('data', (chunk: Buffer) => this.#onData(chunk));
    socket.on('end', () => this.#onEnd());
    socket.on('drain', () => this.#roomMade());
    socket.on('finish', () => socket.destroy());
    // The reason comes with it; 'close' follows and does the rest.
    socket.on('error', (error) => this.#log('debug', `the connection failed: ${error.message}`));
    socket.on('close', () => this.#onClose());
  }

  /** Whether nothing has come, or was under way, for `ms`. Asked again and again. */
  isIdle(ms: number, now: number): boolean {
    const busy = this.#calls.size + this.#replies.size + this.#reader.buffered + this.#outbox.bytes > 0;
    if (busy || this.#inflating || this.#lastMessageAt !== this.#messageBefore) {
      this.#messageBefore = this.#lastMessageAt;
      this.#idleSince = now;
      return false;
    }
    return now - this.#idleSince >= ms;
  }

  retire(): void {
    if (this.#draining) return;
    countRefusal('CONNECTION_IDLE');
    this.drain();
  }

  /** Answers what is under way, refuses what comes after, then closes. */
  drain(): void {
    this.#draining = true;
    this.#endWhenDone();
  }

  /** Aborts what is under way, answers it with that, and closes. */
  abort(reason: RpcError): void {
    for (const call of this.#calls) call.abort(reason);
    this.#inputEnded = true;
    // The aborted calls answer in a few microtasks; a handler that never settles is not waited for.
    setImmediate(() => this.#socket.destroy());
  }

  #onData(chunk: Buffer): void {
    if (this.#inputEnded) return;
    this.#frameTimer.progress(chunk.length);
    this.#reader.push(chunk);
    this.#takeMessages();
    if (!this.#socket.destroyed) this.#options.holdings.grown(this, this.heldBytes);
  }

  #takeMessages(): void {
    // The clock is read once for all that came together.
    const now = this.#options.dispatcher.clock.now();
    let taken = false;
    try {
      for (;;) {
        if (!this.#hasRoom()) {
          this.#block();
          return;
        }
        if (this.#inputEnded) break;
        const before = this.#reader.buffered;
        if (this.#draining || !this.#turnedAway.takeNext(this.#reader, now)) {
          const frame = this.#reader.next();
          if (frame === undefined) break;
          this.#take(frame, now);
        }
        this.#slice.take(before - this.#reader.buffered);
        taken = true;
        this.#lastMessageAt = now;
      }
    } catch (error) {
      if (error instanceof MessageTooLong) this.#uncalled.refuseLong(error);
      if (error instanceof WireError) this.#breakOff(error.message);
      else this.#giveUp(error);
      return;
    }
    this.#frameTimer.watch(!this.#inputEnded && this.#reader.buffered > 0, taken);
  }

  #hasRoom(): boolean {
    const { limits } = this.#options;
    return (
      !this.#slice.usedUp &&
      !this.#inflating &&
      this.#calls.size < limits.maxInFlight &&
      this.#inFlightBytes <= limits.maxInFlightBytes &&
      this.#replies.size < limits.maxInFlight &&
      this.#outbox.bytes + this.#replies.waitingBytes <= limits.outputHighWater
    );
  }

  #block(): void {
    this.#frameTimer.watch(false);
    if (this.#blocked) return;
    this.#blocked = true;
    this.#socket.pause();
  }

  #roomMade(): void {
    if (this.#blocked && this.#hasRoom()) {
      this.#blocked = false;
      this.#socket.resume();
      this.#takeMessages();
      if (this.#peerEnded && !this.#blocked) this.#endInput();
    }
    this.#endWhenDone();
  }

  #take(frame: Buffer, now: number): void {
    const { kind, framed } = this.#reader;
    if (kind === undefined || framed === undefined) return;
    let message: Incoming | Compressed;
    try {
      message = openMessage(frame, kind, framed, this.#options);
    } catch (error) {
      if (!(error instanceof FrameRefused)) throw error;
      this.#refuseFrame(error);
      return;
    }
    if (message instanceof Compressed) this.#inflate(message);
    else this.#receive(message, now, frame.length);
  }

  /** Messages are taken in their order, so those behind wait until this one is there. */
  #inflate(message: Compressed): void {
    this.#inflating = true;
    message.inflate((inflated) => {
      this.#inflating = false;
      if (this.#socket.destroyed) return;
      try {
        if (inflated instanceof WireError) this.#breakOff(inflated.message);
        else if (inflated instanceof FrameRefused) this.#refuseFrame(inflated);
        else this.#receive(inflated, this.#options.dispatcher.clock.now(), inflated.body.length);
        this.#roomMade();
      } catch (error) {
        this.#giveUp(error);
      }
    });
  }

  #refuseFrame(error: FrameRefused): void {
    this.#uncalled.refuseFrame(error, this.#reader.kind === 'framed-header' ? 'framed-header' : 'header');
  }

  #receive(message: Incoming, now: number, bytes: number): void {
    if (message.type !== TMessageType.CALL && message.type !== TMessageType.ONEWAY) {
      const type = ApplicationFault.INVALID_MESSAGE_TYPE;
      this.#uncalled.refuse(
        message,
        refusal(type, `a server takes messages of type 1 (call) or 4 (oneway), not ${message.type}`),
        type,
      );
    } else if (this.#draining) {
      this.#uncalled.refuse(
        message,
        ownError('SHUTDOWN', 'the server is shutting down', { disposition: 'not-executed' }),
      );
    } else this.#serve(message, now, bytes);
  }

  #serve(message: Incoming, now: number, bytes: number): void {
    let route: Route;
    let name: string;
    let call: Call;
    try {
      const found = this.#options.routes.find(message.name);
      if (this.#turnedAway.take(message, found, now)) return;
      ({ route, name } = found);
      call = makeCall(route, message, this.#options, this.#hello);
    } catch (error) {
      if (!isRpcError(error)) throw error;
      const hello = this.#uncalled.introduced(message);
      if (hello === undefined) this.#uncalled.refuse(message, error);
      else this.#hello = hello;
      return;
    }
    const place = this.#calls.add(call);
    this.#inFlightBytes += bytes;
    const options = this.#options;
    // Old clients send a oneway call as an ordinary one, and read no answer either way.
    const silent = message.type === TMessageType.ONEWAY || route.method.kind === 'oneway';
    const slot = silent ? undefined : this.#replies.reserve();
    run(
      call,
      route,
      (result) =>
        this.#settle(call, place, slot, bytes, (answered) =>
          encodeResult(result, call, name, message, options, answered),
        ),
      (error) =>
        this.#settle(call, place, slot, bytes, (answered) =>
          encodeFailure(error, call, name, message, options, answered),
        ),
    );
  }

  #settle(
    call: Call,
    place: number,
    slot: ReplySlot | undefined,
    bytes: number,
    encode: (answered: Answered) => void,
  ): void {
    if (call.finished) return;
    call.finish();
    this.#inFlightBytes -= bytes;
    this.#calls.remove(place, call);
    if (this.#socket.destroyed) return;
    try {
      if (slot === undefined) this.#roomMade();
      else encode((answer) => this.#answer(slot, answer));
    } catch (error) {
      this.#giveUp(error);
    }
  }

  /** Later than its call ended where it was compressed; answers behind it wait, and its place counts among those in flight. */
  #answer(slot: ReplySlot, bytes: Buffer): void {
    if (this.#socket.destroyed) return;
    try {
      this.#replies.fill(slot, bytes);
      this.#boundOutput();
      this.#roomMade();
    } catch (error) {
      this.#giveUp(error);
    }
  }

  /** A peer that asks and never reads would have us keep every answer. */
  #boundOutput(): void {
    const { maxOutputBytes } = this.#options.limits;
    const bytes = this.#outbox.bytes + this.#replies.waitingBytes;
    if (bytes <= maxOutputBytes) {
      this.#options.holdings.grown(this, this.heldBytes);
      return;
    }
    countRefusal('OUTPUT_UNREAD');
    this.#log(
      'warn',
      `closed: ${bytes} bytes wait for a peer that does not read; the limit is ${maxOutputBytes} (maxOutputBytes)`,
    );
    this.#socket.destroy();
  }

  get owner(): Owner {
    return ownerOf('', this.#peer().address);
  }

  get heldBytes(): number {
    return this.#reader.buffered + this.#inFlightBytes + this.#outbox.bytes + this.#replies.waitingBytes;
  }

  cutOff(total: number): void {
    countRefusal('SERVER_BYTES');
    this.#log(
      'warn',
      `closed: the connections of this server hold ${total} bytes, and this one most, ${this.heldBytes}; the limit is ${this.#options.limits.maxServerBytes} (maxServerBytes)`,
    );
    this.#socket.destroy();
  }

  /** The bytes make no sense any more. What was understood before is still answered. */
  #breakOff(sentence: string): void {
    if (this.#inputEnded) return;
    this.#log('warn', `closed a connection: ${sentence}`);
    this.#endInput();
  }

  /** A fault of this code: it costs the connection, not the process. */
  #giveUp(error: unknown): void {
    this.#options.dispatcher.logger.error({ transport: 'thrift', err: error }, 'closed a connection: it failed here');
    this.#socket.destroy();
  }

  #onEnd(): void {
    this.#peerEnded = true;
    // Else complete messages are left to be taken.
    if (!this.#blocked) this.#endInput();
  }

  #endInput(): void {
    this.#frameTimer.watch(false);
    this.#inputEnded = true;
    this.#reader.clear();
    this.#endWhenDone();
    if (this.#ended || this.#cancelHalfClose !== undefined) return;
    const { dispatcher, limits } = this.#options;
    this.#cancelHalfClose = dispatcher.clock.setTimer(() => this.#socket.destroy(), limits.halfCloseMs);
  }

  #endWhenDone(): void {
    if (this.#ended || !(this.#draining || this.#inputEnded)) return;
    if (this.#calls.size > 0 || this.#replies.size > 0 || this.#blocked || this.#inflating) return;
    if (!this.#inputEnded && this.#lingers()) return;
    this.#ended = true;
    this.#inputEnded = true;
    this.#frameTimer.watch(false);
    this.#outbox.end();
  }

  #lingers(): boolean {
    const { clock } = this.#options.dispatcher;
    if (this.#cancelLinger !== undefined) return true;
    const left = this.#lastMessageAt + lingerMs - clock.now();
    if (left <= 0 && this.#looked) return false;
    const cancel = clock.setTimer(() => this.#look(), Math.max(left, 0));
    this.#cancelLinger = cancel;
    return true;
  }

  /** After a stall of the loop the time is up though messages have come: those are read before the connection ends. */
  #look(): void {
    const later = laterTurn(this.#options.dispatcher.clock);
    // The first turn may be this one's own end, before sockets are looked at.
    later(() =>
      later(() => {
        this.#cancelLinger = undefined;
        if (this.#socket.destroyed) return;
        this.#looked = true;
        this.#endWhenDone();
        this.#looked = false;
      }),
    );
  }

  #onClose(): void {
    this.#options.holdings.gone(this);
    this.#cancelLinger?.();
    this.#inputEnded = true;
    this.#frameTimer.watch(false);
    this.#cancelHalfClose?.();
    this.#reader.clear();
    const lost = new RpcError('CANCELLED', 'the connection to the caller is closed');
    for (const call of this.#calls) {
      call.abort(lost);
      call.finish();
    }
  }

  #log(level: 'debug' | 'warn', sentence: string): void {
    this.#options.dispatcher.logger[level]({ transport: 'thrift', peer: this.#peer().address }, sentence);
  }

  #peer(): Peer {
    return this.#options.peer();
  }
}
