/** What a hub knows of a topic beside its updates: the IDL's declaration, with what follows from it worked out. */
import type { Durability, History } from '../topic-store.js';
import type { Accepted } from './recovery.js';

export type DeliveryMode = 'EVERY' | 'LATEST' | 'MERGE';
export type ConflateWhen = 'ON_PRESSURE' | 'ALWAYS' | 'NEVER';
export type Recovery = 'PRECISE' | 'REPEATING' | 'CONVERGENT' | 'DIVERGENT' | 'GAP';

export interface TopicDeclaration {
  /** `market.v1.PriceFeed/WatchPrices`; a topic with parameters goes on with `?` and these. */
  readonly name: string;
  readonly mode: DeliveryMode;
  readonly conflation: ConflateWhen;
  readonly recovery: Recovery;
  readonly history: History;
  readonly durability: Durability;
  /** Tombstones that are kept. */
  readonly tombstones: number;
  /** Keys and tombstones at most. */
  readonly maxKeys: number;
  /** Throws for bytes that are no value. Left out where `keyOf` reads the whole value. */
  readonly check?: (value: Uint8Array) => void;
  /** The key of an encoded value; undefined where updates have no keys. Throws for bytes that are no value. */
  readonly keyOf: ((value: Uint8Array) => string) | undefined;
  /** One value that stands for several of one key, oldest first; only for MERGE. */
  readonly merge: ((values: readonly Uint8Array[]) => Uint8Array) | undefined;
  /** Whether `parameters`, what follows the `?`, is how parameters of this topic are written. */
  readonly takes: (parameters: string) => boolean;
}

/** What a subscriber accepts that does not say. */
const accepted: Readonly<Record<Recovery, readonly Accepted[]>> = {
  PRECISE: ['REPLAY'],
  REPEATING: ['REPLAY'],
  CONVERGENT: ['REPLAY', 'CONFLATED', 'RESET'],
  DIVERGENT: ['REPLAY', 'RESET'],
  GAP: ['REPLAY', 'GAP'],
};

export function acceptedBy(recovery: Recovery): ReadonlySet<Accepted> {
  return new Set(accepted[recovery]);
}
