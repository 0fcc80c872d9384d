/**
 * One direction of one proxied connection: what is read is written later, slower or never. Bounded: past 256 KiB
 * that wait here the source is not read, so its sender is held back as by a full network.
 */
import type { Socket } from 'node:net';
import type { Random } from '../../call/random.js';
import { sample } from '../network/latency.js';
import { dribbling, type ProxyFaults } from './proxy-faults.js';

const highWater = 256 * 1024;
/** A slow line is fed in pieces of so many ms, so that it trickles instead of coming in lumps. */
const pieceMs = 20;

export interface PipeInit {
  readonly way: 'toTarget' | 'toClient';
  readonly source: Socket;
  readonly sink: Socket;
  readonly random: Random;
  readonly faults: () => ProxyFaults;
  /** Bytes that the connection may still carry. */
  readonly allowance: () => number;
  /** Bytes were handed to the sink. */
  readonly onCarried: (bytes: number) => void;
}

export class Pipe {
  readonly #init: PipeInit;
  #queue: { readonly bytes: Buffer; readonly at: number }[] = [];
  #queued = 0;
  #lastAt = 0;
  #freeAt = 0;
  #ended = false;
  #swallows = false;
  #full = false;
  #closed = false;
  #timer: NodeJS.Timeout | undefined;
  #turn: NodeJS.Immediate | undefined;

  constructor(init: PipeInit) {
    this.#init = init;
    const { source, sink } = init;
    source.on('data', (bytes) => this.#take(bytes));
    source.on('end', () => {
      this.#ended = true;
      this.update();
    });
    sink.on('drain', () => {
      this.#full = false;
      this.update();
    });
  }

  /** Whether something was lost: then the end of the source is kept from the sink as well. */
  get swallows(): boolean {
    const { halfOpen } = this.#init.faults();
    this.#swallows ||= halfOpen === 'both' || halfOpen === this.#init.way;
    return this.#swallows;
  }

  /** Goes on, with the faults that hold now. */
  update(): void {
    clearTimeout(this.#timer);
    clearImmediate(this.#turn);
    if (this.#closed) return;
    if (this.swallows) this.#drop();
    else if (!this.#stalled()) this.#write();
    const hold = this.#stalled() || this.#queued >= highWater;
    if (hold) this.#init.source.pause();
    else this.#init.source.resume();
  }

  close(): void {
    this.#closed = true;
    this.#drop();
    clearTimeout(this.#timer);
    clearImmediate(this.#turn);
  }

  #take(bytes: Buffer): void {
    if (this.#closed || this.swallows) return;
    const { latency = 0 } = this.#init.faults();
    this.#lastAt = Math.max(this.#lastAt, performance.now() + sample(latency, this.#init.random));
    this.#queue.push({ bytes, at: this.#lastAt });
    this.#queued += bytes.byteLength;
    this.update();
  }

  #stalled(): boolean {
    const { stall } = this.#init.faults();
    return stall === 'both' || stall === this.#init.way;
  }

  #drop(): void {
    this.#queue = [];
    this.#queued = 0;
  }

  /** Writes what is due, until the sink is full or a fault says wait. */
  #write(): void {
    const { sink, faults, allowance, onCarried } = this.#init;
    const { bandwidth = Number.POSITIVE_INFINITY, dribble = Number.POSITIVE_INFINITY } = faults();
    const { bytes: most, every } = dribbling(dribble);
    while (!this.#full && !this.#closed) {
      const head = this.#queue[0];
      if (head === undefined) {
        if (this.#ended && !sink.writableEnded) sink.end();
        return;
      }
      const now = performance.now();
      const due = Math.max(head.at, this.#freeAt);
      if (due > now) {
        this.#timer = setTimeout(() => this.update(), due - now);
        return;
      }
      const line = Math.max(1, Math.floor((bandwidth * pieceMs) / 1000));
      const size = Math.min(head.bytes.byteLength, most, line, allowance());
      const piece = head.bytes.subarray(0, size);
      if (size === head.bytes.byteLength) this.#queue.shift();
      else this.#queue[0] = { bytes: head.bytes.subarray(size), at: head.at };
      this.#queued -= size;
      this.#full = !sink.write(piece);
      this.#freeAt = Math.max(this.#freeAt, now) + (size / bandwidth) * 1000;
      onCarried(size);
      if (most < Number.POSITIVE_INFINITY && !this.#closed) {
        this.#freeAt = Math.max(this.#freeAt, now + every);
        if (every === 0) {
          this.#turn = setImmediate(() => this.update());
          return;
        }
      }
    }
  }
}
