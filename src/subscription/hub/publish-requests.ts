/** Publish of a client: checked as the server's own would be, authorized, appended, and answered with the position. */
import type { ClientItem, Publish } from '../../../gen/hawser/subscription/v1/subscription.js';
import { ownError } from '../../call/own-error.js';
import type { RpcError } from '../../call/rpc-error.js';
import type { Reason } from '../../contract/reasons.js';
import { generationFromBytes } from '../generation.js';
import { epochFromBytes, positionToWire } from '../position.js';
import type { Append, Appended, Awaitable, Expectation } from '../topic-store.js';
import { refusalOf } from './answers.js';
import { checkAppendable } from './appendable.js';
import type { HubSession } from './session.js';
import { item } from './wire.js';

/** Takes the publication at `at`, with those after it that are of its group; answers how many these are. */
export function publishAll(session: HubSession, items: readonly ClientItem[], at: number): number {
  const first = items[at]?.item;
  if (first?.$case !== 'publish') return 1;
  const group = [first.value];
  while (first.value.atomicGroup !== 0 && at + group.length < items.length) {
    const next = items[at + group.length]?.item;
    if (next?.$case !== 'publish' || next.value.atomicGroup !== first.value.atomicGroup) break;
    group.push(next.value);
  }
  publish(session, group);
  return group.length;
}

function publish(session: HubSession, group: readonly Publish[]): void {
  const { hub } = session;
  const answered = (appended: readonly Appended[]): void => {
    group.forEach(({ request }, index) => {
      const { position, duplicate } = appended[index] as Appended;
      const at = positionToWire(position);
      session.say(item({ $case: 'published', value: { request, position: at, duplicate, error: undefined } }));
    });
  };
  const failed = (error: unknown): void => {
    const { code, message, retryable } = refusalOf(error);
    if (code === 'INTERNAL') hub.faults.report(error, group[0]?.topic ?? '', 'a publication failed');
    const why = { code, message, retryable, retryAfterMs: retryable ? 1000 : 0, sub: 0 };
    for (const { request } of group) {
      session.say(item({ $case: 'published', value: { request, position: undefined, duplicate: false, error: why } }));
    }
  };
  try {
    const appended = append(session, group);
    if (!(appended instanceof Promise)) {
      answered(appended);
      return;
    }
    session.publishing += group.length;
    const done = (): void => {
      session.publishing -= group.length;
    };
    appended.then(answered, failed).finally(done);
  } catch (error) {
    failed(error);
  }
}

function append(session: HubSession, group: readonly Publish[]): Awaitable<readonly Appended[]> {
  const { hub } = session;
  const name = (group[0] as Publish).topic;
  if (hub.snapshotsPaused) throw exhausted('OVERLOADED', 'the server has too much to do to take publications now');
  if (session.publishing + group.length > hub.limits.maxPublishing) {
    throw exhausted('TOO_MANY_PUBLISHING', `${session.publishing} publications are not answered yet; wait for some`);
  }
  if (group.some(({ topic }) => topic !== name)) {
    throw ownError('GROUP_OF_TOPICS', 'an atomic group is of one topic');
  }
  const { principal } = session.connection;
  const keys = new Set(group.map(({ key }) => key));
  const allowed = session.asking.ask({
    action: 'publish',
    topic: name,
    keys,
    keyed: hub.declared(name).keyOf !== undefined,
    wanted: () => !session.isClosed,
  });
  const go = (): Awaitable<readonly Appended[]> => {
    const topic = hub.topics.publishedBy(name, session.claimant);
    const appends = group.map((one) => appendOf(one, principal));
    checkAppendable(topic.declaration, appends, hub.limits);
    return topic.append(appends);
  };
  return allowed instanceof Promise ? allowed.then(go) : go();
}

function appendOf(publish: Publish, principal: string): Append {
  const { key, value, tombstone, ttlMs, producerId, producerSeq, expect } = publish;
  return {
    key,
    value: tombstone ? undefined : Buffer.from(value), // not a view that keeps the whole frame
    ttl: ttlMs,
    // One principal's numbers are no other's.
    producer: producerId === '' ? undefined : { id: JSON.stringify([principal, producerId]), seq: producerSeq },
    expect: expect === undefined ? undefined : expectationOf(expect),
  };
}

function expectationOf(expect: NonNullable<Publish['expect']>): Expectation {
  const { epoch, seq, keySeq, generation, keyGeneration } = expect;
  return {
    epoch: epoch.length === 0 ? undefined : (epochFromBytes(epoch) ?? 'malformed'),
    seq: seq === undefined ? undefined : Number(seq),
    keySeq: keySeq === undefined ? undefined : Number(keySeq),
    generation: generationFromBytes(generation),
    keyGeneration: generationFromBytes(keyGeneration),
  };
}

function exhausted(reason: Reason, message: string): RpcError {
  return ownError(reason, message, { code: 'RESOURCE_EXHAUSTED', disposition: 'not-executed' });
}
