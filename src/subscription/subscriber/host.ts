/** What a subscriber needs of the connection that it shares, and of the world. */
import type { ClientItem } from '../../../gen/hawser/subscription/v1/subscription.js';
import type { Clock } from '../../call/clock.js';
import type { Random } from '../../call/random.js';
import type { BackoffTerms } from './backoff.js';
import type { Subscriber } from './subscriber.js';

export type Sent = NonNullable<ClientItem['item']>;

export interface Host {
  readonly clock: Clock;
  readonly random: Random;
  readonly backoff: BackoffTerms;
  /** Whether the connection stands. */
  readonly ready: boolean;
  /** A number for a subscription, not used before on this connection; what the server says of it comes to `subscriber`. */
  attach(subscriber: Subscriber): number;
  /** What the server still says of it is of no interest. Tells the server, unless that ended it. */
  detach(subscriber: Subscriber, sub: number, ended: 'here' | 'there'): void;
  send(item: Sent): void;
  /** There is a new limit to tell; asked for when a frame is made. */
  creditDue(subscriber: Subscriber): void;
  /** It is over. */
  forget(subscriber: Subscriber): void;
}
