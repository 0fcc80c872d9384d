/**
 * Subscriptions for Thrift clients, which have no streams: idl/hawser.thrift, served from the hub as any other subscriber.
 * A poll raises the credit by what it asks for, so between polls the hub conflates or waits, and what a session holds is
 * at most one answer.
 */
import { randomBytes } from 'node:crypto';
import type { Event, OpenRequest, Position } from '../../gen/hawser.js';
import * as idl from '../../gen/hawser.js';
import type { Call } from '../call/call.js';
import type { Clock } from '../call/clock.js';
import { connectionOf, type Owner, ownerOf } from '../call/owner.js';
import { countRefusal } from '../call/refusals.js';
import { isRpcError } from '../call/rpc-error.js';
import { Shares } from '../call/shares.js';
import type { Hub } from '../subscription/hub/hub.js';
import type { Authorize } from '../subscription/hub/hub-context.js';
import { limitsOf } from '../subscription/hub/limits.js';
import { maxOf, refusal, waitOf } from './poll-numbers.js';
import { PollSession } from './poll-session.js';

export interface PollLimits {
  /** Sessions in all; 10,000 by default. */
  readonly maxSessions: number;
  /** Of these, sessions of one principal, or from one address for callers without a name; half of them by default, 16 at least. */
  readonly maxSessionsPerCaller: number;
  /** ms without a poll after which a session is forgotten; 60,000 by default. */
  readonly idleMs: number;
  /** ms that a poll waits at most; 30,000 by default. */
  readonly maxWaitMs: number;
}

export const defaultPollLimits: PollLimits = {
  maxSessions: 10_000,
  idleMs: 60_000,
  maxWaitMs: 30_000,
  maxSessionsPerCaller: 5_000,
};

/** Throws a RangeError that names the limit. */
export function pollLimits(given: Partial<PollLimits> | undefined): PollLimits {
  const limits = limitsOf(defaultPollLimits, given);
  const { maxSessionsPerCaller = Math.max(16, Math.ceil(limits.maxSessions / 2)) } = given ?? {};
  return { ...limits, maxSessionsPerCaller };
}

/** ms left for the answer of a poll to reach a caller with a deadline. */
const answerMs = 100;

export class PollService {
  readonly #sessions = new Map<string, PollSession>();
  readonly #hub: () => Hub;
  readonly #clock: Clock;
  readonly #limits: PollLimits;
  readonly #authorizeFor: (call: Call) => Authorize | undefined;
  readonly #shares: Shares;

  constructor(hub: () => Hub, clock: Clock, limits: PollLimits, authorizeFor: (call: Call) => Authorize | undefined) {
    this.#hub = hub;
    this.#clock = clock;
    this.#limits = limits;
    this.#authorizeFor = authorizeFor;
    this.#shares = new Shares({
      most: limits.maxSessionsPerCaller,
      what: 'sessions',
      option: 'topics.polls.maxSessionsPerCaller',
      reason: 'TOO_MANY_SESSIONS_OF_CALLER',
    });
  }

  async open(request: OpenRequest | undefined, call: Call): Promise<idl.Opened> {
    if (request === undefined) throw refusal('INVALID_REQUEST', 'an OpenRequest is needed');
    const { maxSessions, idleMs, maxWaitMs } = this.#limits;
    if (this.#sessions.size >= maxSessions) {
      countRefusal('TOO_MANY_SESSIONS');
      throw refusal('TOO_MANY_SESSIONS', `the server has ${maxSessions} sessions; come back later`, 5000);
    }
    const owner = this.#take(call);
    const id = randomBytes(16).toString('hex');
    const { address: peer } = call.peer;
    const session = new PollSession(
      { peer, principal: call.principal, authorize: this.#authorizeFor(call), clock: this.#clock, idleMs },
      (connection) => this.#hub().connect(connection),
      () => {
        if (this.#sessions.delete(id)) this.#shares.give(owner, 1, connectionOf(peer));
      },
    );
    this.#sessions.set(id, session);
    try {
      session.subscribe(request);
    } catch (error) {
      session.end();
      if (error instanceof idl.SubscriptionError) throw error;
      throw refusal('INVALID_REQUEST', isRpcError(error) || error instanceof Error ? error.message : String(error));
    }
    return { session: id, idleMs, maxWaitMs, tellsHead: true };
  }

  async poll(id: string, max: number, waitMs: number, call: Call): Promise<Event[]> {
    const session = this.#find(id, call);
    const wanted = maxOf(max);
    const patience = waitOf(waitMs);
    const { maxWaitMs } = this.#limits;
    const left = call.deadline === undefined ? maxWaitMs : call.deadline.remaining() - answerMs;
    const wait = Math.max(0, Math.min(patience, maxWaitMs, left));
    // An answer that nobody takes is one that was lost: the next batch shows it.
    call.onAbort(() => session.hush());
    return session.poll(wanted, wait);
  }

  async commit(id: string, position: Position | undefined, call: Call): Promise<void> {
    const session = this.#find(id, call);
    if (position === undefined) throw refusal('INVALID_POSITION', 'a position is needed');
    const refused = await session.commit(position);
    if (refused !== undefined) throw refusal(refused.code, refused.message);
  }

  async close(id: string, call: Call): Promise<void> {
    const session = this.#sessions.get(id);
    if (session?.principal === call.principal) session.end();
  }

  #take(call: Call): Owner {
    const { address } = call.peer;
    const owner = ownerOf(call.principal, address);
    try {
      this.#shares.take(owner, 1, connectionOf(address));
    } catch (error) {
      throw isRpcError(error) ? refusal('TOO_MANY_SESSIONS_OF_CALLER', error.message, 5000) : error;
    }
    return owner;
  }

  /** Another caller's session is none. */
  #find(id: string, call: Call): PollSession {
    const session = this.#sessions.get(id);
    if (session?.principal === call.principal) {
      if (!session.spent) return session;
      session.end();
    }
    throw refusal('NO_SUCH_SESSION', 'the session is over, or of another server; open again with RESUME', 1);
  }
}
