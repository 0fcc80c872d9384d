import type { MethodType } from '../../contract/method.js';

/**
 * A call that waits for news, in place of a stream where there are none: it takes a place only until it waits, as one that opens a
 * stream does, and its length says nothing of the server's load.
 */
export function isLongPoll({ service, name }: Pick<MethodType, 'service' | 'name'>): boolean {
  return name === 'poll' && service.name === 'hawser.subscription.v1.Subscriptions';
}
