/**
 * Asks again what a subscription may be shown, once its principal's permissions have changed. Until the answer nothing is sent to
 * it. What it may see no more it is shown no more, and by a reset is made to let go of; one that is refused altogether ends.
 */
import { refusalOf } from './answers.js';
import type { HubSession } from './session.js';
import type { Subscription } from './subscription.js';
import { viewOf } from './view.js';

/** Never rejects. */
export async function reauthorize(session: HubSession, subscription: Subscription): Promise<void> {
  subscription.hide();
  await subscription.turns.take(async () => {
    if (subscription.over) return;
    const { keys, topic } = subscription;
    try {
      const { permission, life } = await session.asking.ask({
        action: 'subscribe',
        topic: topic.name,
        keys,
        keyed: topic.keyed,
        wanted: () => !subscription.over,
        again: true,
      });
      if (subscription.over) return;
      const frame = subscription.show(viewOf(keys, permission, life));
      if (frame !== undefined) session.say(frame);
    } catch (error) {
      if (subscription.over) return;
      const refusal = refusalOf(error);
      if (refusal.code === 'INTERNAL') session.subscriptionFailed(subscription, error);
      else session.say(session.ended(subscription, refusal));
    }
  });
}
