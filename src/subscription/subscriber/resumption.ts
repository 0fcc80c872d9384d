/**
 * How a subscription goes on after a loss: where it asks to begin, given what it still holds, and which answers it can go on
 * from. Pure, so that every case can be read in one place.
 */
import type { Subscribed } from '../../../gen/hawser/subscription/v1/subscription.js';
import { type Generation, generationFromBytes } from '../generation.js';
import { type Epoch, epochFromBytes, type Position } from '../position.js';
import type { OutcomeName } from './events.js';
import { outcomeNames } from './names.js';
import { type Accepted, acceptedBy, type StartAt } from './recovery.js';
import type { ModeName, SubscriptionSpec } from './spec.js';

export interface Standing {
  /** What is held is a state of this position; undefined: nothing is held. */
  readonly position: Position | undefined;
  /** The newest update that is held; at or after `position`. */
  readonly newest: Position | undefined;
  /** What the server calls the view that what is held was sent by. */
  readonly view: Uint8Array | undefined;
  /** Where the subscription began, once it has. */
  readonly origin: Position | undefined;
  readonly committed: Position | undefined;
  /** It has been ready once since the last reset. */
  readonly complete: boolean;
  /** Other keys were asked for than what is held was sent for. */
  readonly viewChanged: boolean;
  readonly mode: ModeName;
  /** The topic has keys, as far as the server has said. */
  readonly keyed: boolean;
  /** Something that is held is newer than the position. */
  readonly ranAhead: boolean;
  /** The chain broke so often that resuming it is no use. */
  readonly brokeOften: boolean;
}

export interface NextStart {
  readonly start: StartAt;
  /** Why what is held must go first; undefined: it stays. */
  readonly voids: 'VIEW_CHANGED' | 'BROKEN' | undefined;
}

/** Undefined: there is no way on by what the subscription accepts. */
export function nextStart(spec: SubscriptionSpec, standing: Standing): NextStart | undefined {
  const { position, origin, committed, complete, mode, keyed } = standing;
  if (standing.viewChanged && position !== undefined) return { start: { kind: 'default' }, voids: 'VIEW_CHANGED' };
  if (position === undefined) {
    return { start: complete || origin !== undefined ? anew(keyed) : spec.start, voids: undefined };
  }
  if (spec.recovery === 'REPEATING') {
    return resumeAt([committed, origin].find((place) => isBefore(place, position)) ?? position, standing);
  }
  if (standing.brokeOften) {
    if (accepts(spec, 'RESET')) return { start: anew(keyed), voids: 'BROKEN' };
    if (!accepts(spec, 'GAP')) return undefined;
  }
  // The rest of a merged run would come merged with what was taken of it already.
  if (mode === 'MERGE' && standing.ranAhead && accepts(spec, 'RESET')) return { start: anew(keyed), voids: 'BROKEN' };
  return resumeAt(position, standing);
}

/**
 * Where what was held is void: as after a reset whose end came, with a snapshot, or where there are no keys with all that the log holds.
 * Its head would leave out what nobody was told of.
 */
function anew(keyed: boolean): StartAt {
  return keyed ? { kind: 'default' } : { kind: 'last', count: 2 ** 31 - 1 };
}

/** What was committed before a reset may be further than the log has come again: what is between would never come. */
function isBefore(place: Position | undefined, { epoch, seq }: Position): place is Position {
  return place?.epoch === epoch && place.seq <= seq;
}

function resumeAt(position: Position, { newest, view }: Standing): NextStart {
  // A server that says no generations has nothing to judge it by.
  const known = newest?.generation !== undefined && newest.epoch === position.epoch;
  const other = newest?.seq !== position.seq || newest.generation !== position.generation;
  return { start: { kind: 'resume', position, held: known && other ? newest : undefined, view }, voids: undefined };
}

export function accepts({ accept, recovery }: SubscriptionSpec, outcome: Accepted): boolean {
  const accepted = accept ?? acceptedBy[recovery];
  // Positions of two logs do not compare: what a gap allows, a reset announces then.
  return accepted.includes(outcome) || (outcome === 'RESET' && accepted.includes('GAP'));
}

export interface Answer {
  readonly epoch: Epoch;
  /** Of the position that it begins at; undefined where the server does not say. */
  readonly generation: Generation | undefined;
  readonly outcome: OutcomeName;
  /** A snapshot comes first. */
  readonly snapshot: boolean;
}

/** A sentence for an answer that one who `asked` cannot go on from. */
export function answerOf(spec: SubscriptionSpec, asked: StartAt, input: Subscribed): Answer | string {
  const epoch = epochFromBytes(input.epoch);
  if (epoch === undefined) return `the epoch of Subscribed has ${input.epoch.byteLength} bytes, not 16`;
  const outcome = outcomeNames[input.outcome];
  if (outcome === undefined) return `the outcome ${input.outcome} is none`;
  const generation = generationFromBytes(input.generation);
  const wrong = unacceptable(spec, asked, outcome, { epoch, seq: input.from, generation });
  if (wrong !== undefined) return wrong;
  const { kind } = asked;
  const fresh = kind === 'snapshot' || (input.keyed && (kind === 'default' || kind === 'committed'));
  return { epoch, generation, outcome, snapshot: outcome === 'RESET' || (outcome === 'FRESH' && fresh) };
}

function unacceptable(spec: SubscriptionSpec, asked: StartAt, outcome: OutcomeName, at: Position): string | undefined {
  if (asked.kind !== 'resume') return undefined;
  if (outcome === 'RESET') return undefined;
  if (outcome === 'FRESH') return 'a resume was answered with FRESH';
  if (outcome === 'CONFLATED' && !accepts(spec, 'CONFLATED')) return 'the outcome CONFLATED is not accepted';
  if (outcome === 'GAP' && !accepts(spec, 'GAP')) return 'the outcome GAP is not accepted';
  const { epoch, seq, generation } = asked.position;
  if (at.epoch !== epoch) return `a resume was answered with ${outcome} in another epoch`;
  if (at.seq !== seq) return `a resume from ${seq} was answered with ${outcome} from ${at.seq}`;
  if (generation !== undefined && at.generation !== undefined && at.generation !== generation) {
    return `a resume was answered with ${outcome} in another generation`;
  }
  return undefined;
}
