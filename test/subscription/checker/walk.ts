/** Follows one subscriber through its notes and compares each step with the log. */
import type { Invariant, Report } from './check.js';
import {
  type AppliedUpdate,
  epochOf,
  type History,
  type Note,
  type ReplicaEntry,
  type SubscriberHistory,
} from './history.js';
import { LogIndex } from './log.js';

type NoteOf<T extends Note['type']> = Extract<Note, { readonly type: T }>;

const nothing = new LogIndex([]);

export class SubscriberWalk {
  readonly #subscriber: SubscriberHistory;
  readonly #logs: ReadonlyMap<string, LogIndex>;
  readonly #history: History;
  readonly #report: Report;
  readonly #wants: (key: string) => boolean;
  #mode = 'EVERY';
  #keyed = true;
  #t = 0;
  /** Where the chain of batches stands. */
  #chain: { epoch: string; seq: number } | undefined;
  /** How far the application's state is. */
  #held: { readonly epoch: string; readonly seq: number } | undefined;
  /** What is held is the fold of the log after this. */
  #base = 0;
  #announced = true;
  /** What was held is void, and nothing has begun since. */
  #wasReset = false;
  #bookmark = -1;
  /** A gap came since the snapshot was staged. */
  #lossy = false;
  #granted = 0;
  #received = 0;
  #represented = 0;
  #gapped = 0;
  #expected: AppliedUpdate[] = [];
  #seen = new Map<string, number>();
  #seenEpoch = '';
  /** The log was put back, and what takes the place of what is held has not come. */
  #fell = false;
  /** The highest position in this epoch so far, of a snapshot too: a commit may be of before it. */
  #furthest = 0;
  /** For INV12: the updates that have not come, oldest first. */
  #joined: number | undefined;

  constructor(subscriber: SubscriberHistory, logs: ReadonlyMap<string, LogIndex>, history: History, report: Report) {
    this.#subscriber = subscriber;
    this.#logs = logs;
    this.#history = history;
    this.#report = report;
    const keys = new Set(subscriber.keys);
    this.#wants = keys.size === 0 ? () => true : (key) => keys.has(key);
  }

  run(): void {
    const { notes } = this.#subscriber;
    for (const note of notes) {
      this.#t = note.t;
      this.#step(note);
    }
    this.#checkSilence(notes);
  }

  #bad(invariant: Invariant, what: string): void {
    this.#report(invariant, this.#subscriber.name, this.#t, what);
  }

  #log(epoch: string): LogIndex {
    return this.#logs.get(epoch) ?? nothing;
  }

  #step(note: Note): void {
    switch (note.type) {
      case 'asked':
        this.#granted = note.updates;
        this.#received = 0;
        this.#chain = undefined;
        return;
      case 'credit':
        this.#granted = Math.max(this.#granted, note.updates);
        return;
      case 'began':
        this.#began(note);
        return;
      case 'staged':
        this.#chain = { epoch: note.epoch, seq: note.at };
        this.#lossy = false;
        return;
      case 'entries':
        this.#receive(note.count);
        return;
      case 'applied':
        this.#applied(note);
        return;
      case 'published':
        this.#published(note);
        return;
      case 'bookmark':
        this.#bookmark = Math.max(this.#bookmark, note.seq);
        return;
      case 'gap':
        this.#gap(note);
        return;
      case 'reset':
        this.#announced = true;
        this.#wasReset = this.#held !== undefined;
        // Where logs are put back, the same numbers may come again, whatever else was the reason.
        this.#fell = this.#history.newest.size > 0;
        return;
      case 'cut':
        this.#cut(note);
        return;
      case 'consistent':
        this.#compare('INV7', note.epoch, note.seq, note.replica);
        return;
      case 'taken':
        this.#taken(note);
        return;
      case 'rest':
        this.#rest(note);
        return;
      default:
        return;
    }
  }

  #began({ epoch, from, outcome, snapshot, mode, keyed }: NoteOf<'began'>): void {
    this.#mode = mode;
    this.#keyed = keyed;
    this.#bookmark = -1;
    this.#represented = 0;
    this.#gapped = 0;
    const held = this.#held;
    const fresh = outcome === 'FRESH' || outcome === 'RESET';
    // What the log holds comes again after a reset, or nobody would be told what is left out.
    if (this.#wasReset && !keyed && outcome === 'FRESH' && from > 0)
      this.#bad('INV3', `after a reset it began at the head ${from}, though the log held what was before`);
    if (!fresh && held !== undefined && !this.#announced) {
      // One that repeats goes on from before, so it is that place which must be in what is held.
      const goesOn = from < held.seq ? this.#leadsTo({ epoch, seq: from }, held.epoch) : this.#leadsTo(held, epoch);
      if (!goesOn) this.#bad('INV10', `${outcome} goes on in epoch ${epoch} with a state of ${held.epoch}`);
      else if (from !== held.seq && !(this.#repeats && from <= this.#furthest)) {
        this.#bad('INV2', `${outcome} goes on from ${from}, and the state is at ${held.seq}`);
      }
    }
    if (fresh && held !== undefined && !this.#announced && !(snapshot && keyed)) {
      this.#bad('INV3', `${outcome} began anew at ${from} with a state at ${held.seq}, and no reset said so`);
    }
    if (!fresh && !this.#accepts(outcome) && held !== undefined && this.#log(epoch).head > from) {
      this.#bad('INV9', `${outcome} is not among ${this.#subscriber.accept.join()}`);
    }
    if (snapshot) return;
    if (fresh || held === undefined || this.#announced) {
      this.#base = from;
      this.#expected = this.#announced && this.#keyed ? [] : this.#expected;
    }
    this.#announced = false;
    this.#wasReset = false;
    this.#chain = { epoch, seq: from };
    this.#held = { epoch, seq: from };
    this.#joined ??= from;
  }

  /** Whether all up to a place in a log is in the log `to` too: it is the same, or was put back from a copy that reaches so far. */
  #leadsTo({ epoch, seq }: { readonly epoch: string; readonly seq: number }, to: string): boolean {
    if (epoch === to) return true;
    if (epochOf(epoch) !== epochOf(to)) return false;
    if (seq === 0) return true;
    const entry = this.#log(epoch).at(seq);
    return entry !== undefined && entry === this.#log(to).at(seq);
  }

  get #repeats(): boolean {
    return this.#subscriber.recovery === 'REPEATING';
  }

  #accepts(outcome: string): boolean {
    return this.#subscriber.accept.includes(outcome);
  }

  #receive(count: number): void {
    this.#received += count;
    const limit = this.#granted + this.#history.largestGroup - 1;
    if (this.#received > limit) this.#bad('INV11', `${this.#received} updates came, and ${this.#granted} were granted`);
  }

  #applied({ epoch, ahead = epoch, from, to, updates, staged }: NoteOf<'applied'>): void {
    const chain = this.#chain;
    if (chain === undefined || !this.#leadsTo(chain, epoch)) {
      this.#bad('INV10', `a batch of epoch ${epoch} was applied to ${chain?.epoch ?? 'nothing'}`);
      return;
    }
    if (from !== chain.seq) this.#bad('INV2', `a batch from ${from} was applied at ${chain.seq}`);
    const every = this.#mode === 'EVERY';
    if (to < from || to < chain.seq || (every && to === from)) this.#bad('INV1', `a batch goes from ${from} to ${to}`);
    const log = this.#log(epoch);
    for (const update of updates) {
      if (update.seq <= this.#bookmark) this.#bad('INV8', `${update.seq} came after the bookmark ${this.#bookmark}`);
      if (!this.#wants(update.key)) this.#bad('INV5', `the key ${update.key} was not asked for`);
      if (!(update.seq > to ? this.#log(ahead) : log).explains(update))
        this.#bad('INV5', `the log does not explain ${JSON.stringify(update)}`);
    }
    if (every) this.#compareWithLog(log, from, to, updates);
    this.#receive(updates.length);
    for (const { merged } of updates) this.#represented += merged;
    this.#checkDelay(log, chain.seq, to);
    chain.epoch = epoch;
    chain.seq = to;
    if (staged) return;
    this.#reach(epoch, to);
    if (every && this.#subscriber.takes) this.#expected.push(...updates);
  }

  #reach(epoch: string, seq: number): void {
    const goesOn = this.#held !== undefined && this.#leadsTo(this.#held, epoch);
    this.#furthest = goesOn ? Math.max(this.#furthest, seq) : seq;
    this.#held = { epoch, seq };
  }

  #compareWithLog(log: LogIndex, from: number, to: number, updates: readonly AppliedUpdate[]): void {
    const wanted = log.between(from, to, this.#wants);
    const got = updates.map(({ seq }) => seq).join();
    const due = wanted.map(({ seq }) => seq).join();
    if (got !== due)
      this.#bad('INV3', `the batch from ${from} to ${to} holds ${got || 'nothing'}; the log has ${due || 'nothing'}`);
  }

  /** INV12: nobody else's trouble delays one who has none. */
  #checkDelay(log: LogIndex, from: number, to: number): void {
    const { steady } = this.#subscriber;
    if (steady === undefined || this.#joined === undefined) return;
    for (let seq = Math.max(from, this.#joined) + 1; seq <= to; seq++) {
      const entry = log.at(seq);
      if (entry === undefined || !this.#wants(entry.key)) continue;
      const delay = this.#t - entry.t;
      if (delay > steady) this.#bad('INV12', `the update ${seq} took ${delay} ms, more than ${steady}`);
    }
  }

  #published({ epoch, seq, replica }: NoteOf<'published'>): void {
    if (this.#chain?.epoch !== epoch || this.#chain.seq !== seq)
      this.#bad('INV2', `a snapshot was shown at ${seq}, off its chain`);
    this.#announced = false;
    this.#wasReset = false;
    this.#base = 0;
    if (this.#fell) this.#seen = new Map();
    this.#fell = false;
    this.#reach(epoch, seq);
    this.#expected = [];
    this.#joined ??= this.#log(epoch).head;
    if (!this.#keyed) {
      // There is no newest value of a key, so the snapshot is empty, and what came before it is nobody's to miss.
      if (replica.length > 0)
        this.#bad('INV5', `a topic without keys came with a snapshot of ${replica.length} entries`);
      return;
    }
    if (this.#lossy) return;
    // Nothing that the log holds up to here may be missing, unless what came later accounts for it.
    const shown = new Map(replica.map((entry) => [entry[0], entry]));
    for (const [key, entry] of this.#log(epoch).fold(0, seq, this.#wants)) {
      const own = shown.get(key);
      const later = this.#log(epoch).newest(key, seq, Number.POSITIVE_INFINITY);
      if ((own === undefined && later === undefined) || (own !== undefined && own[1] < entry.seq)) {
        this.#bad('INV7', `a snapshot was shown at ${seq} without the update ${entry.seq} of ${key}`);
      }
    }
  }

  #gap({ from, to, epoch = '' }: NoteOf<'gap'>): void {
    const chain = this.#chain;
    if (chain === undefined || from !== chain.seq)
      this.#bad('INV2', `a gap from ${from} at ${chain?.seq ?? 'no position'}`);
    if (!this.#accepts('GAP')) this.#bad('INV9', 'a gap came to one who does not accept it');
    if (chain === undefined) return;
    if (to < from) this.#bad('INV1', `a gap goes from ${from} to ${to}`);
    if (epoch !== '') {
      if (!this.#leadsTo(chain, epoch)) this.#bad('INV10', `a gap leads from ${chain.epoch} into ${epoch}`);
      chain.epoch = epoch;
    }
    this.#gapped += to - from;
    this.#lossy = true;
    chain.seq = to;
    this.#held = { epoch: chain.epoch, seq: to };
  }

  #cut({ epoch, seq, cut }: NoteOf<'cut'>): void {
    const represented = this.#represented;
    const gapped = this.#gapped;
    this.#represented = 0;
    this.#gapped = 0;
    if (cut === undefined) return;
    if (cut.to !== seq || cut.represented !== represented || cut.gapped !== gapped) {
      this.#bad('INV9', `the cut ${JSON.stringify(cut)} at ${seq}; ${represented} were represented, ${gapped} in gaps`);
    }
    if (cut.represented + cut.skipped + cut.gapped !== cut.to - cut.from) {
      this.#bad('INV9', `the cut ${JSON.stringify(cut)} does not add up`);
    }
    if (gapped > 0) return; // what was lost is not known by key
    const log = this.#log(epoch);
    const unwanted = cut.to - cut.from - log.between(cut.from, cut.to, this.#wants).length;
    if (cut.skipped < unwanted || (this.#mode === 'EVERY' && cut.skipped !== unwanted)) {
      this.#bad('INV9', `the cut ${JSON.stringify(cut)} skips ${cut.skipped}; ${unwanted} were not asked for`);
    }
  }

  #compare(invariant: Invariant, epoch: string, seq: number, replica: readonly ReplicaEntry[]): void {
    const log = this.#log(epoch);
    const fold = log.fold(this.#base, seq, this.#wants);
    if (fold.size !== replica.length) {
      const keys = (list: Iterable<string>): string => [...list].sort().join();
      this.#bad(
        invariant,
        `at ${seq} it holds the keys ${keys(replica.map(([key]) => key))}; the log has ${keys(fold.keys())}`,
      );
      return;
    }
    for (const entry of replica) {
      const [key, own, value] = entry;
      const due = fold.get(key);
      const right = due?.seq === own && (due.value === value || (this.#mode === 'MERGE' && log.explainsSome(entry)));
      if (!right)
        this.#bad(invariant, `at ${seq} it holds ${JSON.stringify(entry)}; the log has ${JSON.stringify(due)}`);
    }
  }

  #taken({ key, seq, epoch, value, snapshot }: NoteOf<'taken'>): void {
    if (epochOf(epoch) !== this.#seenEpoch) {
      this.#seenEpoch = epochOf(epoch);
      this.#seen = new Map();
    }
    const before = this.#seen.get(key);
    if (this.#keyed && before !== undefined && !this.#repeats && (snapshot ? seq < before : seq <= before)) {
      this.#bad('INV6', `the key ${key} came at ${seq} after ${before}`);
    }
    this.#seen.set(key, Math.max(seq, before ?? 0));
    if (snapshot || this.#mode !== 'EVERY') return;
    const due = this.#expected.shift();
    if (due === undefined || due.seq !== seq || due.value !== value) {
      this.#bad('INV3', `the application got ${seq}; ${due?.seq ?? 'nothing'} was its turn`);
    }
  }

  #rest({ epoch: own, seq, state, replica }: NoteOf<'rest'>): void {
    if (state === 'Failed') {
      if (this.#accepts('RESET')) this.#bad('INV14', 'it failed, and it accepts a reset');
      return;
    }
    const epoch = this.#history.newest.get(epochOf(own)) ?? own;
    if (!this.#leadsTo({ epoch: own, seq }, epoch)) {
      this.#bad('INV10', `at rest it is at ${seq} of the log ${own}, and the log is ${epoch} now`);
      return;
    }
    const { head } = this.#log(epoch);
    if (state !== 'Live' || seq !== head) {
      this.#bad('INV14', `at rest it is ${state} at ${seq}; the head is ${head}`);
      return;
    }
    if (this.#mode === 'EVERY' && this.#expected.length > 0)
      this.#bad('INV14', `${this.#expected.length} changes were never taken`);
    const lossy = this.#subscriber.notes.some((note) => note.type === 'gap');
    if (this.#keyed && !lossy) this.#compare('INV4', epoch, seq, replica);
  }

  /** ms in which nobody could find out anything. */
  #paused(from: number, to: number): number {
    let sum = 0;
    for (const { t, ms } of this.#history.pauses) if (t + ms > from && t < to) sum += ms;
    return sum;
  }

  /** A link that carries nothing is found out. */
  #checkSilence(notes: readonly Note[]): void {
    for (const [at, note] of notes.entries()) {
      if (note.type !== 'silent') continue;
      const noticed = notes
        .slice(at)
        .find((later) => later.type === 'state' && (later.state === 'Stale' || later.state === 'Ended'));
      const until = noticed?.t ?? notes.at(-1)?.t ?? note.t;
      const after = until - note.t - this.#paused(note.t, until);
      if (after > note.within) {
        this.#t = note.t;
        this.#bad('INV14', `the link was silent, and that was noticed after ${after} ms, not ${note.within}`);
      }
    }
  }
}
