/**
 * The queue in front of the limit: four bands, by what a call is worth. Each has a share of what is served and of the
 * places that no other can take from it while it uses it; what it leaves, the most critical take. A band that was not
 * emptied for a while holds a standing queue: from then on it serves the newest first, since the oldest have
 * waited in vain anyway, and keeps no call for longer than its caller can wait, so a burst is served however slow the
 * machine is. Only a queue that still stands after seconds is no burst: then nothing waits for more than a part of that.
 * Within a band callers take turns, one call each, so that a caller which asks without end makes its own calls wait and no other's.
 * Sources: CoDel (RFC 8289) and adaptive LIFO as in Facebook's "Fail at Scale"; partitions of Netflix concurrency-limits.
 */
import { type Criticality, criticalities } from '../../contract/policy.js';

/** What each band is guaranteed of a server that is full, most critical first. */
export const shares = [0.4, 0.3, 0.2, 0.1] as const;

/** Calls by which a band may have got less than its share, or more, before that is forgotten. */
const mostCredit = 10;
const mostDebt = 20;
/** The bands before this one are served first when calls begin to wait: until then all were let in alike, and most were not critical. */
const firstSheddable = 2;

/** ms; a long queue is not looked through for each call that leaves it. */
const sweepEvery = 5;

/** ms that a burst may take to be served, and the part of its patience that a call is granted in what lasts longer. */
const longestBurst = 30_000;
const lastingShare = 0.2;

/** Turns of the event loop over which it is counted how fast a band is served: fewer say more of the machine than of the load. */
const fewestTurns = 4;

export interface QueueTerms {
  /** Places. */
  readonly max: number;
  /** ms; twice this may any call wait in a standing queue, however little time its caller has. */
  readonly target: number;
  /** ms without having been emptied that make a queue a standing one. */
  readonly interval: number;
}

/** A call that waits, a link of its band's list. */
export interface Waiting {
  readonly band: number;
  /** On the clock's scale, ms. */
  readonly since: number;
  /** ms that it may wait, as far as its caller is concerned. */
  readonly patience: number;
  /** Whose call it is: see call/owner.ts. */
  readonly owner: string;
  older: Waiting | undefined;
  newer: Waiting | undefined;
  /** The same among the calls of its owner in the band. */
  olderOwn: Waiting | undefined;
  newerOwn: Waiting | undefined;
  queued: boolean;
}

/** The calls of one caller that wait in a band. */
class Lane {
  oldest: Waiting | undefined;
  newest: Waiting | undefined;
  size = 0;
}

class Band {
  oldest: Waiting | undefined;
  newest: Waiting | undefined;
  size = 0;
  credit = 0;
  /** When nobody waited in it for long: it was empty because all had been served, or its oldest had just come. */
  goodAt = 0;
  pushedAt = Number.NEGATIVE_INFINITY;
  sweptAt = Number.NEGATIVE_INFINITY;
  /** Calls served in a ms while others waited, as far as that is known; counted anew each time that calls begin to wait. */
  rate: number | undefined;
  served = 0;
  countedFrom = 0;
  countedTurn = 0;
  /** By owner; the first is served next. */
  readonly lanes = new Map<string, Lane>();

  push(one: Waiting): void {
    let lane = this.lanes.get(one.owner);
    if (lane === undefined) {
      lane = new Lane();
      this.lanes.set(one.owner, lane);
    }
    one.olderOwn = lane.newest;
    if (lane.newest === undefined) lane.oldest = one;
    else lane.newest.newerOwn = one;
    lane.newest = one;
    lane.size += 1;
    one.older = this.newest;
    if (this.newest === undefined) this.oldest = one;
    else this.newest.newer = one;
    this.newest = one;
    this.size += 1;
  }

  remove(one: Waiting): void {
    if (one.older === undefined) this.oldest = one.newer;
    else one.older.newer = one.newer;
    if (one.newer === undefined) this.newest = one.older;
    else one.newer.older = one.older;
    one.older = undefined;
    one.newer = undefined;
    this.size -= 1;
    this.#leave(one, this.lanes.get(one.owner) as Lane);
  }

  /** The call that is served next: of the caller whose turn it is, the oldest or the newest. */
  next(newest: boolean): Waiting {
    const [owner, lane] = this.lanes.entries().next().value as [string, Lane]; // a call waits, so a lane is there
    if (this.lanes.size > 1) {
      this.lanes.delete(owner);
      this.lanes.set(owner, lane);
    }
    return (newest ? lane.newest : lane.oldest) as Waiting;
  }

  /** Of the calls that may wait, those of one caller: all, as long as no other has any. */
  fits(owner: string, allowed: number): boolean {
    if (this.size <= allowed) return true;
    const own = this.lanes.get(owner)?.size ?? 0;
    const callers = this.lanes.size + (own === 0 ? 1 : 0);
    return callers > 1 && own + 1 <= allowed / callers;
  }

  #leave(one: Waiting, lane: Lane): void {
    if (one.olderOwn === undefined) lane.oldest = one.newerOwn;
    else one.olderOwn.newerOwn = one.newerOwn;
    if (one.newerOwn === undefined) lane.newest = one.olderOwn;
    else one.newerOwn.olderOwn = one.olderOwn;
    one.olderOwn = undefined;
    one.newerOwn = undefined;
    lane.size -= 1;
    if (lane.size === 0) this.lanes.delete(one.owner);
  }
}

export class BandQueue<W extends Waiting> {
  readonly #terms: QueueTerms;
  readonly #bands: readonly Band[] = criticalities.map(() => new Band());
  readonly #sheddable = this.#bands.slice(firstSheddable);
  #size = 0;
  /** ms that the event loop's last turn took: nothing is served more often than that. */
  #turn = 0;
  #turns = 0;

  constructor(terms: QueueTerms) {
    this.#terms = terms;
  }

  get size(): number {
    return this.#size;
  }

  sizes(): Record<Criticality, number> {
    const sizes = {} as Record<Criticality, number>;
    for (const [at, name] of criticalities.entries()) sizes[name] = (this.#bands[at] as Band).size;
    return sizes;
  }

  /** The event loop has gone on, after so many ms. */
  turned(ms: number): void {
    this.#turn = Math.min(this.#terms.interval / 2, ms);
    this.#turns += 1;
  }

  /** Puts a call in that `refuses` has nothing against. Returns the one that had to go for it, if one had. */
  push(one: W): W | undefined {
    const evicted = this.#size < this.#terms.max ? undefined : this.#victim(one.band, one.owner);
    if (evicted !== undefined) this.remove(evicted);
    if (this.#size === 0) for (const band of this.#sheddable) band.credit = -mostDebt;
    const band = this.#bands[one.band] as Band;
    if (band.size === 0) {
      if (one.since - band.pushedAt > this.#terms.interval) band.goodAt = one.since;
      band.rate = undefined;
      this.#countFrom(band, one.since);
    }
    band.pushedAt = one.since;
    band.push(one);
    one.queued = true;
    this.#size += 1;
    return evicted;
  }

  /**
   * Why a call of a band need not be put in: all places are taken by calls that come before it, or more wait already than
   * the band, whose queue is a standing one, is served in the time that one may wait, and its caller has its part of them.
   */
  refuses(at: number, patience: number, now: number, owner: string): 'queue-full' | 'codel' | undefined {
    const band = this.#bands[at] as Band;
    if (this.#standing(band, now)) {
      this.#count(band, now);
      const { rate } = band;
      if (rate !== undefined && !band.fits(owner, rate * this.#bound(band, patience, now))) return 'codel';
    }
    return this.#size >= this.#terms.max && this.#victim(at, owner) === undefined ? 'queue-full' : undefined;
  }

  /** Until one was served it is not known how long it takes: handlers that wait for others answer in batches. */
  #count(band: Band, now: number): void {
    const ms = now - band.countedFrom;
    if (ms < this.#terms.interval || this.#turns - band.countedTurn < fewestTurns || band.served === 0) return;
    band.rate = band.served / ms;
    this.#countFrom(band, now);
  }

  #countFrom(band: Band, now: number): void {
    band.served = 0;
    band.countedFrom = now;
    band.countedTurn = this.#turns;
  }

  remove(one: W): void {
    if (!one.queued) return;
    one.queued = false;
    (this.#bands[one.band] as Band).remove(one);
    this.#size -= 1;
  }

  /** Takes out the call that is served next. */
  take(now: number): W | undefined {
    if (this.#size === 0) return undefined;
    const band = this.#next();
    const one = band.next(this.#standing(band, now)) as W;
    this.remove(one);
    if (band.size === 0) band.goodAt = now;
    band.served += 1;
    return one;
  }

  /** ms that a call may wait in a standing queue: some turns at least, however little time its caller has. */
  #bound(band: Band, patience: number, now: number): number {
    const granted = now - band.goodAt > longestBurst ? lastingShare * patience : patience;
    return Math.max(2 * this.#terms.target, 2 * this.#turn, granted);
  }

  /** Takes out the calls that have waited in a standing queue for longer than they may. */
  stale(now: number): W[] {
    const gone: W[] = [];
    for (const band of this.#bands) {
      const { oldest } = band;
      if (oldest === undefined) continue;
      if (now - oldest.since <= Math.max(this.#terms.target, this.#turn)) band.goodAt = now;
      if (!this.#standing(band, now) || now < band.sweptAt + sweepEvery) continue;
      band.sweptAt = now;
      const least = this.#bound(band, 0, now);
      for (let one: Waiting | undefined = oldest; one !== undefined && now - one.since > least; ) {
        const { newer }: Waiting = one;
        if (now - one.since > this.#bound(band, one.patience, now)) {
          this.remove(one as W);
          gone.push(one as W);
        }
        one = newer;
      }
    }
    return gone;
  }

  /** Whether a band holds a standing queue, or did a moment ago: new calls take their place in line rather than pass. */
  overloaded(now: number): boolean {
    const { interval } = this.#terms;
    return this.#bands.some((band) => now - band.pushedAt <= interval && this.#standing(band, now));
  }

  #standing(band: Band, now: number): boolean {
    return now - band.goodAt > this.#terms.interval;
  }

  /** The most critical band that has got less than its share, else the most critical of all that wait. */
  #next(): Band {
    let first: Band | undefined;
    let due: Band | undefined;
    for (const [at, band] of this.#bands.entries()) {
      band.credit = Math.min(mostCredit, band.credit + (shares[at] as number));
      if (band.size === 0) continue;
      first ??= band;
      if (due === undefined && band.credit >= 1) due = band;
    }
    const next = (due ?? first) as Band;
    next.credit = Math.max(-mostDebt, next.credit - 1);
    return next;
  }

  /**
   * What goes for a call of a band when all places are taken: the oldest of a less critical band, or of one that holds too much; else
   * the oldest of its own band where another caller has more there.
   */
  #victim(at: number, owner: string): W | undefined {
    const most = this.#terms.max;
    const hasShare = (this.#bands[at] as Band).size < (shares[at] as number) * most;
    for (let other = this.#bands.length - 1; other >= 0; other--) {
      const band = this.#bands[other] as Band;
      const over = band.size > (shares[other] as number) * most;
      if (band.oldest !== undefined && over && other !== at && (hasShare || other > at)) return band.oldest as W;
    }
    const band = this.#bands[at] as Band;
    const { oldest } = band;
    if (oldest === undefined || oldest.owner === owner) return undefined;
    const [theirs, own] = [oldest.owner, owner].map((one) => band.lanes.get(one)?.size ?? 0) as [number, number];
    return theirs > own + 1 ? (oldest as W) : undefined;
  }
}
