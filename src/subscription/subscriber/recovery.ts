/** What a subscriber puts up with after a loss, by the recovery type of the topic (Hwang et al., ICDE 2005); and where it goes on. */
import { Outcome, type Start, Start_Kind } from '../../../gen/hawser/subscription/v1/subscription.js';
import type { TopicPolicy } from '../../contract/policy.js';
import { type Position, positionToWire } from '../position.js';

export type Accepted = 'REPLAY' | 'CONFLATED' | 'RESET' | 'GAP';
export type Recovery = NonNullable<TopicPolicy['recovery']>;

export const acceptedBy: Readonly<Record<Recovery, readonly Accepted[]>> = {
  PRECISE: ['REPLAY'],
  REPEATING: ['REPLAY'],
  CONVERGENT: ['REPLAY', 'CONFLATED', 'RESET'],
  DIVERGENT: ['REPLAY', 'RESET'],
  GAP: ['REPLAY', 'GAP'],
};

export const outcomeOf: Readonly<Record<Accepted, Outcome>> = {
  REPLAY: Outcome.REPLAY,
  CONFLATED: Outcome.CONFLATED,
  RESET: Outcome.RESET,
  GAP: Outcome.GAP,
};

/** Where a subscription begins. */
export type StartAt =
  /** A snapshot where the topic has keys, else the head. */
  | { readonly kind: 'default' }
  | { readonly kind: 'head' }
  | { readonly kind: 'snapshot' }
  /** `held`: the newest update that is held, where that is not the one at the position. `view`: by which it was sent. */
  | {
      readonly kind: 'resume';
      readonly position: Position;
      readonly held?: Position | undefined;
      readonly view?: Uint8Array | undefined;
    }
  /** The position that was committed under the durable name, else as `default`. */
  | { readonly kind: 'committed' }
  | { readonly kind: 'seq'; readonly seq: number }
  /** ms since the Unix epoch. */
  | { readonly kind: 'time'; readonly time: number }
  | { readonly kind: 'last'; readonly count: number };

const none: Start = { kind: Start_Kind.UNSPECIFIED, epoch: new Uint8Array(), seq: 0, time: 0, count: 0 };

export function startFrame(start: StartAt): Start {
  switch (start.kind) {
    case 'default':
    case 'committed':
      // What was committed under the durable name goes before the default.
      return none;
    case 'head':
      return { ...none, kind: Start_Kind.HEAD };
    case 'snapshot':
      return { ...none, kind: Start_Kind.SNAPSHOT };
    case 'resume':
      return {
        ...none,
        kind: Start_Kind.RESUME,
        ...positionToWire(start.position),
        held: start.held && positionToWire(start.held),
        view: start.view,
      };
    case 'seq':
      return { ...none, kind: Start_Kind.FROM_SEQ, seq: start.seq };
    case 'time':
      return { ...none, kind: Start_Kind.FROM_TIME, time: start.time };
    case 'last':
      return { ...none, kind: Start_Kind.LAST_N, count: start.count };
  }
}
