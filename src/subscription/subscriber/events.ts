/** What a subscription tells of itself, beside its changes. Heard with `subscription.on(name, fn)`. */
import type { EventHub } from '../../call/events.js';
import type { RpcError } from '../../call/rpc-error.js';
import type { Position } from '../position.js';
import type { Cut } from './accounting.js';
import type { State } from './table.js';

/** What the server did for one that subscribed or came back. */
export type OutcomeName = 'FRESH' | 'REPLAY' | 'CONFLATED' | 'RESET' | 'GAP';

export interface ReadyEvent {
  readonly position: Position;
  readonly outcome: OutcomeName;
}

export interface ConsistentEvent {
  /** What is held is the topic's state at this position. */
  readonly position: Position;
  /** What became of the updates since the last cut; undefined where that is not known exactly. */
  readonly cut: Cut | undefined;
}

export interface GapEvent {
  /** The updates after `from` up to `to` are lost. */
  readonly from: number;
  readonly to: number;
  readonly reason: 'TRIMMED' | 'OVERFLOW' | 'LIMIT' | 'UNKNOWN';
}

export interface ResetEvent {
  readonly reason:
    | 'EPOCH_CHANGED'
    | 'EPOCH_VIOLATION'
    | 'TRIMMED'
    | 'TOO_FAR'
    | 'VIEW_CHANGED'
    | 'OPERATOR'
    | 'BROKEN'
    | 'UNKNOWN';
  /** The log is another one: what was derived from the old one may never have happened. */
  readonly epochChanged: boolean;
  /** How far the state was that is void now. */
  readonly position: Position | undefined;
}

export interface StaleEvent {
  readonly position: Position | undefined;
  /** Why the connection was lost, or could not be made; undefined when the server ended it in good order. */
  readonly error: RpcError | undefined;
}

export interface ThrottledEvent {
  /** ms */
  readonly minInterval: number;
  /** Bytes a second; 0 is no limit. */
  readonly maxBps: number;
  readonly cause: 'CREDIT' | 'SOCKET' | 'CPU' | 'QUOTA' | 'UNKNOWN';
}

/** An update that does not decode, and is left out by `onMalformed: 'skip'`. */
export interface MalformedUpdate {
  readonly topic: string;
  /** Empty where the topic has no keys. */
  readonly key: string;
  readonly seq: number;
  readonly epoch: string;
  readonly generation: string | undefined;
  /** Met in a state of the topic, rather than as an update that follows one. */
  readonly snapshot: boolean;
  /** What the log holds. */
  readonly value: Uint8Array;
  /** Why that is no message: INTERNAL, `RESPONSE_MALFORMED`. */
  readonly error: RpcError;
}

export interface SubscriptionEvents {
  /** What is held is complete, for the first time or again after a reset. */
  readonly ready: ReadyEvent;
  /** The subscription has caught up after it was stale or broken. */
  readonly recovered: ReadyEvent;
  readonly consistent: ConsistentEvent;
  readonly gap: GapEvent;
  /** What is held is void; it stays visible until what takes its place is complete. */
  readonly reset: ResetEvent;
  /** The connection is down: what is held is kept, and may be old. Told again for each try to connect that fails, also the first. */
  readonly stale: StaleEvent;
  /** The server's word and the position do not fit together; the subscription begins again from its position. */
  readonly broken: { readonly problem: string };
  readonly throttled: ThrottledEvent;
  readonly malformed: MalformedUpdate;
  /** The server refused to change the keys, as `amend()` asked; the subscription goes on with those before. */
  readonly refused: { readonly error: RpcError };
  readonly committed: { readonly position: Position };
  /** The position is in no log that the topic has now; what was committed before stays. FAILED_PRECONDITION, `COMMIT_OF_OTHER_HISTORY`. */
  readonly commitRefused: { readonly position: Position; readonly error: RpcError };
  readonly state: { readonly from: State; readonly to: State };
  readonly end: { readonly error: RpcError | undefined };
}

export const subscriptionEventNames = [
  'ready',
  'recovered',
  'consistent',
  'gap',
  'reset',
  'stale',
  'broken',
  'throttled',
  'malformed',
  'refused',
  'committed',
  'commitRefused',
  'state',
  'end',
] as const satisfies readonly (keyof SubscriptionEvents)[];

export type SubscriptionEventHub = EventHub<SubscriptionEvents>;
