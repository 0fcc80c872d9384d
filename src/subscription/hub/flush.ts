/**
 * Who sends next. Connections that have something to send take turns (deficit round robin): each may send so many bytes in
 * a turn and one that sent more waits for it, so nobody's backlog delays another. After some milliseconds the rest of the
 * program gets to run.
 */
import type { Clock } from '../../call/clock.js';

/** A connection, as the flush sees it. */
export interface Sender {
  /** Sends about `bytes` in one write; answers how many it sent. */
  send(bytes: number): number;
  /** Whether it would send now. */
  readonly ready: boolean;
}

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

  /** `before` runs at the start of each slice. */
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
    this.#defer(() => {
      this.#scheduled = false;
      if (!this.#stopped) this.#slice();
    });
  }

  stop(): void {
    this.#stopped = true;
    this.#turns = [];
    this.#waiting.clear();
  }

  #slice(): void {
    const end = this.#clock.now() + this.#sliceMs;
    this.#before();
    while (this.#turns.length > 0) {
      const turns = this.#turns;
      this.#turns = [];
      for (let at = 0; at < turns.length; at++) {
        this.#turn(turns[at] as Turn);
        if (this.#clock.now() >= end && at + 1 < turns.length) {
          // Those who had no turn come first in the next slice.
          this.#turns = [...turns.slice(at + 1), ...this.#turns];
          break;
        }
      }
      if (this.#clock.now() >= end) break;
    }
    if (this.#turns.length > 0) this.schedule();
  }

  #turn(turn: Turn): void {
    const { sender } = turn;
    if (!this.#waiting.has(sender)) return;
    turn.deficit += this.#quantum;
    if (turn.deficit > 0) turn.deficit -= sender.send(turn.deficit);
    if (sender.ready) this.#turns.push(turn);
    else this.#waiting.delete(sender);
  }
}
