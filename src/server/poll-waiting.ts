/**
 * What waits for the next poll of a session, in the order that it came, and how far the log is by all that was said: a poll that takes
 * no updates gets what comes before the first of them, and the head.
 */
import type { Event } from '../../gen/hawser.js';

/** Of a chain: what each progress of it says again. */
interface Chain {
  readonly ref: number;
  readonly epoch: Uint8Array;
}

export class PollWaiting {
  #events: Event[] = [];
  /** Updates and entries in what waits, and bytes of their values. */
  #updates = 0;
  #bytes = 0;
  #chain: Chain | undefined;
  #first = 0n;
  /** As the server has said, and as the one that polls was told. */
  #head = 0n;
  #told = 0n;

  get isEmpty(): boolean {
    return this.#events.length === 0;
  }

  /** Bytes of the values. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Something that is no mere sign of life. */
  get isNews(): boolean {
    return this.#events.some(({ $case }) => $case !== 'progress');
  }

  /** There is something for one that takes no updates. */
  get isNewsWithoutUpdates(): boolean {
    const [first] = this.#events;
    return first !== undefined && (updatesOf(first).length === 0 || this.#canTellHeadBefore(first));
  }

  add(event: Event): void {
    this.#learn(event);
    const updates = updatesOf(event);
    this.#updates += updates.length;
    for (const { value } of updates) this.#bytes += value.byteLength;
    // Only the newest word on how far it is counts.
    if (event.$case === 'progress') this.#events = this.#events.filter(({ $case }) => $case !== 'progress');
    this.#events.push(event);
  }

  /** All of it, and how many updates and entries it has. */
  take(): { readonly events: Event[]; readonly updates: number } {
    const taken = { events: this.#events, updates: this.#updates };
    this.#events = [];
    this.#updates = 0;
    this.#bytes = 0;
    this.#told = this.#head;
    return taken;
  }

  /** What comes before the first update or entry, and how far the log is, where that is news. */
  takeWithoutUpdates(): Event[] {
    const end = this.#events.findIndex((event) => updatesOf(event).length > 0);
    if (end < 0) return this.take().events;
    const events = this.#events.slice(0, end);
    this.#events = this.#events.slice(end);
    const next = this.#events[0];
    const head = next === undefined ? undefined : this.#headBefore(next);
    if (head !== undefined) events.push(head);
    return events;
  }

  #canTellHeadBefore(next: Event): boolean {
    return next.$case === 'batch' && this.#chain !== undefined && this.#head !== this.#told;
  }

  /** How far the log is, for one that stands before a batch; undefined where that is told, or the batch is of no chain. */
  #headBefore(next: Event): Event | undefined {
    if (next.$case !== 'batch' || this.#chain === undefined || this.#head === this.#told) return undefined;
    this.#told = this.#head;
    const { ref, epoch } = this.#chain;
    const value = { ref, epoch, deliveredTo: next.value.fromSeq, head: this.#head, first: this.#first };
    return { $case: 'progress', value: { ...value, generation: undefined } };
  }

  #learn(event: Event): void {
    switch (event.$case) {
      case 'subscribed':
        this.#chain = event.value;
        this.#head = event.value.head;
        break;
      case 'snapshotBegin':
        this.#chain = event.value;
        break;
      case 'progress':
        this.#head = event.value.head;
        this.#first = event.value.first;
        break;
      case 'batch':
        if (event.value.toSeq > this.#head) this.#head = event.value.toSeq;
        break;
      case 'reset':
        this.#chain = undefined;
        break;
      default:
    }
  }
}

function updatesOf(event: Event): readonly { readonly value: Uint8Array }[] {
  if (event.$case === 'batch') return event.value.updates ?? [];
  return event.$case === 'snapshotChunk' ? (event.value.entries ?? []) : [];
}
