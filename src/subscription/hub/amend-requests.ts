/** What a client says of a subscription that it has: other terms, more credit, how far it has come, and that it is over. */
import {
  type Amend,
  type Commit,
  type CreditLimits,
  Subscribe_Scope,
} from '../../../gen/hawser/subscription/v1/subscription.js';
import { ownError } from '../../call/own-error.js';
import type { RpcError } from '../../call/rpc-error.js';
import type { Awaitable } from '../topic-store.js';
import { asAsked, type Refusal, refusalOf, unsubscribed } from './answers.js';
import type { Answer } from './asking.js';
import { foreignTo } from './recovery.js';
import type { HubSession } from './session.js';
import { maxAmends } from './starting.js';
import type { Subscription } from './subscription.js';
import { conflateOf, invalid, namedKeys } from './terms.js';
import { type Keys, narrowed, viewOf } from './view.js';
import { item } from './wire.js';

export function amend(session: HubSession, value: Amend): void {
  const subscription = session.subscriptions.get(value.sub);
  if (subscription === undefined) {
    const waits = session.starting.get(value.sub);
    if (waits === undefined) return; // it ended meanwhile
    if (waits.amends.length < maxAmends) waits.amends.push(value);
    else refuse(session, value, tooMany());
    return;
  }
  try {
    amendTerms(session, subscription, value);
    if (changesKeys(value)) {
      if (subscription.turns.waiting >= maxAmends) throw tooMany();
      void subscription.turns.take(() => amendKeys(session, subscription, value));
    }
  } catch (error) {
    refuse(session, value, error);
  }
  session.enqueue(subscription);
}

function tooMany(): RpcError {
  const message = `more than ${maxAmends} changes of one subscription wait for an answer; wait for some`;
  return ownError('TOO_MANY_AMENDMENTS', message);
}

function refuse(session: HubSession, { sub, request }: Amend, error: unknown): void {
  const refusal: Refusal = refusalOf(error);
  const subscription = session.subscriptions.get(sub);
  if (refusal.code === 'INTERNAL' && subscription !== undefined) {
    session.subscriptionFailed(subscription, error);
    return;
  }
  const { retryable } = refusal;
  session.say(item({ $case: 'error', value: { ...refusal, retryAfterMs: retryable ? 1000 : 0, sub, request } }));
}

export function unsubscribe(session: HubSession, sub: number): void {
  const subscription = session.subscriptions.get(sub);
  if (subscription !== undefined) session.say(session.ended(subscription, asAsked));
  else if (session.starting.delete(sub)) session.say(unsubscribed(sub, asAsked, undefined));
}

/** `sub` 0 is the connection itself. */
export function raise(session: HubSession, sub: number, limits: CreditLimits | undefined): void {
  if (sub === 0) {
    session.credit.raise(limits);
    for (const subscription of session.subscriptions.values()) session.enqueue(subscription);
    return;
  }
  const subscription = session.subscriptions.get(sub);
  if (subscription === undefined) {
    session.starting.get(sub)?.raise(limits);
    return;
  }
  subscription.credit.raise(limits);
  session.enqueue(subscription);
}

export function commit(session: HubSession, said: Commit): void {
  const { sub, position } = said;
  const subscription = session.subscriptions.get(sub);
  const waits = session.starting.get(sub);
  if (waits !== undefined) waits.commit = said;
  if (subscription === undefined || position === undefined) return;
  const { terms, topic } = subscription;
  const foreign = foreignTo(topic.store.state(), position);
  if (foreign !== undefined) {
    const message = `seq ${position.seq} of ${topic.name} is not committed: ${foreign}`;
    const error = { code: 'COMMIT_OF_OTHER_HISTORY', message, retryable: false, retryAfterMs: 0, sub };
    session.say(item({ $case: 'commitOk', value: { sub, position: undefined, refused: position, error } }));
    return;
  }
  const { hub, connection, claimant } = session;
  hub.commits.set(connection.principal, claimant.owner, terms.durableName, topic.name, position);
  session.say(item({ $case: 'commitOk', value: { sub, position } }));
}

/** Throws an RpcError INVALID_ARGUMENT. */
function amendTerms(session: HubSession, subscription: Subscription, request: Amend): void {
  const { pace, terms, topic } = subscription;
  const { minIntervalMs, maxBps, paused, conflate } = request;
  if (conflate !== undefined) Object.assign(terms, conflateOf(conflate, terms.mode, topic.declaration.conflation));
  if (minIntervalMs !== undefined) pace.minInterval = minIntervalMs;
  if (maxBps !== undefined) pace.maxBps = maxBps;
  if (paused !== undefined) subscription.paused = paused;
  session.applyImposed(subscription);
}

function changesKeys({ keysAdd, keysRemove, scope = Subscribe_Scope.UNSPECIFIED }: Amend): boolean {
  return keysAdd.length + keysRemove.length > 0 || scope !== Subscribe_Scope.UNSPECIFIED;
}

/** Keys that are added are asked for as those of a new subscription; to have fewer needs no permission. */
function amendKeys(session: HubSession, subscription: Subscription, request: Amend): Awaitable<void> {
  const { asking } = session;
  const { topic } = subscription;
  const failed = (error: unknown): void => {
    if (subscription.over) return;
    refuse(session, request, error);
    session.enqueue(subscription);
  };
  if (subscription.over) return;
  try {
    const before = subscription.keys;
    const keys = keysAfter(session, subscription, request);
    if (keys !== 'all' && before !== 'all' && [...keys].every((key) => before.has(key))) {
      session.say(subscription.amendKeys(keys, narrowed(subscription.view, keys)));
      return;
    }
    const answer = asking.ask({
      action: 'subscribe',
      topic: topic.name,
      keys,
      allowed: before === 'all' ? undefined : subscription.view?.names,
      keyed: topic.keyed,
      wanted: () => !subscription.over,
    });
    const done = ({ permission, life }: Answer): void => {
      if (subscription.over) return;
      session.say(subscription.amendKeys(keys, viewOf(keys, permission, life)));
      session.enqueue(subscription);
    };
    if (answer instanceof Promise) return answer.then(done).catch(failed);
    done(answer);
  } catch (error) {
    failed(error);
  }
}

/** Throws an RpcError INVALID_ARGUMENT. */
function keysAfter(session: HubSession, { keys, topic }: Subscription, request: Amend): Keys {
  const { keysAdd, keysRemove, scope = Subscribe_Scope.UNSPECIFIED } = request;
  if (scope === Subscribe_Scope.ALL) {
    if (keysAdd.length + keysRemove.length > 0)
      throw invalid('KEYS', 'all keys are asked for, and some are named; say one of both');
    return 'all';
  }
  const after = new Set(scope === Subscribe_Scope.NAMED || keys === 'all' ? [] : keys);
  for (const key of keysAdd) after.add(key);
  for (const key of keysRemove) after.delete(key);
  if (scope === Subscribe_Scope.UNSPECIFIED && keys === 'all' && after.size === 0) {
    throw invalid(
      'KEYS',
      `the subscription is to all keys of ${topic.name}, of which none can be taken; name those that are wanted`,
    );
  }
  return namedKeys(after, topic.declaration, session.hub.limits);
}
