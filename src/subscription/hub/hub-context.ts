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
import type { Permissions } from './permissions.js';
import type { HubSession } from './session.js';
import type { Keys, Permission } from './view.js';

/** What someone wants to do with a topic. */
export interface AccessRequest {
  readonly action: 'subscribe' | 'publish';
  readonly topic: string;
  readonly keys: Keys;
  /** Of `keys`, those that were allowed before, each by itself. */
  readonly allowed?: ReadonlySet<string> | undefined;
  /** Whether the topic has keys. */
  readonly keyed: boolean;
  readonly principal: string;
  readonly peer: string;
  /** A subscription that stands is asked about: of keys that are named and refused the answer is those that are not. */
  readonly again?: boolean;
  /** Whether somebody still waits for the answer. */
  readonly wanted: () => boolean;
}

/**
 * Answers what may be seen: all that is asked for where nothing is answered. Throws, or rejects with, an RpcError to refuse:
 * PERMISSION_DENIED, as a rule.
 */
// biome-ignore lint/suspicious/noConfusingVoidType: a function that only throws answers nothing
export type Authorize = (request: AccessRequest) => Awaitable<Permission | void>;

export interface HubContext {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly limits: HubLimits;
  readonly serverId: string;
  readonly flush: Flush;
  readonly commits: Commits;
  readonly faults: Faults;
  readonly authorize: Authorize;
  readonly permissions: Permissions;
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
