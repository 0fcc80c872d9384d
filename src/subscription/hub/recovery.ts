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
  /** Updates that are sent again at most, where a subscriber accepts something shorter that leaves nothing out. */
  readonly maxReplay: number;
  /** What the subscriber holds was sent by another view, and must be a state of its own. */
  readonly viewChanged: boolean;
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
      return since(question, Math.max(first - 1, question.before));
    case Start_Kind.LAST_N:
      return since(question, Math.max(first - 1, head - (start?.count ?? 0)));
    default:
      return refused('INVALID_START', `there is no start of kind ${kind}`);
  }
}

function resume(question: RecoveryQuestion, seq: number): Beginning {
  const { start, state, accept } = question;
  const epoch = start === undefined ? undefined : epochFromBytes(start.epoch);
  const foreign = epoch !== state.epoch;
  const elsewhere =
    goneFrom(state, { seq, generation: start?.generation }) ?? (start?.held && goneFrom(state, start.held));
  if (foreign || elsewhere !== undefined) {
    // Positions in two logs do not compare, so a loss that GAP would allow is announced as what it is.
    if (!accept.has('RESET') && !accept.has('GAP')) {
      if (foreign)
        return unrecoverable(`the log of epoch ${epoch ?? 'unknown'} is gone; the epoch is ${state.epoch} now`);
      return unrecoverable(elsewhere ?? '');
    }
    return { outcome: 'RESET', reason: foreign ? Reset_Reason.EPOCH_CHANGED : Reset_Reason.EPOCH_VIOLATION };
  }
  if (question.viewChanged) return { outcome: 'RESET', reason: Reset_Reason.VIEW_CHANGED };
  return after(question, seq);
}

/** From where a time or a count leads to: a replay, unless it is long and the subscriber accepts something shorter. */
function since(question: RecoveryQuestion, seq: number): Beginning {
  return isLong(question, seq) ? (shortcut(question, seq) ?? replay(seq)) : replay(seq);
}

/** Why an update that a subscriber has is not in the log; undefined where it is. */
function goneFrom(
  { head, generations }: TopicState,
  { seq, generation: bytes }: { readonly seq: number; readonly generation?: Uint8Array | undefined },
): string | undefined {
  if (seq > head) return `seq ${seq} lies in the future: the head is ${head}`;
  const generation = generationFromBytes(bytes);
  const owner = generations.ownerOf(seq);
  if (generation === undefined || seq === 0 || generation === owner) return undefined;
  return `the log was put back: seq ${seq} is of the generation ${owner ?? 'unknown'} now, not ${generation}`;
}

/** Why a position is in no log that the topic has now; undefined where it is. */
export function foreignTo(
  state: TopicState,
  position: { readonly epoch: Uint8Array; readonly seq: number; readonly generation?: Uint8Array | undefined },
): string | undefined {
  const epoch = epochFromBytes(position.epoch);
  if (epoch !== state.epoch) return `the epoch is ${state.epoch} now, not ${epoch ?? 'known'}`;
  return goneFrom(state, position);
}

/** From a position of this log that is not above its head. */
function after(question: RecoveryQuestion, seq: number): Beginning {
  const { state, accept } = question;
  if (seq < state.first - 1) return trimmed(question, seq);
  // A subscriber that puts up with a gap is served by a replay as well.
  const replayed = accept.has('REPLAY') || accept.has('GAP');
  if (seq === state.head || (replayed && !isLong(question, seq))) return replay(seq);
  const shorter = shortcut(question, seq);
  if (shorter !== undefined) return shorter;
  if (replayed) return replay(seq);
  if (accept.has('RESET')) return { outcome: 'RESET', reason: Reset_Reason.TOO_FAR };
  return unrecoverable(`${state.head - seq} updates follow seq ${seq}, and the subscriber does not accept REPLAY`);
}

function isLong({ state, maxReplay }: RecoveryQuestion, seq: number): boolean {
  return state.head - seq > maxReplay;
}

/**
 * What takes the place of a long replay. A subscriber that accepts neither pages through its log however far behind it is:
 * it costs a cursor, and takes its turns as all others do.
 */
function shortcut({ state, accept, keyed, conflates }: RecoveryQuestion, seq: number): Beginning | undefined {
  if (conflates && accept.has('CONFLATED') && seq >= state.tombstoneHorizon) return { outcome: 'CONFLATED', from: seq };
  return keyed && accept.has('RESET') ? { outcome: 'RESET', reason: Reset_Reason.TOO_FAR } : undefined;
}

/** The log does not reach back to `seq`. */
function trimmed({ state, accept, keyed, conflates }: RecoveryQuestion, seq: number): Beginning {
  if (conflates && accept.has('CONFLATED') && seq >= state.tombstoneHorizon) return { outcome: 'CONFLATED', from: seq };
  const gap = accept.has('GAP');
  // A snapshot makes up for what is lost where there are keys; where there are none it is only a longer gap.
  if (accept.has('RESET') && (keyed || !gap)) return { outcome: 'RESET', reason: Reset_Reason.TRIMMED };
  if (gap) return { outcome: 'GAP', from: seq, to: state.first - 1 };
  return unrecoverable(`the updates after seq ${seq} are not kept any more; the oldest is ${state.first}`);
}

function replay(from: number): Beginning {
  return { outcome: 'REPLAY', from, snapshot: false };
}

function unrecoverable(message: string): Beginning {
  return refused('UNRECOVERABLE', message);
}

function refused(code: string, message: string): Beginning {
  return { outcome: 'REFUSED', code, message };
}
