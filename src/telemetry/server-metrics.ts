/** A server's events as metrics. Listens only while a meter provider is registered: events that nobody hears are not made. */
import type { ServerEventHub } from '../interceptors/server-events.js';
import { ofMethod } from './client-metrics.js';
import { attribute } from './conventions.js';
import { type Instruments, instruments } from './instruments.js';

export class ServerMetrics {
  readonly #events: ServerEventHub;
  #heard: Instruments | undefined;
  #stop: (() => void)[] = [];

  constructor(events: ServerEventHub) {
    this.#events = events;
  }

  /** Whether it still listens for a provider that may be gone. */
  get listening(): boolean {
    return this.#heard !== undefined;
  }

  /** What to record with now. */
  get current(): Instruments | undefined {
    const now = instruments();
    if (now !== this.#heard) this.#listen(now);
    return now;
  }

  #listen(now: Instruments | undefined): void {
    for (const stop of this.#stop.splice(0)) stop();
    this.#heard = now;
    if (now === undefined) return;
    const events = this.#events;
    this.#stop.push(
      events.on('discarded', ({ method, stage }) => {
        now.serverDiscarded.add(1, { ...ofMethod(method), [attribute.stage]: stage });
      }),
      events.on('rejected', ({ method, reason, criticality }) => {
        now.rejected.add(1, {
          ...ofMethod(method),
          [attribute.rejection]: reason,
          [attribute.criticality]: criticality,
        });
      }),
      events.on('admitted', ({ method, queued, criticality }) => {
        now.queueDelay.record(queued / 1000, { ...ofMethod(method), [attribute.criticality]: criticality });
      }),
      events.on('topicFault', () => now.topicFaults.add(1)),
      events.on('topicMalformed', () => now.serverMalformed.add(1)),
      events.on('idempotency', ({ method, outcome, store }) => {
        now.idempotency.add(1, { ...ofMethod(method), [attribute.outcome]: outcome, [attribute.store]: store });
      }),
    );
  }
}
