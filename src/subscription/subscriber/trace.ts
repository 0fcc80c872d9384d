/**
 * What a subscriber did, step by step, for those who check it: the simulator and runs over real sockets write it down, and one
 * checker reads both. Nothing is built for it where nobody asked.
 */
import type { Update } from '../../../gen/hawser/subscription/v1/subscription.js';
import type { RpcError } from '../../call/rpc-error.js';
import type { Generation } from '../generation.js';
import type { Epoch, Position } from '../position.js';
import type { Cut } from './accounting.js';
import type { CreditTerms } from './credit.js';
import type { OutcomeName, ResetEvent } from './events.js';
import type { Replica } from './replica.js';
import type { ModeName } from './spec.js';
import type { State } from './table.js';

export type TraceNote =
  | { readonly type: 'asked'; readonly credit: CreditTerms }
  | {
      readonly type: 'began';
      readonly epoch: Epoch;
      readonly generation: Generation | undefined;
      readonly from: number;
      readonly outcome: OutcomeName;
      readonly mode: ModeName;
      readonly keyed: boolean;
      readonly snapshot: boolean;
    }
  /** `staged`: out of the application's sight. */
  | {
      readonly type: 'applied';
      readonly epoch: Epoch;
      readonly generation: Generation | undefined;
      /** Of the newest update that is after `to`, where that is another. */
      readonly ahead: Generation | undefined;
      readonly from: number;
      readonly to: number;
      readonly updates: readonly Update[];
      readonly staged: boolean;
    }
  | {
      readonly type: 'staged';
      readonly epoch: Epoch;
      readonly generation: Generation | undefined;
      readonly at: number;
    }
  | { readonly type: 'entries'; readonly count: number; readonly bytes: number }
  | { readonly type: 'published'; readonly position: Position; readonly replica: Replica }
  | { readonly type: 'bookmark'; readonly seq: number }
  | {
      readonly type: 'gap';
      readonly from: number;
      readonly to: number;
      readonly generation: Generation | undefined;
    }
  | { readonly type: 'reset'; readonly reason: ResetEvent['reason'] }
  | { readonly type: 'cut'; readonly position: Position; readonly cut: Cut | undefined }
  /** Said to be consistent: `replica` is as it is at this moment. */
  | { readonly type: 'consistent'; readonly position: Position; readonly replica: Replica }
  | { readonly type: 'credit'; readonly limits: CreditTerms }
  | {
      readonly type: 'taken';
      readonly key: string;
      readonly seq: number;
      readonly epoch: Epoch;
      readonly generation: Generation | undefined;
      readonly snapshot: boolean;
      readonly value: Uint8Array | undefined;
    }
  | { readonly type: 'state'; readonly state: State }
  | { readonly type: 'broken'; readonly problem: string }
  | { readonly type: 'failed'; readonly error: RpcError };

export type Trace = (note: TraceNote) => void;
