/** Subscribe of a client: checked, authorized, decided on, and answered, exactly once. */
import { type Start, Start_Kind, type Subscribe } from '../../../gen/hawser/subscription/v1/subscription.js';
import { ownError } from '../../call/own-error.js';
import type { Awaitable } from '../topic-store.js';
import { amend, commit, raise } from './amend-requests.js';
import { refusalOf, unsubscribed } from './answers.js';
import type { Answer } from './asking.js';
import { Credit } from './credit.js';
import type { TopicClaim } from './open-topics.js';
import { Pace } from './pace.js';
import { begin } from './recovery.js';
import type { HubSession } from './session.js';
import { Starting } from './starting.js';
import { Subscription } from './subscription.js';
import { holdsState, keysOf, type Terms, termsOf } from './terms.js';
import type { Topic } from './topic.js';
import { isOfView, type Keys, type View, viewOf } from './view.js';
import { item } from './wire.js';

/** Refs that are not a topic's own number are above all that are. */
const ownRefs = 2 ** 31;

export function subscribe(session: HubSession, request: Subscribe): void {
  const { hub, subscriptions, starting } = session;
  const { sub } = request;
  if (sub === 0 || subscriptions.has(sub) || starting.has(sub)) {
    const message = sub === 0 ? 'sub is 0; number subscriptions from 1' : `there is a subscription ${sub} already`;
    session.say(
      item({ $case: 'error', value: { code: 'SUB_IN_USE', message, retryable: false, retryAfterMs: 0, sub } }),
    );
    return;
  }
  const refuse = (error: unknown): void => {
    const refusal = refusalOf(error);
    if (refusal.code === 'INTERNAL') hub.faults.report(error, request.topic, 'a subscription failed to begin');
    session.say(unsubscribed(sub, refusal, undefined, refusal.retryable ? 1000 : 0));
  };
  if (subscriptions.size + starting.size >= hub.limits.maxSubscriptions) {
    const message = `a connection has ${hub.limits.maxSubscriptions} subscriptions at most; end some, or open another`;
    refuse(ownError('TOO_MANY_SUBSCRIPTIONS', message, { code: 'FAILED_PRECONDITION' }));
    return;
  }
  const waits = new Starting();
  starting.set(sub, waits);
  const start = (): Awaitable<void> => {
    // Declared, allowed, made: in this order, so that nobody makes a topic that they may not read.
    const declaration = hub.declared(request.topic);
    const terms = termsOf(request, declaration);
    const keys = keysOf(request, declaration, hub.limits);
    const go = ({ permission, life }: Answer): Awaitable<void> => {
      const view = viewOf(keys, permission, life);
      const claim = hub.topics.claim(request.topic, session.claimant, keys);
      const { topic } = claim;
      const done = (seq: number): void => {
        if (starting.get(sub) !== waits || session.isClosed) {
          claim.end(); // given up meanwhile
          return;
        }
        if (hub.permissions.lifeOf(session.connection.principal) !== life) {
          claim.end();
          ask();
          return;
        }
        starting.delete(sub);
        try {
          started(session, request, claim, terms, keys, view, seq);
          goOn(session, sub, waits);
        } catch (error) {
          const begun = subscriptions.get(sub);
          if (begun === undefined) refuse(error);
          else session.subscriptionFailed(begun, error);
        }
        if (!subscriptions.has(sub)) claim.end();
      };
      const find = (): Awaitable<void> => {
        const before = request.start?.kind === Start_Kind.FROM_TIME ? topic.store.before(request.start.time) : 0;
        return before instanceof Promise ? before.then(done) : done(before);
      };
      const begin = (): Awaitable<void> => {
        const expired = topic.expire();
        return expired instanceof Promise ? expired.then(find) : find();
      };
      const failed = (error: unknown): never => {
        claim.end();
        throw error;
      };
      try {
        const begun = topic.opening === undefined ? begin() : topic.opening.then(begin);
        return begun instanceof Promise ? begun.catch(failed) : begun;
      } catch (error) {
        return failed(error);
      }
    };
    const keyed = declaration.keyOf !== undefined;
    const wanted = (): boolean => starting.get(sub) === waits && !session.isClosed;
    const allowed = session.asking.ask({ action: 'subscribe', topic: request.topic, keys, keyed, wanted });
    return allowed instanceof Promise ? allowed.then(go) : go(allowed);
  };
  const failed = (error: unknown): void => {
    if (starting.get(sub) !== waits) return;
    starting.delete(sub);
    refuse(error);
  };
  const ask = (): void => {
    try {
      const starts = start();
      if (starts instanceof Promise) starts.catch(failed);
    } catch (error) {
      failed(error);
    }
  };
  ask();
}

function started(
  session: HubSession,
  request: Subscribe,
  claim: TopicClaim,
  terms: Terms,
  keys: Keys,
  view: View | undefined,
  before: number,
): void {
  const { hub } = session;
  const { topic } = claim;
  const start = startOf(session, request, topic);
  const beginning = begin({
    start,
    accept: terms.accept,
    state: topic.store.state(),
    keyed: topic.keyed,
    conflates: terms.when !== 'NEVER',
    maxReplay: hub.limits.maxReplay,
    // A start from a commit is the server's own, and nobody said what is held.
    viewChanged: start === request.start && holdsState(terms, topic.keyed) && !isOfView(start?.view, view),
    before,
  });
  if (beginning.outcome === 'REFUSED') {
    const { code, message } = beginning;
    session.say(unsubscribed(request.sub, { code, message, retryable: false }, undefined));
    return;
  }
  const pace = new Pace(request.minIntervalMs, request.maxBps, hub.clock.now());
  const ref = refOf(session, topic);
  const subscription = new Subscription(
    request.sub,
    ref,
    topic,
    keys,
    view,
    terms,
    new Credit(request.credit),
    pace,
    session,
  );
  subscription.claim = claim;
  session.subscriptions.set(request.sub, subscription);
  session.refs.add(ref);
  session.applyImposed(subscription);
  session.say(subscription.begin(beginning, start?.held?.seq ?? 0));
  session.enqueue(subscription);
}

/** What the client said of it meanwhile. */
function goOn(session: HubSession, sub: number, waits: Starting): void {
  for (const one of waits.amends) amend(session, one);
  raise(session, sub, waits.limits);
  if (waits.commit !== undefined) commit(session, waits.commit);
}

/** Whoever comes back under a name and does not say from where, goes on after the last commit. */
function startOf(session: HubSession, { start, durableName }: Subscribe, topic: Topic): Start | undefined {
  if (start !== undefined && start.kind !== Start_Kind.UNSPECIFIED) return start;
  const commit = session.hub.commits.get(session.connection.principal, durableName, topic.name);
  return commit === undefined
    ? start
    : {
        kind: Start_Kind.RESUME,
        epoch: commit.epoch,
        seq: commit.seq,
        time: 0,
        count: 0,
        generation: commit.generation,
      };
}

/** The topic's own number, so that batches are the same for all; for a second chain on this connection, another. */
function refOf({ refs }: HubSession, topic: Topic): number {
  if (!refs.has(topic.alias)) return topic.alias;
  let ref = ownRefs;
  while (refs.has(ref)) ref += 1;
  return ref;
}
