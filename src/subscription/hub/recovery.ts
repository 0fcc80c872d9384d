/**
 * Where a subscription begins, and what the subscriber is told of it: the one decision between REPLAY, CONFLATED, RESET and
 * GAP, as a pure function. There is no silent partial recovery: what cannot be had in a way that the subscriber accepts
 * is refused.
 */
import { Reset_Reason, type Start, Start_Kind } from '../../../gen/hawser/subscription/v1/subscription.js';
import { generationFromBytes } from '../generation.js';
import { epochFromBytes } from '../position.js';
import type { TopicState } from '../topic-store.js';

export type Accepted = 'REPLAY' | 'CONFLATED' | 'RESET' | 'GAP';

export interface RecoveryQuestion {
  readonly start: Start | undefined;
  readonly accept: ReadonlySet<Accepted>;
  readonly state: TopicState;
  readonly keyed: boolean;
  /** Whether the subscriber gets the newest of each key, rather than each update. */
  readonly conflates: boolean;
  /** Updates at most that are sent again. */
  readonly maxReplay: number;
  /** The highest seq that is older than `start.time`; only for FROM_TIME. */
  readonly before: number;
}

export type Beginning =
  /** The first batch follows `from`. */
  | { readonly outcome: 'FRESH' | 'REPLAY'; readonly from: number; readonly snapshot: boolean }
  /** One conflated run from `from`. */
  | { readonly outcome: 'CONFLATED'; readonly from: number }
  | { readonly outcome: 'RESET'; readonly reason: Reset_Reason }
  /** What is between `from` and `to` is lost. */
  | { readonly outcome: 'GAP'; readonly from: number; readonly to: number }
  | { readonly outcome: 'REFUSED'; readonly code: string; readonly message: string };

export function begin(question: RecoveryQuestion): Beginning {
  const { start, state, keyed } = question;
  const { first, head } = state;
  const kind = start?.kind ?? Start_Kind.UNSPECIFIED;
  switch (kind) {
    case Start_Kind.UNSPECIFIED:
      return { outcome: 'FRESH', from: head, snapshot: keyed };
    case Start_Kind.HEAD:
      return { outcome: 'FRESH', from: head, snapshot: false };
    case Start_Kind.SNAPSHOT:
      return { outcome: 'FRESH', from: head, snapshot: true };
    case Start_Kind.RESUME:
      return resume(question, start?.seq ?? 0);
    case Start_Kind.FROM_SEQ: {
      const seq = Math.max(1, start?.seq ?? 1);
      if (seq > head + 1) return refused('OUT_OF_RANGE', `seq ${seq} lies in the future: the head is ${head}`);
      return after(question, seq - 1);
    }
    case Start_Kind.FROM_TIME:
      return { outcome: 'REPLAY', from: Math.max(question.before, head - question.maxReplay), snapshot: false };
    case Start_Kind.LAST_N: {
      const count = Math.min(start?.count ?? 0, question.maxReplay);
      return { outcome: 'REPLAY', from: Math.max(first - 1, head - count), snapshot: false };
    }
    default:
      return refused('INVALID_START', `there is no start of kind ${kind}`);
  }
}

function resume(question: RecoveryQuestion, seq: number): Beginning {
  const { start, state, accept } = question;
  const epoch = start === undefined ? undefined : epochFromBytes(start.epoch);
  const foreign = epoch !== state.epoch;
  const generation = generationFromBytes(start?.generation);
  const owner = state.generations.ownerOf(seq);
  const elsewhere = generation !== undefined && seq > 0 && generation !== owner;
  if (foreign || elsewhere || seq > state.head) {
    // Positions in two logs do not compare, so a loss that GAP would allow is announced as what it is.
    if (!accept.has('RESET') && !accept.has('GAP')) {
      if (foreign)
        return unrecoverable(`the log of epoch ${epoch ?? 'unknown'} is gone; the epoch is ${state.epoch} now`);
      return unrecoverable(
        seq > state.head
          ? `seq ${seq} lies in the future: the head is ${state.head}`
          : `the log was put back: seq ${seq} is of the generation ${owner ?? 'unknown'} now, not ${generation}`,
      );
    }
    return { outcome: 'RESET', reason: foreign ? Reset_Reason.EPOCH_CHANGED : Reset_Reason.EPOCH_VIOLATION };
  }
  return after(question, seq);
}

/** From a position of this log that is not above its head. */
function after(question: RecoveryQuestion, seq: number): Beginning {
  const { state, accept, maxReplay, conflates } = question;
  const covered = seq >= state.first - 1;
  if (covered && (seq === state.head || (accept.has('REPLAY') && state.head - seq <= maxReplay))) {
    return { outcome: 'REPLAY', from: seq, snapshot: false };
  }
  if (conflates && accept.has('CONFLATED') && seq >= state.tombstoneHorizon) return { outcome: 'CONFLATED', from: seq };
  return lost(question, seq, covered);
}

function lost({ state, accept, keyed, maxReplay }: RecoveryQuestion, seq: number, covered: boolean): Beginning {
  const reset = accept.has('RESET');
  const gap = accept.has('GAP');
  // A snapshot makes up for what is lost where there are keys; where there are none it is only a longer gap.
  if (reset && (keyed || !gap)) {
    return { outcome: 'RESET', reason: covered ? Reset_Reason.TOO_FAR : Reset_Reason.TRIMMED };
  }
  if (gap) return { outcome: 'GAP', from: seq, to: Math.max(state.first - 1, state.head - maxReplay) };
  return unrecoverable(
    covered
      ? `${state.head - seq} updates after seq ${seq} are more than the server sends again (${maxReplay}), or REPLAY is not accepted`
      : `the updates after seq ${seq} are not kept any more; the oldest is ${state.first}`,
  );
}

function unrecoverable(message: string): Beginning {
  return refused('UNRECOVERABLE', message);
}

function refused(code: string, message: string): Beginning {
  return { outcome: 'REFUSED', code, message };
}
