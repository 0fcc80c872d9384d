/** What the connections of a hub see of it. */
import type { Clock } from '../../call/clock.js';
import type { Logger } from '../../call/logger.js';
import type { Awaitable } from '../topic-store.js';
import type { Commits } from './commits.js';
import type { TopicDeclaration } from './declaration.js';
import type { Faults } from './faults.js';
import type { Flush } from './flush.js';
import type { HubLimits } from './limits.js';
import type { OpenTopics } from './open-topics.js';
import type { HubSession } from './session.js';

/** What someone wants to do with a topic. */
export interface AccessRequest {
  readonly action: 'subscribe' | 'publish';
  readonly topic: string;
  /** Of a subscription: undefined is all. */
  readonly keys: ReadonlySet<string> | undefined;
  readonly principal: string;
  readonly peer: string;
}

/** Throws, or rejects with, an RpcError to refuse: PERMISSION_DENIED, as a rule. */
export type Authorize = (request: AccessRequest) => Awaitable<void>;

export interface HubContext {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly limits: HubLimits;
  readonly serverId: string;
  readonly flush: Flush;
  readonly commits: Commits;
  readonly faults: Faults;
  readonly authorize: Authorize;
  /** Whether snapshots wait, and publications of clients are refused. */
  readonly snapshotsPaused: boolean;
  /** Throws an RpcError NOT_FOUND for a topic that is not. */
  declared(name: string): TopicDeclaration;
  /** Those at work. Naming another throws as `declared`, and RESOURCE_EXHAUSTED when there are too many. */
  readonly topics: OpenTopics;
  remove(session: HubSession): void;
  /** Something on the connection is held back: it is asked what there is to tell for as long as that lasts. */
  watchHeld(session: HubSession): void;
  /** Why nobody is let in now. */
  refuseHello(): { readonly code: string; readonly message: string; readonly retryAfterMs: number } | undefined;
}
