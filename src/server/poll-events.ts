/** From the frames of the hub to their twins in idl/hawser.thrift; undefined for what a client that polls has no use for. */

import type { ServerItem, Update } from '../../gen/hawser/subscription/v1/subscription.js';
import type * as idl from '../../gen/hawser.js';

export function eventOf(item: NonNullable<ServerItem['item']>): idl.Event | undefined {
  switch (item.$case) {
    case 'batch': {
      const { ref, from, to, updates, generation, aheadGeneration, partial } = item.value;
      return {
        $case: 'batch',
        value: {
          ref,
          fromSeq: BigInt(from),
          toSeq: BigInt(to),
          updates: updates.map(updateOf),
          generation,
          aheadGeneration,
          partial,
        },
      };
    }
    case 'progress': {
      const { ref, epoch, deliveredTo, head, first, generation } = item.value;
      return {
        $case: 'progress',
        value: { ref, epoch, deliveredTo: BigInt(deliveredTo), head: BigInt(head), first: BigInt(first), generation },
      };
    }
    case 'subscribed': {
      const { ref, epoch, head, outcome, from, keyed, generation, view, scope } = item.value;
      return {
        $case: 'subscribed',
        value: {
          ref,
          epoch,
          head: BigInt(head),
          outcome: outcome as number,
          fromSeq: BigInt(from),
          keyed,
          generation,
          view,
          scope: scope as number | undefined,
        },
      };
    }
    case 'snapshotBegin': {
      const { ref, epoch, at, generation } = item.value;
      return { $case: 'snapshotBegin', value: { ref, epoch, at: BigInt(at), generation } };
    }
    case 'snapshotChunk':
      return { $case: 'snapshotChunk', value: { n: item.value.n, entries: item.value.entries.map(updateOf) } };
    case 'snapshotEnd': {
      const { at, consistentAt, count, checksum } = item.value;
      return {
        $case: 'snapshotEnd',
        value: {
          at: BigInt(at),
          consistentAt: BigInt(consistentAt),
          count: BigInt(count),
          checksum: BigInt(checksum),
        },
      };
    }
    case 'gap': {
      const { ref, from, to, reason, generation } = item.value;
      return {
        $case: 'gap',
        value: { ref, fromSeq: BigInt(from), toSeq: BigInt(to), reason: reason as number, generation },
      };
    }
    case 'reset':
      return { $case: 'reset', value: { reason: item.value.reason as number, epoch: item.value.epoch } };
    case 'unsubscribed': {
      const { code, retryable, retryAfterMs, message, status } = item.value;
      return { $case: 'unsubscribed', value: { code, retryable, retryAfterMs, message, status } };
    }
    case 'error': {
      const { code, retryable, retryAfterMs, message, status } = item.value;
      return { $case: 'unsubscribed', value: { code, retryable, retryAfterMs, message, status } };
    }
    case 'goAway':
      return { $case: 'goAway', value: item.value };
    default:
      return undefined;
  }
}

function updateOf({ groupTo, ...update }: Update): idl.Update {
  const { seq, time, expires } = update;
  const numbers = { seq: BigInt(seq), time: BigInt(time), expires: BigInt(expires) };
  return { ...update, ...numbers, groupTo: groupTo === 0 ? undefined : BigInt(groupTo) };
}
