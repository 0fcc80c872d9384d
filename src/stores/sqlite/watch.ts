/** Watches over turns that hold the writer: names them in a warning, and gives them up in the end. */
import type { Clock } from '../../call/clock.js';
import type { Logger } from '../../call/logger.js';
import type { Turn } from './turn.js';

export interface WatchOptions {
  /** ms */
  readonly warnAfter: number;
  /** ms */
  readonly holdLimit: number;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** ms between two warnings of one method. */
const warningInterval = 60_000;
const mostNames = 1_000;

export class Watch {
  readonly #options: WatchOptions;
  readonly #giveUp: (turn: Turn) => void;
  readonly #warnedAt = new Map<string, number>();

  constructor(options: WatchOptions, giveUp: (turn: Turn) => void) {
    this.#options = options;
    this.#giveUp = giveUp;
  }

  /** The turn's work waits for something outside, for who knows how long. */
  began(turn: Turn): void {
    const { clock, warnAfter, holdLimit } = this.#options;
    const held = clock.now() - turn.startedAt;
    turn.cancelTimers = [
      clock.setTimer(() => this.#warn(turn), Math.max(0, warnAfter - held)),
      clock.setTimer(() => this.#giveUp(turn), Math.max(0, holdLimit - held)),
    ];
  }

  ended(turn: Turn): void {
    if (this.#options.clock.now() - turn.startedAt >= this.#options.warnAfter) this.#warn(turn);
  }

  #warn(turn: Turn): void {
    if (turn.warned) return;
    turn.warned = true;
    const { clock, logger } = this.#options;
    const { name } = turn.member;
    const now = clock.now();
    const last = this.#warnedAt.get(name);
    if (last !== undefined && now - last < warningInterval) return;
    if (this.#warnedAt.size >= mostNames) this.#warnedAt.clear();
    this.#warnedAt.set(name, now);
    const held = Math.round(now - turn.startedAt);
    logger.warn(
      { method: name, held },
      `${name} has held the writer of the database for ${held} ms; every other write waits meanwhile: do what takes long before the first write`,
    );
  }
}
