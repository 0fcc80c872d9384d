/** What a client tells of its calls. Heard with `client.$on(name, fn)` and on the channels `hawser:client:<name>`. */
import type { AttemptKind } from '../call/attachments.js';
import type { EventHub } from '../call/events.js';
import type { RpcError } from '../call/rpc-error.js';
import type { Code } from '../contract/code.js';
import type { MethodType } from '../contract/method.js';
import type { Negotiated } from './client-negotiation.js';

export type { AttemptKind };

/** An attempt is over; of a stream: it was answered, or failed before it was. */
export interface AttemptEvent {
  readonly method: MethodType;
  /** From 1. */
  readonly attempt: number;
  readonly kind: AttemptKind;
  /** Where it went; empty when it went nowhere. */
  readonly address: string;
  /** ms */
  readonly duration: number;
  /** CANCELLED for one that was superseded, or given up by the caller. */
  readonly code: Code;
  readonly error?: unknown;
  readonly correlationId: string;
}

/** A failed attempt is going to be repeated. */
export interface RetryEvent {
  readonly method: MethodType;
  /** The number of the attempt that is to come. */
  readonly attempt: number;
  /** ms until it begins */
  readonly delay: number;
  /** What the last one failed with; `slow` when it still runs and another is tried beside it. */
  readonly cause: RpcError | 'slow';
  readonly correlationId: string;
}

/** A failed attempt could have been repeated, and was not. */
export interface GiveUpEvent {
  readonly method: MethodType;
  readonly attempts: number;
  readonly reason: 'attempts' | 'budget' | 'deadline' | 'pushback' | 'not-owner';
  readonly error: RpcError;
  readonly correlationId: string;
}

/** A copy of a call that has no answer yet was sent to another address. */
export interface HedgeEvent {
  readonly method: MethodType;
  readonly attempt: number;
  /** ms since the call's first attempt */
  readonly after: number;
  readonly correlationId: string;
}

export interface BreakerEvent {
  readonly address: string;
  readonly from: 'closed' | 'open' | 'half-open';
  readonly to: 'closed' | 'open' | 'half-open';
  /** Why it opened: `5 failures in a row`. */
  readonly reason: string;
  /** ms until the address is tried again, when it opened. */
  readonly openFor?: number;
}

/** A call was refused here, before anything was sent. */
export interface ClientDiscardedEvent {
  readonly method: MethodType;
  readonly stage: 'deadline' | 'throttle' | 'pick';
  readonly error: RpcError;
}

/** A call that was refused everywhere was given something in the place of an answer. */
export interface FallbackEvent {
  readonly method: MethodType;
  readonly kind: 'value' | 'stale' | 'function';
  /** ms since the answer that was given came, when it is an old one. */
  readonly age?: number | undefined;
  /** What the call would have failed with. */
  readonly error: RpcError;
  readonly correlationId: string;
}

/** The addresses of the client have changed. */
export interface AddressesEvent {
  readonly addresses: readonly string[];
  readonly added: readonly string[];
  readonly removed: readonly string[];
}

/** A server called a method deprecated; once a day for each method. */
export interface DeprecatedEvent {
  readonly method: MethodType;
  /** Undefined when the server gives no date. */
  readonly since: Date | undefined;
  /** When the method may be gone. */
  readonly sunset: Date | undefined;
  /** What this client's IDL says to use in its place. */
  readonly replacement: string | undefined;
}

/** A subscription with `onMalformed: 'skip'` has left out an update that does not decode. */
export interface MalformedEvent {
  /** That declares the topic. */
  readonly method: MethodType;
  readonly topic: string;
  readonly key: string;
  readonly seq: number;
  readonly epoch: string;
  readonly generation: string | undefined;
  readonly snapshot: boolean;
  readonly value: Uint8Array;
  readonly error: RpcError;
}

export interface ClientEvents {
  readonly attempt: AttemptEvent;
  readonly retry: RetryEvent;
  readonly giveUp: GiveUpEvent;
  readonly hedge: HedgeEvent;
  readonly breaker: BreakerEvent;
  readonly discarded: ClientDiscardedEvent;
  readonly fallback: FallbackEvent;
  readonly addresses: AddressesEvent;
  readonly negotiated: Negotiated;
  readonly deprecated: DeprecatedEvent;
  readonly malformed: MalformedEvent;
}

export const clientEventNames = [
  'attempt',
  'retry',
  'giveUp',
  'hedge',
  'breaker',
  'discarded',
  'fallback',
  'addresses',
  'negotiated',
  'deprecated',
  'malformed',
] as const satisfies readonly (keyof ClientEvents)[];

export type ClientEventHub = EventHub<ClientEvents>;
