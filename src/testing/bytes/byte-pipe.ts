/**
 * A connection that is no socket: two ends in one process that look to a transport like net.Sockets, and between them a
 * clock that a test moves. Bytes arrive in order, cut wherever the draw falls, as TCP may cut them. What is
 * sent before an end or a reset arrives before it.
 */
import { EventEmitter } from 'node:events';
import type { Socket } from 'node:net';
import type { Clock } from '../../call/clock.js';

export interface PipeInit {
  readonly clock: Clock;
  /** What either end says of the other. */
  readonly clientAddress: string;
  readonly serverAddress: string;
  /** ms one way, for what is sent now. */
  readonly latency: () => number;
  /** Whether what is sent, or arrives, now vanishes without a word. */
  readonly silent: () => boolean;
  /** How many of so many bytes arrive in one piece, 1 or more. */
  readonly piece: (bytes: number) => number;
  /** Bytes, both ways together, after which the connection breaks. */
  readonly resetAfter: number;
}

/** Bytes that an end takes before `write` asks to wait; net.Socket's own. */
const highWaterMark = 65_536;

/** Both ends. The client's says `connect` one way and back later, after `accept` has run with the server's. */
export function bytePipe(
  init: PipeInit,
  accept: (server: PipeEnd) => boolean,
): { readonly client: PipeEnd; readonly reset: () => void } {
  const shared: Shared = { init, bytes: 0 };
  const client = new PipeEnd(shared, init.serverAddress);
  const server = new PipeEnd(shared, init.clientAddress);
  client.meet(server);
  server.meet(client);
  client.greet(() => accept(server));
  return {
    client,
    reset: () => {
      client.breakOff();
      server.breakOff();
    },
  };
}

interface Shared {
  readonly init: PipeInit;
  /** Sent so far, both ways. */
  bytes: number;
}

/** Has of a net.Socket what a transport uses. */
export class PipeEnd extends EventEmitter {
  readonly remoteAddress: string;
  readonly remotePort = 1;
  destroyed = false;
  writableLength = 0;
  readonly #shared: Shared;
  #peer!: PipeEnd;
  #lastArrival = 0;
  /** What has arrived while this end was paused. */
  #held: readonly (() => void)[] | undefined;
  #ended = false;
  #waitsForDrain = false;

  constructor(shared: Shared, remoteAddress: string) {
    super();
    this.#shared = shared;
    this.remoteAddress = remoteAddress;
  }

  /** As the type that transports ask for. */
  get socket(): Socket {
    return this as unknown as Socket;
  }

  meet(peer: PipeEnd): void {
    this.#peer = peer;
  }

  greet(accept: () => boolean): void {
    this.#carry(() => {
      if (this.#peer.destroyed) return;
      if (!accept()) this.#peer.#carry(() => this.#fail('ECONNREFUSED'));
      else this.#peer.#carry(() => this.emit('connect'));
    });
  }

  write(bytes: Uint8Array, sent?: (error?: Error | null) => void): boolean {
    if (this.destroyed || this.#ended) {
      sent?.(new Error('the connection is closed'));
      return false;
    }
    const { init } = this.#shared;
    this.#shared.bytes += bytes.length;
    const broken = this.#shared.bytes > init.resetAfter;
    // A copy: the sender may use its memory again.
    let rest = Buffer.from(bytes);
    if (broken) rest = rest.subarray(0, Math.max(0, rest.length - (this.#shared.bytes - init.resetAfter)));
    while (rest.length > 0) {
      const piece = rest.subarray(0, Math.max(1, Math.min(rest.length, init.piece(rest.length))));
      rest = rest.subarray(piece.length);
      this.writableLength += piece.length;
      this.#carry(() => this.#peer.#receive(piece), piece.length);
    }
    sent?.();
    if (broken) {
      this.#carry(() => this.#peer.#fail('ECONNRESET'));
      this.#peer.#carry(() => this.#fail('ECONNRESET'));
    }
    this.#waitsForDrain = this.writableLength >= highWaterMark;
    return !this.#waitsForDrain;
  }

  end(): this {
    if (this.#ended || this.destroyed) return this;
    this.#ended = true;
    this.#carry(() => this.#peer.#arrive(() => this.#peer.emit('end')));
    process.nextTick(() => this.emit('finish'));
    return this;
  }

  destroy(): this {
    if (this.destroyed) return this;
    this.end();
    this.#close();
    return this;
  }

  resetAndDestroy(): this {
    if (this.destroyed) return this;
    this.#ended = true;
    this.#carry(() => this.#peer.#fail('ECONNRESET'));
    this.#close();
    return this;
  }

  /** Both ends learn of it at once, as when a machine between them is switched off and answers for both. */
  breakOff(): void {
    this.#fail('ECONNRESET');
  }

  pause(): this {
    this.#held ??= [];
    return this;
  }

  resume(): this {
    const held = [...(this.#held ?? [])];
    this.#held = undefined;
    while (held.length > 0 && !this.#paused) held.shift()?.();
    // Paused again by what it was given.
    if (held.length > 0) this.#held = held;
    return this;
  }

  get #paused(): boolean {
    return this.#held !== undefined;
  }

  cork(): void {}
  uncork(): void {}
  ref(): this {
    return this;
  }
  unref(): this {
    return this;
  }
  setNoDelay(): this {
    return this;
  }
  setKeepAlive(): this {
    return this;
  }

  /** Runs `deliver` when it has come to the other end, behind what was sent before. */
  #carry(deliver: () => void, bytes = 0): void {
    const { clock, latency, silent } = this.#shared.init;
    if (silent()) return;
    const at = Math.max(clock.now() + latency(), this.#lastArrival);
    this.#lastArrival = at;
    clock.setTimer(() => {
      this.writableLength -= bytes;
      if (!silent()) deliver();
      if (!this.#waitsForDrain || this.writableLength > 0) return;
      this.#waitsForDrain = false;
      if (!this.destroyed) this.emit('drain');
    }, at - clock.now());
  }

  #receive(bytes: Buffer): void {
    // What is sent to nobody is answered by a reset.
    if (this.destroyed) this.#carry(() => this.#peer.#fail('ECONNRESET'));
    else this.#arrive(() => this.emit('data', bytes));
  }

  #arrive(deliver: () => void): void {
    if (this.destroyed) return;
    const held = this.#held;
    if (held === undefined) deliver();
    else
      this.#held = [
        ...held,
        () => {
          if (!this.destroyed) deliver();
        },
      ];
  }

  #fail(code: string): void {
    if (this.destroyed) return;
    this.#ended = true;
    // The server's end, before it was accepted, has nobody who listens.
    if (this.listenerCount('error') > 0)
      this.emit('error', Object.assign(new Error(`${code} ${this.remoteAddress}`), { code }));
    this.#close();
  }

  #close(): void {
    this.destroyed = true;
    this.#held = undefined;
    process.nextTick(() => this.emit('close'));
  }
}
