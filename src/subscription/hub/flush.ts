/**
 * Who sends next. Connections that have something to send take turns (deficit round robin): each may send so many bytes in
 * a turn and one that sent more waits for it, so nobody's backlog delays another. After some milliseconds the rest of the
 * program gets to run.
 *
 * Sending to a crowd takes time, nearly all of it for the write and not for what is in it. So when it is done nothing is sent
 * for as long as it took: what is published meanwhile goes out together, and half of the time is the program's.
 */
import type { Clock } from '../../call/clock.js';

/** A connection, as the flush sees it. */
export interface Sender {
  /** Sends about `bytes` in one write; answers how many it sent. */
  send(bytes: number): number;
  /** Whether it would send now. */
  readonly ready: boolean;
  /** Sending threw: it is not asked again. Never throws. */
  failed(error: unknown): void;
}

/** Turns in a slice from which on it served a crowd; fewer readers are never made to wait. */
const crowd = 16;

interface Turn {
  readonly sender: Sender;
  deficit: number;
}

export class Flush {
  readonly #clock: Clock;
  readonly #defer: (fn: () => void) => void;
  readonly #sliceMs: number;
  readonly #quantum: number;
  readonly #before: () => void;
  #turns: Turn[] = [];
  readonly #waiting = new Set<Sender>();
  #scheduled = false;
  #stopped = false;
  /** A crowd was served, and how long that takes is not known yet. */
  #settling = false;
  /** Nothing is sent before. */
  #restUntil = 0;
  #cancelTimer: (() => void) | undefined;

  /** `before` runs at the start of each slice, and never throws. */
  constructor(clock: Clock, defer: (fn: () => void) => void, sliceMs: number, quantum: number, before: () => void) {
    this.#clock = clock;
    this.#defer = defer;
    this.#sliceMs = sliceMs;
    this.#quantum = quantum;
    this.#before = before;
  }

  /** Gives a connection its turn, soon. */
  add(sender: Sender): void {
    if (this.#waiting.has(sender)) return;
    this.#waiting.add(sender);
    this.#turns.push({ sender, deficit: 0 });
    this.schedule();
  }

  /** For good. */
  remove(sender: Sender): void {
    this.#waiting.delete(sender);
  }

  schedule(): void {
    if (this.#scheduled || this.#stopped) return;
    this.#scheduled = true;
    if (!this.#settling) this.#start();
  }

  #start(): void {
    const rest = this.#restUntil - this.#clock.now();
    if (rest > 0) this.#cancelTimer = this.#clock.setTimer(() => this.#run(), rest);
    else this.#defer(() => this.#run());
  }

  #run(): void {
    this.#scheduled = false;
    this.#cancelTimer = undefined;
    if (!this.#stopped) this.#slice();
  }

  stop(): void {
    this.#stopped = true;
    this.#cancelTimer?.();
    this.#turns = [];
    this.#waiting.clear();
  }

  #slice(): void {
    const began = this.#clock.now();
    const end = began + this.#sliceMs;
    let now = began;
    let served = 0;
    this.#before();
    while (this.#turns.length > 0) {
      const turns = this.#turns;
      this.#turns = [];
      for (let at = 0; at < turns.length; at++) {
        this.#turn(turns[at] as Turn);
        served += 1;
        now = this.#clock.now();
        if (now >= end && at + 1 < turns.length) {
          // Those who had no turn come first in the next slice.
          this.#turns = [...turns.slice(at + 1), ...this.#turns];
          break;
        }
      }
      if (now >= end) break;
    }
    if (this.#turns.length > 0) this.schedule();
    else if (served >= crowd) this.#settle(began);
  }

  /** The writes themselves are done by the wires once this turn of the program is over, so it is asked after them. */
  #settle(began: number): void {
    this.#settling = true;
    this.#defer(() => {
      this.#settling = false;
      const now = this.#clock.now();
      this.#restUntil = now + Math.min(now - began, this.#sliceMs);
      if (this.#scheduled && !this.#stopped) this.#start();
    });
  }

  #turn(turn: Turn): void {
    const { sender } = turn;
    if (!this.#waiting.has(sender)) return;
    turn.deficit += this.#quantum;
    try {
      if (turn.deficit > 0) turn.deficit -= sender.send(turn.deficit);
      if (sender.ready) this.#turns.push(turn);
      else this.#waiting.delete(sender);
    } catch (error) {
      this.#waiting.delete(sender);
      sender.failed(error);
    }
  }
}
