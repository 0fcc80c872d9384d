/** What a subscription needs of the connection that it is sent on. */
import type { Effective, Throttle_Cause } from '../../../gen/hawser/subscription/v1/subscription.js';
import type { Refusal } from './answers.js';
import type { Credit } from './credit.js';
import type { Subscription } from './subscription.js';

export interface Outlet {
  readonly credit: Credit;
  now(): number;
  setTimer(fn: () => void, ms: number): () => void;
  /** Asks to be pulled. */
  enqueue(subscription: Subscription): void;
  /** It has something to send, and may not now. */
  heldBack(subscription: Subscription, cause: Throttle_Cause): void;
  /** Bytes that a frame aims at. */
  readonly frameBytes: number;
  /** Bytes of a frame that the connection takes at most. */
  readonly mostBytes: number;
  /** The client puts the parts of a group together. */
  readonly takesParts: boolean;
  /** Whether snapshots wait until the server has less to do. */
  readonly snapshotsPaused: boolean;
  effective(subscription: Subscription): Effective;
  /** The subscription is over; answers with the frame that says so. */
  ended(subscription: Subscription, why: Refusal): Uint8Array;
  /** As `ended`, when the store could not answer. */
  storeFailed(subscription: Subscription, error: unknown): Uint8Array;
  /** Something threw that should not have: the subscription ends, and nothing else. Never throws. */
  subscriptionFailed(subscription: Subscription, error: unknown): void;
  /** The connection must end. */
  disconnect(code: string, message: string): void;
}
