/** The checker: a history in, broken promises out. Each is of the protocol, by number. */
import { checkDepartures } from './departures.js';
import { checkDurable } from './durable.js';
import { checkExpiry } from './expiry.js';
import { checkForeign } from './foreign.js';
import { checkGroups } from './groups.js';
import type { History } from './history.js';
import { checkLag } from './lag.js';
import { LogIndex } from './log.js';
import { checkLeaks, checkPermissions } from './permissions.js';
import { SubscriberWalk } from './walk.js';

export const invariants = {
  INV1: 'ordered: `to` never falls within an epoch, and grows with each batch in EVERY',
  INV2: 'chained: each batch begins where the one before it ended',
  INV3: 'complete (EVERY): what was applied is the log, unless a gap or reset said so',
  INV4: 'converged: at rest the replica is the fold of the log',
  INV5: 'no invention: every value is in the log, or the merge of a contiguous run',
  INV6: 'per key: seq grows',
  INV7: 'consistent cut: where the client says consistent, its replica is the fold of the log up to there',
  INV8: 'bookmark: nothing at or below it comes after it',
  INV9: 'gap honesty: represented + skipped + gapped is what lies between two cuts',
  INV10: 'epochs never mix, and neither do the histories of a log that was put back',
  INV11: 'credit: no more is sent than was granted',
  INV12: 'isolation: one that stalls delays nobody',
  INV13: 'durable: what was acknowledged survives, and nobody saw more than what survived',
  INV14: 'liveness: connected and with credit everybody catches up; a silent link is found out in time',
  INV15: 'departures are spread over the window',
  INV16: 'expiry: a key is not there longer than its time, whatever the time of day is set to',
  INV17: 'lag: one that is held back knows how far the log was a second ago',
  INV18: 'atomic: nobody is shown half of a group, and no position that is kept is inside one',
  INV19: 'nothing that is no message of the topic is in its log, and its publisher is told so',
  INV20:
    'permission: nothing is sent of a key that its reader may not see then, and what is held is a state of what it may',
} as const;

export type Invariant = keyof typeof invariants;

export interface Violation {
  readonly invariant: Invariant;
  readonly who: string;
  /** ms */
  readonly t: number;
  readonly what: string;
}

export function check(history: History): Violation[] {
  const violations: Violation[] = [];
  const report = (invariant: Invariant, who: string, t: number, what: string): void => {
    violations.push({ invariant, who, t, what });
  };
  const logs = new Map([...history.logs].map(([epoch, entries]) => [epoch, new LogIndex(entries)] as const));
  for (const subscriber of history.subscribers) new SubscriberWalk(subscriber, logs, history, report).run();
  for (const subscriber of history.subscribers) {
    checkGroups(subscriber, logs, report);
    checkLag(subscriber, logs, history, report);
    checkPermissions(subscriber, logs, history, report);
  }
  checkLeaks(history, report);
  checkForeign(history, report);
  checkDurable(history, report);
  checkDepartures(history, report);
  checkExpiry(history, report);
  return violations;
}

export type Report = (invariant: Invariant, who: string, t: number, what: string) => void;

export function describeViolations(violations: readonly Violation[]): string {
  return violations
    .slice(0, 5)
    .map(({ invariant, who, t, what }) => `${invariant} (${invariants[invariant]})\n    ${who} at ${t} ms: ${what}`)
    .join('\n');
}
