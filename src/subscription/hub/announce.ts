/** What a subscriber is told of its subscription, apart from updates. */
import {
  type Effective,
  type Gap_Reason,
  type Outcome,
  type Reset_Reason,
  Subscribe_Scope,
} from '../../../gen/hawser/subscription/v1/subscription.js';
import { generationToBytes } from '../generation.js';
import { epochToBytes } from '../position.js';
import type { Topic } from './topic.js';
import { type Keys, tokenOf, type View } from './view.js';
import { item } from './wire.js';

/** A chain of batches: the client's number of the subscription, and the server's of the chain. */
export interface Chain {
  readonly id: number;
  readonly ref: number;
  readonly topic: Topic;
}

export function subscribedFrame(
  { id, ref, topic }: Chain,
  outcome: Outcome,
  from: number,
  effective: Effective,
  { keys, view }: { readonly keys: Keys; readonly view: View | undefined },
): Uint8Array {
  const { epoch, head } = topic.store.state();
  const generation = generationOf(topic, from);
  return item({
    $case: 'subscribed',
    value: {
      sub: id,
      ref,
      epoch: epochToBytes(epoch),
      head,
      outcome,
      from,
      effective,
      keyed: topic.keyed,
      generation,
      view: tokenOf(view),
      scope: keys === 'all' ? Subscribe_Scope.ALL : Subscribe_Scope.NAMED,
    },
  });
}

export function gapFrame({ id, ref, topic }: Chain, from: number, to: number, reason: Gap_Reason): Uint8Array {
  return item({ $case: 'gap', value: { sub: id, ref, from, to, reason, generation: generationOf(topic, to) } });
}

export function resetFrame({ id, topic }: Chain, reason: Reset_Reason): Uint8Array {
  const { epoch } = topic.store.state();
  return item({ $case: 'reset', value: { sub: id, reason, epoch: epochToBytes(epoch) } });
}

export function progressFrame({ ref, topic }: Chain, deliveredTo: number): Uint8Array {
  const { epoch, head, first } = topic.store.state();
  const generation = generationOf(topic, deliveredTo);
  return item({ $case: 'progress', value: { ref, epoch: epochToBytes(epoch), deliveredTo, head, first, generation } });
}

/** As bytes; undefined where it is not known. */
export function generationOf(topic: Topic, seq: number): Uint8Array | undefined {
  return generationToBytes(topic.generations.ownerOf(seq));
}
