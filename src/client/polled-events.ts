/** From what a poll of idl/hawser.thrift answers to the frames of the subscription stream; undefined for what is of a newer server. */
import type {
  Gap_Reason,
  Outcome,
  Reset_Reason,
  ServerItem,
  Subscribe_Scope,
  Update,
} from '../../gen/hawser/subscription/v1/subscription.js';
import type * as idl from '../../gen/hawser.js';

/** `sub` and `ref`: the numbers by which the subscription and its chain are known here. */
export function itemOf(event: idl.Event, sub: number, ref: number): ServerItem['item'] {
  switch (event.$case) {
    case 'subscribed': {
      const { epoch, head, outcome, fromSeq, keyed, generation, view, scope } = event.value;
      const value = {
        sub,
        ref,
        epoch,
        head: Number(head),
        outcome: outcome as number as Outcome,
        from: Number(fromSeq),
        keyed,
        generation,
        view,
        scope: scope as number as Subscribe_Scope | undefined,
      };
      return { $case: 'subscribed', value };
    }
    case 'batch': {
      const { fromSeq, toSeq, updates, generation, aheadGeneration, partial } = event.value;
      return {
        $case: 'batch',
        value: {
          ref,
          from: Number(fromSeq),
          to: Number(toSeq),
          updates: updates.map(updateOf),
          generation,
          aheadGeneration,
          partial,
        },
      };
    }
    case 'progress': {
      const { epoch, deliveredTo, head, first, generation } = event.value;
      const value = {
        ref,
        epoch,
        deliveredTo: Number(deliveredTo),
        head: Number(head),
        first: Number(first),
        generation,
      };
      return { $case: 'progress', value };
    }
    case 'snapshotBegin': {
      const { epoch, at, generation } = event.value;
      return { $case: 'snapshotBegin', value: { sub, ref, epoch, at: Number(at), estimatedEntries: 0, generation } };
    }
    case 'snapshotChunk':
      return {
        $case: 'snapshotChunk',
        value: { sub, n: event.value.n, entries: event.value.entries.map(updateOf) },
      };
    case 'snapshotEnd': {
      const { at, consistentAt, count, checksum } = event.value;
      return {
        $case: 'snapshotEnd',
        value: {
          sub,
          at: Number(at),
          consistentAt: Number(consistentAt),
          count: Number(count),
          checksum: Number(checksum),
        },
      };
    }
    case 'gap': {
      const { fromSeq, toSeq, reason, generation } = event.value;
      return {
        $case: 'gap',
        value: {
          sub,
          ref,
          from: Number(fromSeq),
          to: Number(toSeq),
          reason: reason as number as Gap_Reason,
          generation,
        },
      };
    }
    case 'reset':
      return {
        $case: 'reset',
        value: { sub, reason: event.value.reason as number as Reset_Reason, epoch: event.value.epoch },
      };
    case 'unsubscribed':
      return { $case: 'unsubscribed', value: { ...event.value, sub } };
    case 'goAway':
      return { $case: 'goAway', value: event.value };
    default:
      return undefined;
  }
}

function updateOf({ groupTo, ...update }: idl.Update): Update {
  const { seq, time, expires } = update;
  const numbers = { seq: Number(seq), time: Number(time), expires: Number(expires) };
  return { ...update, ...numbers, groupTo: Number(groupTo ?? 0) };
}
