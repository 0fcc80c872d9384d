/** What a server tells of its calls. Heard with `server.on(name, fn)` and on the channels `hawser:server:<name>`. */
import type { Call } from '../call/call.js';
import type { EventHub } from '../call/events.js';
import type { RpcError } from '../call/rpc-error.js';
import type { MethodType } from '../contract/method.js';

/** How far a call had come when nobody waited for it any more. */
export type DiscardStage = 'arrival' | 'queue' | 'decode' | 'handler' | 'commit';

/** Work that nobody waits for was dropped. */
export interface ServerDiscardedEvent {
  readonly method: MethodType;
  readonly stage: DiscardStage;
  readonly error: RpcError;
  readonly call: Pick<Call, 'headers' | 'peer' | 'correlationId'>;
}

export interface ServerEvents {
  readonly discarded: ServerDiscardedEvent;
}

export const serverEventNames = ['discarded'] as const satisfies readonly (keyof ServerEvents)[];

export type ServerEventHub = EventHub<ServerEvents>;
