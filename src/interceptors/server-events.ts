/** What a server tells of its calls. Heard with `server.on(name, fn)` and on the channels `hawser:server:<name>`. */
import type { Call } from '../call/call.js';
import type { EventHub } from '../call/events.js';
import type { RpcError } from '../call/rpc-error.js';
import type { MethodType } from '../contract/method.js';
import type { Criticality } from '../contract/policy.js';

/** How far a call had come when nobody waited for it any more. */
export type DiscardStage = 'arrival' | 'queue' | 'decode' | 'handler' | 'commit';

/** Work that nobody waits for was dropped. */
export interface ServerDiscardedEvent {
  readonly method: MethodType;
  readonly stage: DiscardStage;
  readonly error: RpcError;
  readonly call: Pick<Call, 'headers' | 'peer' | 'correlationId'>;
}

/** Why a call was not let in: `limit` where there is no queue, `codel` where it waited for too long in one. */
export type RejectReason = 'quota' | 'limit' | 'queue-full' | 'codel' | 'unauthenticated' | 'denied' | 'version';

/** A call was refused before its handler ran. */
export interface RejectedEvent {
  readonly method: MethodType;
  readonly reason: RejectReason;
  readonly criticality: Criticality;
  readonly principal: string;
}

/** A call that had to wait was let in. Those that need not wait are not told of. */
export interface AdmittedEvent {
  readonly method: MethodType;
  /** ms in the queue */
  readonly queued: number;
  readonly criticality: Criticality;
  readonly call: Pick<Call, 'headers' | 'peer' | 'correlationId'>;
}

/**
 * What became of a call of a KEYED method: `new` committed together with its record; `replayed` got the stored answer;
 * `attached` got the answer of an execution that another call had begun; `mismatched` used a key for another request;
 * `expired` brought a key too old to be known; `in-progress` waited in vain for another one's execution; `unkeyed` had no
 * key and committed without a record; `failed` was rolled back; `refused` brought no key where one is required, or none
 * that can be.
 */
export type IdempotencyOutcome =
  | 'new'
  | 'replayed'
  | 'attached'
  | 'mismatched'
  | 'expired'
  | 'in-progress'
  | 'unkeyed'
  | 'failed'
  | 'refused';

export interface IdempotencyEvent {
  readonly method: MethodType;
  readonly outcome: IdempotencyOutcome;
  /** The name of the store: `sqlite`. */
  readonly store: string;
  readonly call: Pick<Call, 'headers' | 'peer' | 'correlationId'>;
}

/** Records whose time was over were deleted. */
export interface ExpiryEvent {
  readonly store: string;
  readonly deleted: number;
}

/** Something threw that should not have, while subscribers were served: it has ended one subscription or connection, and is logged. */
export interface TopicFaultEvent {
  /** Empty where it is not about one topic. */
  readonly topic: string;
  readonly error: unknown;
}

/** With `topics: { onMalformed: 'skip' }`: an update that does not decode was left out of what a reader got. */
export interface TopicMalformedEvent {
  readonly topic: string;
  /** Empty where the topic has no keys. */
  readonly key: string;
  readonly seq: number;
  /** What the log holds. */
  readonly value: Uint8Array;
  readonly error: unknown;
}

export interface ServerEvents {
  readonly idempotency: IdempotencyEvent;
  readonly expiry: ExpiryEvent;
  readonly discarded: ServerDiscardedEvent;
  readonly rejected: RejectedEvent;
  readonly admitted: AdmittedEvent;
  readonly topicFault: TopicFaultEvent;
  readonly topicMalformed: TopicMalformedEvent;
}

export const serverEventNames = [
  'discarded',
  'rejected',
  'admitted',
  'idempotency',
  'expiry',
  'topicFault',
  'topicMalformed',
] as const satisfies readonly (keyof ServerEvents)[];

export type ServerEventHub = EventHub<ServerEvents>;
