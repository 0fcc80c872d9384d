/** What a client says of a subscription that it has: other terms, more credit, how far it has come, and that it is over. */
import type { Amend, Commit, CreditLimits } from '../../../gen/hawser/subscription/v1/subscription.js';
import { refusalOf, unsubscribed } from './answers.js';
import { foreignTo } from './recovery.js';
import type { HubSession } from './session.js';
import { maxAmends } from './starting.js';
import type { Subscription } from './subscription.js';
import { conflateOf, keysOf } from './terms.js';
import { item } from './wire.js';

export function amend(session: HubSession, value: Amend): void {
  const subscription = session.subscriptions.get(value.sub);
  if (subscription === undefined) {
    const waits = session.starting.get(value.sub);
    if (waits === undefined) return; // it ended meanwhile
    if (waits.amends.length < maxAmends) waits.amends.push(value);
    else session.say(refused(value.sub, 'TOO_MANY_AMENDMENTS', `more than ${maxAmends} before the subscription began`));
    return;
  }
  try {
    const frame = amendment(session, subscription, value);
    if (frame !== undefined) session.say(frame);
  } catch (error) {
    const { code, message } = refusalOf(error);
    if (code === 'INTERNAL') {
      session.subscriptionFailed(subscription, error);
      return;
    }
    session.say(refused(value.sub, code, message));
  }
  session.enqueue(subscription);
}

function refused(sub: number, code: string, message: string): Uint8Array {
  return item({ $case: 'error', value: { code, message, retryable: false, retryAfterMs: 0, sub } });
}

export function unsubscribe(session: HubSession, sub: number): void {
  const subscription = session.subscriptions.get(sub);
  if (subscription !== undefined) session.say(session.ended(subscription, '', '', false));
  else if (session.starting.delete(sub)) session.say(unsubscribed(sub, '', '', false, undefined));
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
  session.hub.commits.set(session.connection.principal, terms.durableName, topic.name, position);
  session.say(item({ $case: 'commitOk', value: { sub, position } }));
}

/** Changes a subscription; answers with what the client is told. Throws an RpcError INVALID_ARGUMENT. */
function amendment(session: HubSession, subscription: Subscription, request: Amend): Uint8Array | undefined {
  const { pace, terms, topic } = subscription;
  const { minIntervalMs, maxBps, paused, conflate, keysAdd, keysRemove } = request;
  const keys =
    keysAdd.length + keysRemove.length === 0
      ? subscription.keys
      : keysOf([...union(subscription.keys, keysAdd, keysRemove)], topic.declaration, session.hub.limits);
  if (conflate !== undefined) Object.assign(terms, conflateOf(conflate, terms.mode, topic.declaration.conflation));
  if (minIntervalMs !== undefined) pace.minInterval = minIntervalMs;
  if (maxBps !== undefined) pace.maxBps = maxBps;
  if (paused !== undefined) subscription.paused = paused;
  session.applyImposed(subscription);
  return keys === subscription.keys ? undefined : subscription.amendKeys(keys);
}

function union(keys: ReadonlySet<string> | undefined, added: readonly string[], removed: readonly string[]) {
  const result = new Set(keys);
  for (const key of added) result.add(key);
  for (const key of removed) result.delete(key);
  return result;
}
