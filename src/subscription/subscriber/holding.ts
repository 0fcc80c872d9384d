/**
 * What a subscription holds, moved along the log frame by frame: the position has moved before anyone is told. What is wrong
 * with a frame comes back, as a sentence where beginning again may mend it, as an error where nothing does.
 */
import type {
  Batch,
  Gap,
  Progress,
  SnapshotBegin,
  SnapshotChunk,
  SnapshotEnd,
  Subscribed,
  Update,
} from '../../../gen/hawser/subscription/v1/subscription.js';
import type { RpcError } from '../../call/rpc-error.js';
import { generationFromBytes } from '../generation.js';
import type { Epoch, Position } from '../position.js';
import { Accounting } from './accounting.js';
import { type Place, wrongInBatch, wrongInGap, wrongInProgress } from './chain.js';
import { Contents, type HeldState } from './contents.js';
import type { Credit } from './credit.js';
import type { OutcomeName, SubscriptionEvents } from './events.js';
import { tooLarge } from './failures.js';
import { Feed, type RawChange } from './feed.js';
import { GroupStage } from './group-stage.js';
import { gapReasons, valueBytes } from './names.js';
import type { News } from './news.js';
import type { Replica } from './replica.js';
import type { SnapshotStage } from './snapshot-stage.js';
import { type ModeName, modeOf, type SubscriptionSpec } from './spec.js';
import type { Trace } from './trace.js';

const nothing = new Uint8Array(0);
/** Updates beyond the credit that an atomic group, which is never cut, may bring. */
const largestGroup = 10_000;

export interface HoldingContext {
  readonly credit: Credit;
  readonly news: News;
  readonly trace: Trace | undefined;
  /** So much waits for the application no more. */
  readonly taken: (updates: number, bytes: number) => void;
  /** What is held is up to what the server answered. */
  readonly arrived: () => void;
}

export type Wrong = string | RpcError | undefined;

export class Holding {
  readonly feed = new Feed();
  readonly accounting = new Accounting();
  /** What cannot be amended of it is read here. */
  readonly #spec: SubscriptionSpec;
  readonly #context: HoldingContext;
  readonly #contents: Contents;
  #mode: ModeName;
  /** Where the next batch must begin: of the stage while there is one. */
  #chain: Place | undefined;
  /** What the replica is a state of; the chain itself once nothing is staged. */
  #position: Place | undefined;
  /** Where it began; of a REPEATING subscription it begins again there. */
  #origin: Position | undefined;
  /** The history that the origin was in is gone: it begins where the next one does. */
  #originVoid = false;
  /** What the server calls the view that what is held was sent by. */
  #view: Uint8Array | undefined;
  /** The server's answer names another one than what is held was sent by. */
  #otherView = false;
  /** The head when the subscription was answered. */
  #target = 0;
  #head = 0;
  #arriving: OutcomeName | undefined;
  readonly #group = new GroupStage();
  /** It has been ready once since the last reset. */
  #complete = false;

  constructor(spec: SubscriptionSpec, context: HoldingContext, held: HeldState | undefined) {
    this.#spec = spec;
    this.#context = context;
    this.#mode = spec.mode ?? 'EVERY';
    this.#contents = new Contents(spec, held);
    if (held === undefined) return;
    this.#position = placeOf(held.position);
    this.#view = held.view;
    this.#complete = true;
    if (spec.changes) this.feed.replace([], [...held.replica.entries()], held.position);
  }

  get replica(): Replica {
    return this.#contents.replica;
  }

  get mode(): ModeName {
    return this.#mode;
  }

  get position(): Position | undefined {
    return this.#position && { ...this.#position };
  }

  /** The newest update that is held. */
  get newest(): Position | undefined {
    const { position } = this;
    if (position === undefined || !this.ranAhead) return position;
    return { epoch: position.epoch, seq: this.#contents.top, generation: this.#contents.topGeneration };
  }

  get view(): Uint8Array | undefined {
    return this.#view;
  }

  get origin(): Position | undefined {
    return this.#origin;
  }

  get head(): number {
    return Math.max(this.#head, this.#position?.seq ?? 0);
  }

  /** The topic has keys, as far as the server has said. */
  get keyed(): boolean {
    return this.#contents.keyed;
  }

  get complete(): boolean {
    return this.#complete;
  }

  /** What is held is a state of the topic, as far as updates have come. */
  get consistent(): boolean {
    return (
      this.#complete &&
      (this.#contents.whole || !this.#contents.keyed) &&
      this.#contents.stage === undefined &&
      !this.ranAhead
    );
  }

  /** Something that is held is newer than the position. */
  get ranAhead(): boolean {
    return this.#contents.top > (this.#position?.seq ?? -1);
  }

  // ---------------------------------------------------------------- the beginning

  answered({ head, keyed, effective, view }: Subscribed, outcome: OutcomeName): void {
    this.#contents.keyed = keyed;
    this.#otherView = this.#view !== undefined && !sameBytes(view, this.#view);
    this.#view = view;
    this.#mode = modeOf(effective?.mode ?? 0, this.#spec.mode);
    this.#target = head;
    this.#head = head;
    this.#arriving = outcome;
  }

  /** A chain begins without a snapshot. */
  beginAt(at: Position, outcome: OutcomeName): void {
    const held = this.#position;
    const resumed = held !== undefined && held.epoch === at.epoch && outcome !== 'FRESH' && outcome !== 'RESET';
    if (!resumed) {
      this.#contents.clear(at.seq);
      // A reset was told before: what still waits of the state that is void would come out of turn.
      if (this.#contents.keyed) this.#giveBack(this.feed.clear());
    } else if (this.#otherView && this.#contents.keyed) {
      // One that follows the log goes on with what it may see now. What it holds is no state of that, and what waits comes all the same.
      this.#contents.clear(at.seq);
    }
    const cut = !resumed || this.#contents.top <= held.seq;
    this.#chain = placeOf(at);
    this.#position = this.#chain;
    this.#beginsAt(at);
    this.feed.begin(at);
    this.accounting.begin(cut ? at.seq : undefined);
  }

  beginSnapshot(input: SnapshotBegin): Wrong {
    const wrong = this.#contents.beginSnapshot(input);
    if (wrong === undefined) this.#arriving ??= 'RESET';
    return wrong;
  }

  addChunk(input: SnapshotChunk): Wrong {
    const wrong = this.#contents.addChunk(input);
    if (wrong !== undefined) return wrong;
    if (this.#contents.tooLarge) return tooLarge(this.#spec);
    const { credit, trace, taken } = this.#context;
    const bytes = valueBytes(input.entries);
    credit.receive(input.entries.length, bytes);
    trace?.({ type: 'entries', count: input.entries.length, bytes });
    taken(input.entries.length, bytes);
    return undefined;
  }

  endSnapshot(input: SnapshotEnd): Wrong {
    const stage = this.#contents.endSnapshot(input);
    if (typeof stage === 'string') return stage;
    const { epoch, at, generation } = stage;
    this.#chain = { epoch, seq: at, generation };
    this.#context.trace?.({ type: 'staged', epoch, at, generation });
    this.accounting.begin(undefined);
    return undefined;
  }

  // ---------------------------------------------------------------- step by step

  apply(input: Batch): Wrong {
    const chain = this.#chain;
    if (chain === undefined) return 'a Batch came before the position was known';
    const { credit, trace, taken } = this.#context;
    credit.receive(input.updates.length, valueBytes(input.updates));
    if (credit.excess > largestGroup) return `the server sent ${credit.excess} updates more than it had credit for`;
    if (input.partial === true) return this.#applyPart(input, chain);
    const inParts = !this.#group.empty;
    const whole = this.#group.complete(input);
    const wrong = wrongInBatch(whole, chain.seq, this.#mode === 'EVERY');
    if (wrong !== undefined) return wrong;
    const { updates, from, to } = whole;
    const before = { ...chain };
    this.#reach(chain, to, input.generation);
    const { top } = this.#contents;
    let free = 0;
    let freeBytes = 0;
    const every = this.#mode === 'EVERY';
    let after = before;
    for (const [at, update] of updates.entries()) {
      // The application is not left inside a group: it has reached the end of one, or that of the one before.
      const end = inParts ? to : Math.max(update.groupTo, update.seq);
      if (every && (updates[at + 1]?.seq ?? Number.POSITIVE_INFINITY) > end)
        after = { ...chain, seq: Math.min(end, to) };
      if (this.#take(update, chain, after)) continue;
      free += 1;
      freeBytes += update.value.byteLength;
    }
    if (this.#contents.top > top) {
      this.#contents.topGeneration = generationFromBytes(input.aheadGeneration) ?? chain.generation;
    }
    this.#contents.forget(to);
    if (this.#contents.keyed && this.#contents.tooLarge) return tooLarge(this.#spec);
    const staged = this.#contents.stage !== undefined;
    if (trace !== undefined) {
      const { epoch, generation } = chain;
      const ahead = generationFromBytes(input.aheadGeneration);
      trace({ type: 'applied', epoch, generation, ahead, from, to, updates, staged });
    }
    if (!staged) this.feed.advance({ ...chain });
    if (free > 0) taken(free, freeBytes);
    return undefined;
  }

  /** Nothing moves before the whole group is here. */
  #applyPart(input: Batch, chain: Place): Wrong {
    const { from, to } = input;
    if (from !== chain.seq || to !== from) {
      return `a part of a batch goes from ${from} to ${to}, and the position is ${chain.seq}`;
    }
    this.#group.add(input);
    return this.#group.bytes > this.#spec.maxBytes ? tooLarge(this.#spec) : undefined;
  }

  /** The parts that came are worth nothing, and wait for nobody. */
  #dropGroup(): void {
    if (this.#group.empty) return;
    const { updates, bytes } = this.#group.drop();
    this.#context.taken(updates.length, bytes);
  }

  bookmark(input: Progress): Wrong {
    const chain = this.#chain;
    if (chain === undefined) return undefined;
    const wrong = wrongInProgress(input, chain);
    if (wrong !== undefined) return wrong;
    // It falls where the log was put back to a place that is not before the position.
    this.#head = input.head;
    this.#target = Math.min(this.#target, input.head);
    this.#context.trace?.({ type: 'bookmark', seq: input.deliveredTo });
    return undefined;
  }

  gap(input: Gap): Wrong {
    const chain = this.#chain;
    const wrong = wrongInGap(input, chain?.seq);
    if (chain === undefined || wrong !== undefined) return wrong;
    const { from, to, reason, generation } = input;
    this.#dropGroup();
    this.#reach(chain, to, generation);
    this.#contents.lose();
    this.accounting.gap(to - from);
    if (this.#contents.stage === undefined) this.feed.advance({ ...chain });
    this.#context.trace?.({ type: 'gap', from, to, generation: chain.generation });
    this.#context.news.tell('gap', { from, to, reason: gapReasons[reason] ?? 'UNKNOWN' });
    return undefined;
  }

  /** The state that fits the position: after every step forward. */
  settle(paused: boolean): 'Syncing' | 'CatchingUp' | 'Live' | 'Paused' {
    const chain = this.#chain;
    if (chain === undefined) return 'Syncing';
    const { stage } = this.#contents;
    if (stage !== undefined) {
      if (chain.seq < stage.consistentAt) return 'CatchingUp';
      this.#publish(stage, chain);
    }
    if (chain.seq < this.#target && this.#arriving !== undefined) return paused ? 'Paused' : 'CatchingUp';
    if (this.#arriving !== undefined) this.#arrive(this.#arriving);
    if (this.#contents.top <= chain.seq) this.#cutHere(chain);
    return paused ? 'Paused' : 'Live';
  }

  // ---------------------------------------------------------------- the end

  /** What is held is worth nothing; it stays visible until something takes its place. */
  invalidate(reason: SubscriptionEvents['reset']['reason'], epoch: Epoch | undefined): void {
    const { position } = this;
    this.#context.trace?.({ type: 'reset', reason });
    this.drop();
    this.#position = undefined;
    this.#complete = false;
    this.#origin ??= position;
    this.#originVoid ||= reason === 'EPOCH_CHANGED' || reason === 'EPOCH_VIOLATION';
    this.#context.news.tell('reset', {
      reason,
      epochChanged: epoch !== undefined && position !== undefined && epoch !== position.epoch,
      position,
    });
  }

  /** What is held may not be seen any more. */
  letGo(): void {
    this.#contents.clear(Number.POSITIVE_INFINITY);
    this.#complete = false;
  }

  /** The chain and what is staged are of no use any more. */
  drop(): void {
    this.#dropGroup();
    this.#contents.dropStage();
    // The place in the log stays, the chain that led there does not.
    if (this.#position === this.#chain && this.#chain !== undefined) this.#position = { ...this.#chain };
    this.#chain = undefined;
    this.#arriving = undefined;
  }

  #beginsAt(at: Position): void {
    if (this.#originVoid) this.#origin = undefined;
    this.#originVoid = false;
    this.#origin ??= at;
  }

  /** `generation`: of `to`, where it is another than before. */
  #reach(chain: Place, to: number, generation: Uint8Array | undefined): void {
    chain.seq = to;
    if (generation !== undefined) chain.generation = generationFromBytes(generation);
    if (to > this.#head) this.#head = to;
  }

  /** Whether it waits for the application now. */
  #take(update: Update, { epoch, generation }: Place, after: Place): boolean {
    const { key, seq, mergedCount, time, expires } = update;
    const count = Math.max(1, mergedCount);
    this.accounting.represent(count);
    const { changes, recovery } = this.#spec;
    const entry = this.#contents.apply(update);
    const known = entry === undefined && recovery !== 'REPEATING';
    if (this.#contents.keyed && (known || this.#contents.stage !== undefined)) return false;
    if (!changes) return false;
    const value = update.tombstone ? undefined : update.value;
    // The last one of the batch is followed by its `to`, once all are in.
    const own = this.#mode === 'EVERY' ? generation : undefined;
    this.feed.push({
      key,
      seq,
      value,
      mergedCount: count,
      time,
      expires,
      epoch,
      generation: own,
      snapshot: false,
      after,
    });
    return true;
  }

  /** What was staged takes the place of what was held, all at once. */
  #publish(stage: SnapshotStage, chain: Place): void {
    const had = this.#contents.publish(stage, chain);
    this.#position = chain;
    this.#beginsAt({ ...chain });
    this.#context.trace?.({ type: 'published', position: { ...chain }, replica: stage.replica });
    if (!this.#spec.changes) return;
    this.#giveBack(this.feed.replace(had.keys(), [...stage.replica.entries()], { ...chain }));
  }

  /** The application will not see these. */
  #giveBack(dropped: readonly RawChange[]): void {
    if (dropped.length === 0) return;
    this.#context.taken(
      dropped.length,
      dropped.reduce((sum, { value }) => sum + (value?.byteLength ?? 0), 0),
    );
  }

  #arrive(outcome: OutcomeName): void {
    const first = !this.#complete;
    this.#complete = true;
    this.#arriving = undefined;
    this.#context.arrived();
    const position = this.position as Position; // there is a chain, and nothing is staged
    this.#context.news.tell(first ? 'ready' : 'recovered', { position, outcome });
  }

  #cutHere({ epoch, seq, generation }: Place): void {
    const { trace, news } = this.#context;
    const cut = this.accounting.cut(seq);
    const position = { epoch, seq, generation };
    trace?.({ type: 'cut', position, cut });
    // After a gap nobody knows which of the keys that are held were deleted in it.
    const { whole, keyed, replica } = this.#contents;
    if (!whole && keyed) return;
    if (keyed) trace?.({ type: 'consistent', position, replica });
    if (news.wants('consistent')) news.tell('consistent', { position, cut });
  }
}

function sameBytes(a: Uint8Array | undefined, b: Uint8Array | undefined): boolean {
  return Buffer.compare(a ?? nothing, b ?? nothing) === 0;
}

function placeOf({ epoch, seq, generation }: Position): Place {
  return { epoch, seq, generation };
}
