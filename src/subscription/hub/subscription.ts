/**
 * One subscription on the server: a cursor into the log of its topic, and no queue. Asked for the next frame, it reads from
 * the cursor what the subscriber may have; one that is behind and conflates holds the list of keys that changed, and
 * reads their values when they are sent.
 *
 * `cursor` is the `to` of the last batch, so the next one begins there. `read` is how far the log was looked at, which for
 * a subscriber of few keys is further.
 */
import { Gap_Reason, Outcome, Reset_Reason, Throttle_Cause } from '../../../gen/hawser/subscription/v1/subscription.js';
import { type Generations, ofOneGeneration } from '../generation.js';
import { wholeGroups } from '../groups.js';
import type { Position } from '../position.js';
import type { LogUpdate, Page } from '../topic-store.js';
import { gapFrame, progressFrame, resetFrame, subscribedFrame } from './announce.js';
import { ConflatedRun, type RunStep } from './conflated-run.js';
import type { Credit } from './credit.js';
import { GroupReader } from './group-reader.js';
import type { TopicClaim } from './open-topics.js';
import type { Outlet } from './outlet.js';
import { onOverflow } from './overflow.js';
import type { Pace } from './pace.js';
import { pickKeys } from './pick-keys.js';
import type { Beginning } from './recovery.js';
import { SnapshotReader, type SnapshotStep } from './snapshot-reader.js';
import { StoreRead } from './store-read.js';
import { holdsState, type Terms } from './terms.js';
import type { Reader, SharedBatch, Topic } from './topic.js';
import { Turns } from './turns.js';
import { type Keys, sameView, type View } from './view.js';
import { batchFrame, valueBytes } from './wire.js';

/** Of the log, what one that is shown certain keys looks at in one turn: pages of whole groups, or a piece of one. */
const scanned = { count: 4096, bytes: 4 << 20, cut: true };
const piece = { count: 4096, bytes: 256 << 10, cut: true };

export class Subscription implements Reader {
  readonly id: number;
  readonly ref: number;
  readonly topic: Topic;
  /** What the client asks for. */
  keys: Keys;
  /** What it is shown of that; undefined: everything. */
  view: View | undefined;
  /** Its changes of keys, and questions about them, one at a time. */
  readonly turns = new Turns();
  readonly terms: Terms;
  readonly credit: Credit;
  readonly pace: Pace;
  readonly #outlet: Outlet;
  /** Waits in the queue of its connection. */
  queued = false;
  /** After a pull: there is more to pull now. */
  more = false;
  paused = false;
  claim: TopicClaim | undefined;
  #cursor = 0;
  #read = 0;
  /** With a view: there may be something for it after `#read`; else `#read` is what the topic has seen. */
  #behind = false;
  /** It could not be sent everything at once, so it gets the newest. */
  #pressed = false;
  /** The head that it was told while it was held back. */
  #toldHead = -1;
  #snapshot: SnapshotReader | undefined;
  #run: ConflatedRun | undefined;
  /** A group that is larger than a frame, while it is read and sent. */
  #group: GroupReader | undefined;
  /** The last run, while something that it sent is newer than `#cursor`. */
  #ahead: ConflatedRun | undefined;
  readonly #store: StoreRead;
  #cancelTimer: (() => void) | undefined;
  #over = false;
  /** What was sent is not in the log any more, and the subscriber is not told yet. */
  #rewound = false;
  #epoch = '';
  /** The subscriber holds something of the log up to here: of a snapshot, or from before it resumed. */
  #shown = 0;
  /** The head was told, and has fallen since. */
  #headFell = false;
  /** Questions of what it may be shown that are not answered: it is sent nothing. */
  #unknown = 0;

  constructor(
    id: number,
    ref: number,
    topic: Topic,
    keys: Keys,
    view: View | undefined,
    terms: Terms,
    credit: Credit,
    pace: Pace,
    outlet: Outlet,
  ) {
    this.id = id;
    this.ref = ref;
    this.topic = topic;
    this.keys = keys;
    this.view = view;
    this.terms = terms;
    this.credit = credit;
    this.pace = pace;
    this.#outlet = outlet;
    this.#store = new StoreRead(this, outlet);
  }

  get cursor(): number {
    return this.#cursor;
  }

  /** Where a resume may begin; undefined when what was sent is not in the log any more. */
  get position(): Position | undefined {
    if (this.#rewound) return undefined;
    const { epoch, generations } = this.topic.store.state();
    return { epoch, seq: this.#cursor, generation: generations.ownerOf(this.#cursor) };
  }

  /** Ahead of what is sent, by this many updates of the log. */
  get lag(): number {
    return this.#pending ? Math.max(1, this.topic.head - this.#cursor) : 0;
  }

  get over(): boolean {
    return this.#over;
  }

  /**
   * Takes its place; answers with the frame that says where. Not for what is refused. `held` is the newest update that the
   * subscriber says it holds.
   */
  begin(beginning: Exclude<Beginning, { outcome: 'REFUSED' }>, held: number): Uint8Array {
    this.topic.add(this);
    this.#shown = held;
    switch (beginning.outcome) {
      case 'FRESH':
      case 'REPLAY':
        this.#standAt(beginning.from);
        return beginning.snapshot
          ? this.#beginSnapshot(Outcome[beginning.outcome], beginning.from)
          : this.#subscribed(Outcome[beginning.outcome], beginning.from);
      case 'CONFLATED':
        this.#standAt(beginning.from);
        this.#pressed = true;
        return this.#subscribed(Outcome.CONFLATED, beginning.from);
      case 'GAP': {
        const { from, to } = beginning;
        this.#standAt(to);
        return Buffer.concat([this.#subscribed(Outcome.GAP, from), gapFrame(this, from, to, Gap_Reason.TRIMMED)]);
      }
      case 'RESET':
        return this.#reset(beginning.reason);
    }
  }

  end(): void {
    if (this.#over) return;
    this.#over = true;
    this.topic.remove(this);
    this.claim?.end();
    this.#cancelTimer?.();
    this.#cancelTimer = undefined;
    this.#snapshot = undefined;
    this.#run = undefined;
    this.#group = undefined;
    this.#ahead = undefined;
    this.#store.forget();
  }

  wake(from: number): void {
    if (this.view !== undefined && !this.#behind) {
      this.#behind = true;
      this.#read = Math.max(from, this.#cursor);
    }
    this.#outlet.enqueue(this);
  }

  /** Goes on where all that was sent is in the log still; else the subscriber is told that what it holds is void. */
  rewound(before: Generations): void {
    const { epoch, head, generations } = this.topic.store.state();
    const cursor = this.#cursor;
    const { size } = new Set([this.#snapshot, this.#run, this.#ahead, this.#group, undefined]);
    const running = size > 1;
    const newest = Math.max(cursor, this.#shown);
    const stays = epoch === this.#epoch && newest <= head && generations.ownerOf(newest) === before.ownerOf(newest);
    if (stays && !running && !this.#rewound) {
      this.#standAt(cursor);
      this.#headFell = true;
    } else {
      this.#rewound = true;
      this.#store.forget();
    }
    this.#outlet.enqueue(this);
  }

  /** For its topic: waking it threw. */
  failed(error: unknown): void {
    this.#outlet.subscriptionFailed(this, error);
  }

  /** The connection could not be written to while this waited. */
  press(): void {
    this.#pressed = true;
  }

  /** Other keys from now on: everything begins anew. */
  amendKeys(keys: Keys, view: View | undefined): Uint8Array {
    this.claim?.rename(keys);
    this.keys = keys;
    this.#look(view);
    return this.#reset(Reset_Reason.VIEW_CHANGED);
  }

  /** Nothing is sent until `show`: what may be shown is not known. */
  hide(): void {
    this.#unknown += 1;
  }

  /**
   * From now on it is shown this. Where that is something else, a subscriber that holds a state begins anew, and one that does not
   * comes back to go on from its place in the log. Undefined: there is nothing to tell.
   */
  show(view: View | undefined): Uint8Array | undefined {
    this.#unknown -= 1;
    this.#outlet.enqueue(this);
    if (sameView(this.view, view)) return undefined;
    if (!holdsState(this.terms, this.topic.keyed)) {
      const message = `what may be seen of ${this.topic.name} has changed`;
      return this.#outlet.ended(this, { code: 'VIEW_CHANGED', message, retryable: true });
    }
    this.#look(view);
    return this.#reset(Reset_Reason.VIEW_CHANGED);
  }

  #look(view: View | undefined): void {
    this.topic.remove(this);
    this.view = view;
    this.topic.add(this);
  }

  /** For a heartbeat: a batch of what the subscriber need not see, and how far it has everything. Not during a snapshot. */
  progress(): Uint8Array | undefined {
    if (this.#over || this.#rewound || this.#snapshot !== undefined || this.#store.busy) return undefined;
    const read = this.#readTo;
    const frames: Uint8Array[] = [];
    if (read > this.#cursor && this.#run === undefined && this.#group === undefined) {
      frames.push(batchFrame(this.ref, this.#cursor, read, [], this.topic.generationAt(read, this.#cursor)));
      this.#cursor = read;
    }
    frames.push(progressFrame(this, this.#cursor));
    return Buffer.concat(frames);
  }

  /** How far the log is, for one that is held back and was not told. Not during a snapshot. */
  headFrame(): Uint8Array | undefined {
    const { head } = this.topic;
    if (this.#over || this.#rewound || this.#snapshot !== undefined || this.#toldHead === head) return undefined;
    this.#toldHead = head;
    return progressFrame(this, this.#cursor);
  }

  /** The next frame, of about `room` bytes; undefined when there is nothing, or it may not be sent now. */
  pull(room: number): Uint8Array | undefined {
    this.more = false;
    if (this.#over || this.#unknown > 0) return undefined;
    if (this.#rewound) return this.#tellRewound();
    if (this.#headFell) return this.#tellHead();
    if (this.#store.waiting) return undefined;
    const step = this.#store.take();
    if (step !== undefined) return step();
    if (this.#group !== undefined && !this.paused) return this.#pullGroup(this.#group);
    if (!this.#pending) {
      this.#caughtUp();
      return undefined;
    }
    if (this.paused || !this.#mayNow()) {
      this.#outlet.heldBack(this, this.paused ? Throttle_Cause.UNSPECIFIED : this.#cause);
      this.#pressed = true;
      return undefined;
    }
    const own = this.credit;
    const shared = this.#outlet.credit;
    const count = Math.min(own.updates, shared.updates);
    if (count === 0) {
      this.#outlet.heldBack(this, Throttle_Cause.CREDIT);
      this.#pressed = true;
      return undefined;
    }
    const bytes = Math.min(room, this.pace.room, own.bytes, shared.bytes);
    if (this.#snapshot !== undefined) return this.#pullSnapshot(this.#snapshot, count, bytes);
    if (this.#run !== undefined) return this.#pullRun(this.#run, count, bytes);
    const { when } = this.terms;
    if (when === 'ALWAYS' || (when === 'ON_PRESSURE' && (this.#pressed || this.#ahead !== undefined))) {
      return this.#beginRun(count, bytes);
    }
    return this.view === undefined ? this.#pullShared(count, bytes) : this.#pullFiltered(this.view, count, bytes);
  }

  /** Of what the pace holds back. */
  get #cause(): Throttle_Cause {
    return this.pace.imposed > this.pace.minInterval ? Throttle_Cause.CPU : Throttle_Cause.QUOTA;
  }

  get #pending(): boolean {
    if (this.#snapshot !== undefined || this.#run !== undefined || this.#group !== undefined) return true;
    return this.view === undefined ? this.#cursor < this.topic.head : this.#behind;
  }

  get #readTo(): number {
    if (this.view === undefined) return this.#cursor;
    return this.#behind ? this.#read : Math.max(this.#cursor, this.topic.seen);
  }

  #mayNow(): boolean {
    if (this.#snapshot !== undefined && this.#outlet.snapshotsPaused) return false;
    if (this.pace.free) return true;
    const wait = this.pace.wait(this.#outlet.now());
    if (wait <= 0) return true;
    this.#cancelTimer ??= this.#outlet.setTimer(() => {
      this.#cancelTimer = undefined;
      this.#outlet.enqueue(this);
    }, Math.ceil(wait));
    return false;
  }

  #caughtUp(): void {
    this.#pressed = false;
    this.#ahead = undefined;
  }

  #standAt(seq: number): void {
    this.#store.forget();
    this.#rewound = false;
    this.#headFell = false;
    this.#epoch = this.topic.store.state().epoch;
    this.#cursor = seq;
    this.#read = seq;
    this.#behind = seq < this.topic.head;
    this.#run = undefined;
    this.#group = undefined;
    this.#ahead = undefined;
    this.#pressed = false;
  }

  #beginSnapshot(outcome: Outcome, at: number): Uint8Array {
    this.#snapshot = new SnapshotReader(this.topic, this.id, this.ref, this.view, at);
    this.#outlet.enqueue(this);
    return Buffer.concat([this.#subscribed(outcome, at), this.#snapshot.begin()]);
  }

  #pullSnapshot(snapshot: SnapshotReader, count: number, bytes: number): Uint8Array | undefined {
    const step = snapshot.next({ count, bytes });
    return this.#store.goOn(step, (one) => this.#snapshotStep(one));
  }

  #snapshotStep({ frame, updates, done }: SnapshotStep): Uint8Array | undefined {
    if (frame.byteLength > this.#outlet.mostBytes) return this.#tooLarge(frame.byteLength);
    this.#charge(updates.length, valueBytes(updates));
    if (done) {
      this.#shown = this.#snapshot?.consistentAt ?? 0;
      this.#snapshot = undefined;
    }
    this.more = this.#pending;
    return frame.byteLength === 0 ? undefined : frame; // nothing of it is shown
  }

  /** All updates of the topic, in the bytes that all get who stand here. */
  #pullShared(count: number, bytes: number): Uint8Array | undefined {
    return this.#store.goOn(this.topic.batchAt(this.#cursor, this.ref), (batch) => {
      if (batch === undefined) return this.#trimmed(count, bytes);
      if (batch.whole) return this.#pullPart(count, bytes);
      return batch.count <= count && (batch.bytes <= bytes || batch.count === 1)
        ? this.#sendShared(batch)
        : this.#pullPart(count, bytes);
    });
  }

  #sendShared({ to, frame, count, bytes }: SharedBatch): Uint8Array | undefined {
    if (count === 0) return undefined;
    if (frame.byteLength > this.#outlet.mostBytes) return this.#tooLarge(frame.byteLength);
    this.#cursor = to;
    this.#charge(count, bytes);
    this.#rest();
    return frame;
  }

  /** As many as credit and room allow. */
  #pullPart(count: number, bytes: number): Uint8Array | undefined {
    return this.#store.goOn(this.topic.store.read(this.#cursor, { count, bytes, cut: true }), (page) => {
      if (page === undefined) return this.#trimmed(count, bytes);
      const { updates } = ofOneGeneration(page, this.topic.generations);
      if (updates.length === 0) return undefined;
      const whole = wholeGroups(updates);
      const last = whole.at(-1);
      if (last === undefined) return this.#pullGroup(new GroupReader(this.#cursor));
      this.#read = last.seq;
      return this.#batch(whole, last.seq);
    });
  }

  /** The updates that the view shows. Looks at so much of the log in one turn, and goes on in the next. */
  #pullFiltered(view: View, count: number, bytes: number): Uint8Array | undefined {
    return this.#store.goOn(this.topic.store.read(this.#read, scanned), (page) => {
      if (page === undefined) return this.#trimmed(count, bytes);
      return this.#filtered(ofOneGeneration(page, this.topic.generations), view, count, bytes);
    });
  }

  #filtered({ updates, more }: Page, view: View, count: number, bytes: number): Uint8Array | undefined {
    const whole = wholeGroups(updates);
    if (whole.length === 0 && updates.length > 0) return this.#pullGroup(new GroupReader(this.#read));
    const picked = pickKeys(whole, this.#read, view, count, bytes);
    // Only a group that is not cut has more than a frame takes.
    if (picked.updates.length > 1 && valueBytes(picked.updates) > this.#outlet.frameBytes) {
      return this.#pullGroup(new GroupReader(this.#read));
    }
    this.#read = picked.read;
    this.#behind = more || picked.read < this.topic.head;
    if (picked.updates.length > 0) return this.#batch(picked.updates, picked.read);
    this.#rest();
    return undefined;
  }

  /** The next part of a group, or the whole of one that fits; nothing while it is only looked through. */
  #pullGroup(group: GroupReader): Uint8Array | undefined {
    this.#group = group;
    return this.#store.goOn(this.topic.store.read(group.at, piece), (page) => {
      // What came of it is void by what this says, which a run of the newest would not be.
      if (page === undefined) return this.#overflow();
      const { takesParts, frameBytes, mostBytes } = this.#outlet;
      const step = group.take(page.updates, this.view, takesParts ? frameBytes : mostBytes);
      if (step === 'OPEN') {
        this.more = page.updates.length > 0;
        return undefined;
      }
      const { updates, bytes } = group.give();
      if (step === 'FULL') return takesParts ? this.#sendPart(updates, bytes) : this.#tooLarge(bytes);
      this.#group = undefined;
      this.#read = group.at;
      this.#behind = group.at < this.topic.head;
      return this.#send(updates, group.at, group.at, bytes);
    });
  }

  #sendPart(updates: readonly LogUpdate[], bytes: number): Uint8Array {
    const frame = batchFrame(this.ref, this.#cursor, this.#cursor, updates, undefined, undefined, true);
    if (frame.byteLength > this.#outlet.mostBytes) return this.#tooLarge(frame.byteLength);
    this.#charge(updates.length, bytes);
    this.more = true;
    return frame;
  }

  #beginRun(count: number, bytes: number): Uint8Array | undefined {
    const merged = this.terms.mode === 'MERGE';
    return this.#store.goOn(this.topic.changesSince(this.#readTo, merged), (changes) => {
      if (changes === undefined) return this.#overflow();
      this.#run = new ConflatedRun(this.topic, this.view, changes, merged, this.#ahead);
      return this.#pullRun(this.#run, count, bytes);
    });
  }

  #pullRun(run: ConflatedRun, count: number, bytes: number): Uint8Array | undefined {
    return this.#store.goOn(run.next(count, bytes), (step) => this.#runStep(run, step));
  }

  #runStep(run: ConflatedRun, { updates, done, lost }: RunStep): Uint8Array | undefined {
    if (lost) return this.#overflow();
    if (!done) return this.#batch(updates, this.#cursor);
    this.#run = undefined;
    this.#ahead = run.ranAhead ? run : undefined;
    this.#read = run.to;
    this.#behind = run.to < this.topic.head;
    // Without updates too, unless nothing that the subscriber holds depends on it.
    if (updates.length > 0 || this.view === undefined || run.ranAhead) return this.#batch(updates, run.to);
    this.#rest();
    return undefined;
  }

  #batch(updates: readonly LogUpdate[], to: number): Uint8Array {
    let newest = to;
    for (const { seq } of updates) if (seq > newest) newest = seq;
    return this.#send(updates, to, newest, valueBytes(updates));
  }

  /** `newest`: the highest seq among them. */
  #send(updates: readonly LogUpdate[], to: number, newest: number, bytes: number): Uint8Array {
    const { topic } = this;
    const generation = topic.generationAt(to, this.#cursor);
    const frame = batchFrame(this.ref, this.#cursor, to, updates, generation, topic.generationAt(newest, to));
    if (frame.byteLength > this.#outlet.mostBytes) return this.#tooLarge(frame.byteLength);
    this.#cursor = to;
    this.#charge(updates.length, bytes);
    this.#rest();
    return frame;
  }

  /** It would be as large the next time, so the subscriber is not asked to come back. */
  #tooLarge(bytes: number): Uint8Array {
    const most = this.#outlet.mostBytes;
    const what = `what follows seq ${this.#cursor} of ${this.topic.name} has ${bytes} bytes in one frame, and the connection takes ${most} (maxMessageBytes)`;
    return this.#outlet.ended(this, { code: 'UPDATE_TOO_LARGE', message: what, retryable: false });
  }

  /** Whether there is more now, after a step. */
  #rest(): void {
    this.more = this.#pending;
    if (!this.more) this.#caughtUp();
  }

  #charge(updates: number, bytes: number): void {
    this.credit.spend(updates, bytes);
    this.#outlet.credit.spend(updates, bytes);
    if (!this.pace.free) this.pace.sent(bytes, this.#outlet.now());
  }

  /** The log does not reach back to where this stands: who conflates takes the newest of each key. */
  #trimmed(count: number, bytes: number): Uint8Array | undefined {
    return this.terms.when === 'NEVER' ? this.#overflow() : this.#beginRun(count, bytes);
  }

  #overflow(): Uint8Array | undefined {
    const { first } = this.topic.store.state();
    const what = `the log of ${this.topic.name} is kept from seq ${first} on, and the subscriber stands at ${this.#cursor}`;
    switch (onOverflow(this.terms, this.topic.keyed)) {
      case 'DISCONNECT':
        this.#outlet.disconnect('OVERFLOW', what);
        return undefined;
      case 'UNSUBSCRIBE':
        return this.#outlet.ended(this, { code: 'OVERFLOW', message: what, retryable: true });
      case 'GAP': {
        const from = this.#cursor;
        const to = Math.max(first - 1, from);
        this.#standAt(to);
        this.more = this.#pending;
        return gapFrame(this, from, to, Gap_Reason.OVERFLOW);
      }
      case 'RESET':
        this.more = true;
        return this.#reset(Reset_Reason.TRIMMED);
      case 'UNRECOVERABLE':
        return this.#outlet.ended(this, { code: 'UNRECOVERABLE', message: what, retryable: false });
    }
  }

  #tellHead(): Uint8Array {
    this.#headFell = false;
    this.more = this.#pending;
    return progressFrame(this, this.#cursor);
  }

  #tellRewound(): Uint8Array {
    const { accept } = this.terms;
    const changed = this.topic.store.state().epoch !== this.#epoch;
    if (accept.has('RESET') || accept.has('GAP')) {
      this.more = true;
      return this.#reset(changed ? Reset_Reason.EPOCH_CHANGED : Reset_Reason.EPOCH_VIOLATION);
    }
    const what = `the log of ${this.topic.name} was put back or cut, and what was sent up to seq ${this.#cursor} is not in it`;
    return this.#outlet.ended(this, { code: 'UNRECOVERABLE', message: what, retryable: false });
  }

  /** What the subscriber holds must go: a snapshot follows, or where there are no keys all that the log holds. */
  #reset(reason: Reset_Reason): Uint8Array {
    const { first, head } = this.topic.store.state();
    const at = this.topic.keyed ? head : first - 1;
    this.#shown = 0;
    this.#standAt(at);
    return Buffer.concat([resetFrame(this, reason), this.#beginSnapshot(Outcome.RESET, at)]);
  }

  #subscribed(outcome: Outcome, from: number): Uint8Array {
    return subscribedFrame(this, outcome, from, this.#outlet.effective(this), this);
  }
}
