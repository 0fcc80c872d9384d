/**
 * What a hub gives up, in which order, when the machine has too much to do: first it sends what can be conflated less often,
 * then it lets snapshots and publications of clients wait, then it ends the subscriptions of least priority, at last it
 * sends the slowest connections away.
 */
import type { HubSession } from './session.js';

/** 0 is no pressure. */
export type PressureLevel = 0 | 1 | 2 | 3 | 4;

/** ms between batches that can be conflated, by level. */
const intervals: readonly number[] = [0, 100, 250, 500, 1000];
/** ms that the event loop is late, from which on a level holds. */
const lateness: readonly number[] = [100, 250, 1000, 3000];
/** How much of its subscriptions or connections a hub gives up at a time. */
const share = 0.1;

/** What is left of the lateness when no more comes for a second. */
const keptPerSecond = 0.7;

/**
 * The level out of how late a timer of the event loop fires. It falls with time, whether or not a timer is set: a server that
 * everybody has left is under no pressure. One late timer alone is a long task or a pause of the machine, and counts nothing.
 */
export class LatenessGauge {
  #smooth = 0;
  #at = 0;
  #last = 0;

  /** A timer is set again after a time without one. */
  begin(): void {
    this.#last = 0;
  }

  /** The timer fired so late; `now` in ms of the clock. */
  fired(lateMs: number, now: number): void {
    const late = Math.max(0, Math.min(lateMs, this.#last));
    this.#last = lateMs;
    this.#smooth = late + (this.#smooth - late) * this.#kept(now);
    this.#at = now;
  }

  level(now: number): PressureLevel {
    const smooth = this.#smooth * this.#kept(now);
    return lateness.filter((limit) => smooth >= limit).length as PressureLevel;
  }

  #kept(now: number): number {
    return keptPerSecond ** (Math.max(0, now - this.#at) / 1000);
  }
}

export function shed(level: PressureLevel, sessions: ReadonlySet<HubSession>, windowMs: number): void {
  for (const session of sessions) session.impose(intervals[level] as number);
  if (level >= 3) endLeastWanted(sessions);
  if (level >= 4) sendAwaySlowest(sessions, windowMs);
}

function endLeastWanted(sessions: ReadonlySet<HubSession>): void {
  const all = [...sessions].flatMap((session) =>
    [...session.subscriptions.values()].map((subscription) => ({ session, subscription })),
  );
  all.sort((a, b) => a.subscription.terms.priority - b.subscription.terms.priority);
  for (const { session, subscription } of all.slice(0, Math.ceil(all.length * share))) {
    session.say(
      session.ended(subscription, {
        code: 'BACK_PRESSURE',
        message: 'the server has too much to do',
        retryable: true,
      }),
    );
  }
}

function sendAwaySlowest(sessions: ReadonlySet<HubSession>, windowMs: number): void {
  const slow = [...sessions].filter((session) => !session.connection.writable);
  for (const session of slow.slice(0, Math.ceil(sessions.size * share))) session.goAway('OVERLOADED', windowMs);
}
