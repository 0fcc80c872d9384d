/**
 * One connection of a client. Calls are pipelined; each answer is the first outstanding call's or
 * a breach of the protocol, checked by order, sequence id and name. When the connection dies, every
 * call on it settles at once.
 */
import { connect as connectTcp, type Socket } from 'node:net';
import { type ConnectionOptions, connect as connectTls } from 'node:tls';
import type { Clock } from '../../call/clock.js';
import { spentBeforeSent } from '../../call/deadline.js';
import { ownError } from '../../call/own-error.js';
import type { Peer } from '../../call/peer.js';
import { countRefusal } from '../../call/refusals.js';
import { type Disposition, RpcError } from '../../call/rpc-error.js';
import { TMessageType } from '../../contract/thrift/protocol.js';
import type { Endpoint } from '../endpoint.js';
import { addressOf, withCertificate } from '../socket-peer.js';
import { type Attempt, givenUp, openReply, settleWith } from './attempt.js';
import { type Envelope, encodeEnvelope } from './envelope.js';
import { FrameReader } from './frame-reader.js';
import { FrameTimer, stalled } from './frame-timer.js';
import { Compressed, openMessage } from './incoming.js';
import { decodeHelloAnswer, encodeHello, type Introduction, introductionMethod } from './introduction.js';
import type { ConnectionLimits } from './limits.js';
import { Outbox } from './outbox.js';
import { MessageTooLong, WireError } from './wire-error.js';

export interface ClientConnectionOptions {
  readonly endpoint: Endpoint;
  /** For messages to people. */
  readonly address: string;
  /** For each connection anew: certificates change. */
  readonly tls: (() => ConnectionOptions) | undefined;
  /** In the place of TCP and TLS. */
  readonly connect: (() => Socket) | undefined;
  readonly envelope: Envelope;
  readonly limits: ConnectionLimits;
  readonly clock: Clock;
  /** Said before it takes calls. */
  readonly introduction: Introduction | undefined;
  /** It can take calls. */
  readonly onReady: () => void;
  /** It takes no more calls; `error` says why when that was not asked for. */
  readonly onClosed: (error: Error | undefined) => void;
  /** An answer was taken, or output left: there may be room for another call. */
  readonly onRoom: () => void;
}

interface Outstanding {
  readonly attempt: Attempt;
  readonly sequenceId: number;
  /** The outbox's batch that it left in; undefined while it is not there. */
  batch: number | undefined;
}

export class ClientConnection {
  readonly #socket: Socket;
  readonly #options: ClientConnectionOptions;
  readonly #reader: FrameReader;
  readonly #outbox: Outbox;
  readonly #frameTimer: FrameTimer;
  /** In the order that they were sent, which is the order of their answers. */
  #outstanding: Outstanding[] = [];
  #head = 0;
  readonly #oneways = new Set<Outstanding>();
  #sequenceId = 0;
  #state: 'connecting' | 'introducing' | 'ready' | 'closed' = 'connecting';
  #introducing = false;
  /** A request is being deflated; those behind it wait. */
  #deflating = false;
  /** An answer is being inflated; those behind it wait. */
  #inflating = false;
  /** Who is to know that the server which introduced itself is gone. */
  #forget: (() => void) | undefined;
  #peer: Peer = { address: '' };
  #error: Error | undefined;

  constructor(options: ClientConnectionOptions) {
    this.#options = options;
    const { endpoint, limits, clock, tls, connect, envelope } = options;
    this.#reader = new FrameReader(limits, envelope.layers === 'unframed' ? 'unframed' : 'framed');
    this.#frameTimer = new FrameTimer(
      clock,
      limits.frameTimeoutMs,
      (how) => {
        countRefusal(how === 'silent' ? 'FRAME_TIMEOUT' : 'FRAME_TOO_SLOW');
        this.#fail(new WireError(`an answer was begun and ${stalled(how, limits)}`, { code: 'UNAVAILABLE' }));
      },
      { wholeMs: limits.wholeFrameMs, leastRate: limits.minFrameRate },
    );
    this.#socket = connect?.() ?? open(endpoint, tls?.());
    this.#outbox = new Outbox(this.#socket, options.onRoom);
    this.#listen(tls === undefined ? 'connect' : 'secureConnect');
  }

  get ready(): boolean {
    return this.#state === 'ready';
  }

  /** Whether the answer to the introduction is, or was at the end, still to come. */
  get introducing(): boolean {
    return this.#introducing;
  }

  get closed(): boolean {
    return this.#state === 'closed';
  }

  get peer(): Peer {
    return this.#peer;
  }

  /** Calls whose answer is still to come, wanted or not. */
  get outstanding(): number {
    return this.#outstanding.length - this.#head + this.#oneways.size;
  }

  /** Whether the next answer is one that nobody waits for: how long it takes is anyone's guess. */
  get stuck(): boolean {
    return this.#outstanding[this.#head]?.attempt.settled === true;
  }

  /** Whether nobody waits for any of the answers to come. */
  get abandoned(): boolean {
    if (this.outstanding === 0 || this.#oneways.size > 0) return false;
    for (let i = this.#head; i < this.#outstanding.length; i++) {
      if (this.#outstanding[i]?.attempt.settled === false) return false;
    }
    return true;
  }

  /** Whether another call may be sent. */
  get hasRoom(): boolean {
    const { maxInFlight, outputHighWater } = this.#options.limits;
    if (this.#deflating) return false;
    return this.#state === 'ready' && this.outstanding < maxInFlight && this.#outbox.bytes <= outputHighWater;
  }

  /** Must have room. */
  send(attempt: Attempt): void {
    const { deadline, method } = attempt.call;
    if (deadline?.isSpent(deadline.clock.now()) === true) {
      attempt.fail(spentBeforeSent(method.path));
      return;
    }
    this.#sequenceId = this.#sequenceId === 0x7fff_ffff ? 1 : this.#sequenceId + 1;
    const sequenceId = this.#sequenceId;
    if (attempt.large) {
      this.#deflate(attempt, sequenceId);
      return;
    }
    let bytes: Buffer;
    try {
      bytes = attempt.encode(sequenceId);
    } catch (error) {
      attempt.fail(tooLarge(error));
      return;
    }
    this.#put(this.#begin(attempt, sequenceId), bytes);
  }

  #begin(attempt: Attempt, sequenceId: number): Outstanding {
    attempt.begin(this.#peer);
    if (this.outstanding === 0) this.#socket.ref();
    const begun: Outstanding = { attempt, sequenceId, batch: undefined };
    if (attempt.oneway) this.#oneways.add(begun);
    else this.#outstanding.push(begun);
    return begun;
  }

  /** Requests leave in their order: there is room for no other until this one is there. */
  #deflate(attempt: Attempt, sequenceId: number): void {
    const begun = this.#begin(attempt, sequenceId);
    this.#deflating = true;
    attempt.encodeAside(sequenceId, (bytes) => {
      this.#deflating = false;
      if (this.closed) return;
      if (bytes instanceof Error) {
        if (!this.#oneways.delete(begun) && this.#outstanding.at(-1) === begun) this.#outstanding.pop();
        attempt.fail(tooLarge(bytes));
        this.#idle();
      } else this.#put(begun, bytes);
      this.#options.onRoom();
    });
  }

  #put(sent: Outstanding, bytes: Buffer): void {
    const { attempt } = sent;
    sent.batch = this.#outbox.batch;
    if (!attempt.oneway) {
      this.#outbox.put(bytes);
      return;
    }
    this.#outbox.put(bytes, (error) => {
      // After an error 'close' follows and settles it.
      if (error || !this.#oneways.delete(sent)) return;
      attempt.succeed(undefined, undefined);
      this.#idle();
      this.#options.onRoom();
    });
  }

  /** Gives up the connection, and what is on it with `error`. Where the wire can say so, the server notices at once. */
  destroy(error: Error | undefined): void {
    if (this.#state === 'closed') return;
    const { endpoint, tls } = this.#options;
    // A Unix socket has no reset, and Node throws when asked for one; over TLS it would cut what was sent before.
    const reset = this.outstanding > 0 && tls === undefined && !('path' in endpoint);
    this.#close(error);
    if (reset) this.#socket.resetAndDestroy();
    else this.#socket.destroy();
  }

  #listen(readyEvent: 'connect' | 'secureConnect'): void {
    const socket = this.#socket;
    socket.setNoDelay(true);
    socket.setKeepAlive(true, 60_000);
    socket.once(readyEvent, () => {
      if (this.#state !== 'connecting') return;
      const { endpoint, introduction } = this.#options;
      this.#peer = withCertificate(socket, 'path' in endpoint ? `unix:${endpoint.path}` : addressOf(socket, ''));
      if (introduction === undefined) this.#ready();
      else this.#introduce(introduction);
    });
    socket.on('data', (chunk: Buffer) => this.#onData(chunk));
    socket.on('drain', () => this.#options.onRoom());
    socket.on('error', (error) => {
      this.#error ??= error;
    });
    socket.on('end', () => {
      this.#fail(
        this.#reader.buffered > 0
          ? new Error('the server closed the connection in the middle of an answer')
          : undefined,
      );
    });
    socket.on('close', () => this.#close(this.#error));
  }

  #ready(): void {
    this.#introducing = false;
    this.#state = 'ready';
    this.#idle();
    this.#options.onReady();
  }

  #introduce({ hello, service }: Introduction): void {
    const { envelope, limits } = this.#options;
    this.#introducing = true;
    this.#state = 'introducing';
    this.#sequenceId = 1;
    this.#outbox.put(
      encodeEnvelope(
        envelope,
        {
          name: service === undefined ? introductionMethod : `${service}:${introductionMethod}`,
          type: TMessageType.CALL,
          sequenceId: this.#sequenceId,
          body: encodeHello(hello, envelope.protocol),
          headers: undefined,
        },
        limits,
      ),
    );
  }

  /** An exception of whatever kind says that there is no Hawser; throws a WireError for what is no answer. */
  #introduced(frame: Buffer): void {
    const { envelope, limits, introduction } = this.#options;
    const { kind } = this.#reader;
    if (kind !== envelope.protocol) throw new WireError(`the server answers in ${kind}, not in ${envelope.protocol}`);
    const message = openMessage(frame, kind, envelope.layers !== 'unframed', { limits, zlib: false });
    if (message instanceof Compressed) throw new WireError('the server answers its introduction compressed');
    const { type, body } = message;
    const answer = type === TMessageType.REPLY ? decodeHelloAnswer(body, envelope.protocol) : undefined;
    if (answer !== undefined) this.#forget = introduction?.heard(answer);
    this.#ready();
  }

  #onData(chunk: Buffer): void {
    if (this.#state === 'closed') return;
    this.#frameTimer.progress(chunk.length);
    this.#reader.push(chunk);
    this.#takeAnswers();
  }

  #takeAnswers(): void {
    let taken = false;
    try {
      while (!this.#inflating) {
        const frame = this.#reader.next();
        if (frame === undefined) break;
        taken = true;
        this.#takeAnswer(frame);
        if (this.closed) return;
      }
    } catch (error) {
      this.#fail(error instanceof Error ? error : new WireError(String(error)));
      return;
    }
    this.#frameTimer.watch(!this.#inflating && this.#reader.buffered > 0, taken);
    this.#idle();
    this.#options.onRoom();
  }

  /** Answers are taken in their order: nothing is read until this one is there. */
  #inflate(message: Compressed, { attempt, sequenceId }: Outstanding): void {
    this.#inflating = true;
    this.#socket.pause();
    message.inflate((inflated) => {
      this.#inflating = false;
      if (this.closed) return;
      this.#socket.resume();
      try {
        if (inflated instanceof Error) throw new WireError(inflated.message, { cause: inflated });
        const breach = settleWith(attempt, sequenceId, inflated);
        this.#shift();
        if (breach !== undefined) this.#fail(breach);
        else this.#takeAnswers();
      } catch (error) {
        this.#fail(error instanceof Error ? error : new WireError(String(error)));
      }
    });
  }

  #takeAnswer(frame: Buffer): void {
    if (this.#state === 'introducing') {
      this.#introduced(frame);
      return;
    }
    const first = this.#outstanding[this.#head];
    if (first === undefined) throw new WireError('the server sent an answer that nothing was asked for');
    const { kind } = this.#reader;
    const message = openReply(frame, kind, this.#options);
    if (message instanceof Compressed) {
      this.#inflate(message, first);
      return;
    }
    const breach = settleWith(first.attempt, first.sequenceId, message);
    this.#shift();
    if (breach !== undefined) this.#fail(breach);
  }

  #shift(): void {
    this.#head++;
    if (this.#head === this.#outstanding.length) {
      this.#outstanding = [];
      this.#head = 0;
    } else if (this.#head > 256) {
      this.#outstanding = this.#outstanding.slice(this.#head);
      this.#head = 0;
    }
  }

  /** A connection that nothing waits on does not keep the process alive. */
  #idle(): void {
    if (this.outstanding === 0) this.#socket.unref();
  }

  #fail(error: Error | undefined): void {
    this.#close(error);
    this.#socket.destroy();
  }

  #close(error: Error | undefined): void {
    if (this.#state === 'closed') return;
    const wasConnecting = this.#state === 'connecting';
    this.#state = 'closed';
    this.#forget?.();
    this.#frameTimer.watch(false);
    this.#reader.clear();
    const lost = [...this.#outstanding.slice(this.#head), ...this.#oneways];
    this.#outstanding = [];
    this.#head = 0;
    this.#oneways.clear();
    const first = lost[0];
    for (const { attempt, batch } of lost) {
      const disposition = batch !== undefined && batch < this.#outbox.batch ? 'unknown' : 'not-executed';
      // An answer that is too large is the first's that waits; the others can do nothing for it.
      const other = error instanceof MessageTooLong && attempt !== first?.attempt;
      attempt.fail(
        other
          ? givenUp(
              `the connection ended because an answer to another call was too large: ${error.message}`,
              disposition,
            )
          : this.#lost(error, disposition),
      );
    }
    this.#options.onClosed(
      error ?? (wasConnecting ? new Error('the connection was closed before it was open') : undefined),
    );
  }

  #lost(error: Error | undefined, disposition: Disposition): RpcError {
    if (error instanceof RpcError)
      return error.disposition === 'not-executed' ? error : error.withDisposition(disposition);
    const { address } = this.#options;
    if (error instanceof WireError) {
      return ownError(
        error instanceof MessageTooLong ? 'MESSAGE_TOO_LARGE' : 'THRIFT_PROTOCOL',
        `the connection to ${address} was given up: ${error.message}`,
        {
          code: error.code,
          disposition,
          cause: error,
        },
      );
    }
    return ownError(
      'CONNECTION_LOST',
      `the connection to ${address} was lost: ${error?.message ?? 'the server closed it'}`,
      { disposition, cause: error },
    );
  }
}

function tooLarge(error: unknown): RpcError {
  return ownError('MESSAGE_TOO_LARGE', error instanceof Error ? error.message : String(error), {
    disposition: 'not-executed',
    cause: error,
  });
}

function open(endpoint: Endpoint, tls: ConnectionOptions | undefined): Socket {
  if (tls === undefined) return connectTcp(endpoint);
  return connectTls({ ...endpoint, ...tls });
}
